#@ File (label="Label image (empty: the open one)", style="open", required=false, keep="run", persist=false) image
#@ String (label="Axes of the file (tyx: a movie; empty: as it says)", required=false, value="", keep="run", persist=false) dims
#@ String (label="Image of the file (a number)", required=false, value="", row="same", keep="run", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", keep="run", persist=false) missing_planes
#@ String (label="A mask of one value", choices={"refuse", "split", "keep"}, value="refuse", persist=false) mask
#@ String (label="ROIs", choices={"update", "append", "replace", "overlay", "none"}, value="update", persist=false) show
#@ File (label="Save as (new ROI zip; empty: show only)", style="save", required=false, keep="run", persist=false) out
#@ ObjectService objects
from talanoa_fiji import client
from talanoa_fiji import show as screen

reply = client.ask(
    objects,
    "rois",
    {"image": image, "dims": dims, "series": series, "missing_planes": missing_planes, "mask": mask, "show": show, "out": out},
    fixed={"action": "from_labels"},
    image=True,
)
screen.result(reply, "Label Image to ROIs", parts=["rois"])
