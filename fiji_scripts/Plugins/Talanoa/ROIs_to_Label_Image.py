#@ File (label="ROI zip (empty: the ROI Manager)", style="open", required=false, keep="run", persist=false) rois
#@ File (label="Image that gives the size (empty: the open one)", style="open", required=false, keep="run", persist=false) image
#@ String (label="Axes of the file (tyx: a movie; empty: as it says)", required=false, value="", keep="run", persist=false) dims
#@ String (label="Image of the file (a number)", required=false, value="", row="same", keep="run", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", keep="run", persist=false) missing_planes
#@ File (label="Save as (new file; empty: show only)", style="save", required=false, keep="run", persist=false) out
#@ ObjectService objects
from talanoa_fiji import client, show

reply = client.ask(
    objects,
    "rois",
    {"rois": rois, "image": image, "dims": dims, "series": series, "missing_planes": missing_planes, "out": out},
    fixed={"action": "to_labels"},
    image=True,
    area=True,
)
show.result(reply, "ROIs to Label Image", parts=["labels"])
