#@ String (label="Model", offer="models", of="objects", value="nuclei", persist=false) model
#@ String (label="Probability/Score Threshold (empty: the model's own)", required=false, value="", persist=false) prob_thresh
#@ String (label="Overlap Threshold (empty: the model's own)", required=false, value="", persist=false) nms_thresh
#@ Double (label="Percentile low", value=1.0, persist=false) norm_low
#@ Double (label="Percentile high", value=99.8, row="same", persist=false) norm_high
#@ Double (label="Scale the image by", value=1.0, persist=false) scale
#@ Double (label="along z (3D models)", value=1.0, row="same", persist=false) scale_z
#@ String (label="Number of Tiles (empty: automatic)", required=false, value="", row="same", persist=false) tiles
#@ String (label="Channel", required=false, value="", keep="image", preset="channel", persist=false) channel
#@ String (label="Slice", required=false, value="", row="same", keep="image", persist=false) plane
#@ String (label="Frames (empty: all)", required=false, value="", row="same", keep="image", persist=false) frames
#@ String (label="Size from (pixels)", required=false, value="", persist=false) min_size
#@ String (label="to", required=false, value="", row="same", persist=false) max_size
#@ String (label="Mean intensity from", required=false, value="", persist=false) min_intensity
#@ String (label="to", required=false, value="", row="same", persist=false) max_intensity
#@ Boolean (label="Exclude objects at the border", value=false, persist=false) exclude_border
#@ String (label="ROIs", choices={"update", "append", "replace", "overlay", "none"}, value="update", persist=false) rois
#@ String (label="Outline", choices={"traced", "star"}, value="traced", row="same", persist=false) outline
#@ String (label="Background", choices={"none", "rolling_ball", "clip"}, value="none", persist=false) background
#@ Double (label="Radius (pixels)", value=50.0, row="same", persist=false) background_radius
#@ String (label="Device", choices={"auto", "cpu", "cuda", "mps"}, value="auto", persist=false) device
#@ String (label="Network runs by", choices={"auto", "onnx", "torch"}, value="auto", row="same", persist=false) backend
#@ File (label="Image (empty: the open one)", required=false, keep="run", persist=false) image
#@ String (label="Axes of the file (tyx: a movie; empty: as it says)", required=false, value="", keep="run", persist=false) dims
#@ String (label="Image of the file (a number)", required=false, value="", row="same", keep="run", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", keep="run", persist=false) missing_planes
#@ File (label="Result folder (new; empty: none)", style="directory", required=false, keep="run", persist=false) out
#@ Boolean (label="Copy the model into it", value=false, persist=false) copy_model
#@ Boolean (label="Show the network's probability", value=false, persist=false) maps
#@ Boolean (label="Adjust thresholds before the results are shown", value=false, persist=false) adjust
#@ ObjectService objects
from talanoa_fiji import client, show, ui_thresholds

keys = {
    "model": model,
    "prob_thresh": prob_thresh,
    "nms_thresh": nms_thresh,
    "norm_low": norm_low,
    "norm_high": norm_high,
    "scale": scale,
    "scale_z": scale_z,
    "tiles": tiles,
    "channel": channel,
    "plane": plane,
    "frames": frames,
    "min_size": min_size,
    "max_size": max_size,
    "min_intensity": min_intensity,
    "max_intensity": max_intensity,
    "exclude_border": exclude_border,
    "rois": rois,
    "outline": outline,
    "background": background,
    "background_radius": background_radius,
    "device": device,
    "backend": backend,
    "image": image,
    "dims": dims,
    "series": series,
    "missing_planes": missing_planes,
    "out": out,
    "copy_model": copy_model,
    "maps": maps,
}
if adjust and ui_thresholds.possible():
    ui_thresholds.segment(objects, keys, "Segment Objects")
else:
    show.result(client.ask(objects, "segment", keys, image=True), "Segment Objects")
