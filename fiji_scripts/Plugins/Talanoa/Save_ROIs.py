#@ File (label="Save as (new ROI zip)", style="save", keep="run", persist=false) out
#@ ObjectService objects
from talanoa_fiji import client, show

reply = client.ask(objects, "rois", {"out": out}, fixed={"action": "save"}, area=True)
show.result(reply, "Save ROIs", parts=[])
