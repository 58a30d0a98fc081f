#@ String (label="Model", offer="models", of="image", value="", persist=false) model
#@ String (label="Percentile low (empty: the model's own)", required=false, value="", persist=false) norm_low
#@ String (label="Percentile high", required=false, value="", row="same", persist=false) norm_high
#@ String (label="Channel (a number, or all)", required=false, value="", keep="image", preset="channel", persist=false) channel
#@ String (label="Slice", required=false, value="", row="same", keep="image", persist=false) plane
#@ String (label="Frames (empty: all)", required=false, value="", row="same", keep="image", persist=false) frames
#@ String (label="Pixels of the result", choices={"float32", "uint16", "same"}, value="float32", persist=false) dtype
#@ String (label="Number of Tiles (empty: automatic)", required=false, value="", row="same", persist=false) tiles
#@ Boolean (label="Mean over mirrored and turned images (slower)", value=false, persist=false) tta
#@ Boolean (label="Show the uncertainty of each pixel", value=false, persist=false) uncertainty
#@ String (label="Frames that percentiles are taken from (empty: automatic)", required=false, value="", keep="image", persist=false) sample
#@ String (label="Device", choices={"auto", "cpu", "cuda", "mps"}, value="auto", persist=false) device
#@ String (label="Network runs by", choices={"auto", "onnx", "torch"}, value="auto", row="same", persist=false) backend
#@ File (label="Image (empty: the open one)", required=false, keep="run", persist=false) image
#@ String (label="Axes of the file (tyx: a movie; empty: as it says)", required=false, value="", keep="run", persist=false) dims
#@ String (label="Image of the file (a number)", required=false, value="", row="same", keep="run", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", keep="run", persist=false) missing_planes
#@ File (label="Result folder (new; empty: none)", style="directory", required=false, keep="run", persist=false) out
#@ Boolean (label="Copy the model into it", value=false, persist=false) copy_model
#@ ObjectService objects
from talanoa_fiji import client, show

keys = {
    "model": model,
    "norm_low": norm_low,
    "norm_high": norm_high,
    "channel": channel,
    "plane": plane,
    "frames": frames,
    "dtype": dtype,
    "tiles": tiles,
    "tta": tta,
    "uncertainty": uncertainty,
    "sample": sample,
    "device": device,
    "backend": backend,
    "image": image,
    "dims": dims,
    "series": series,
    "missing_planes": missing_planes,
    "out": out,
    "copy_model": copy_model,
}
show.result(client.ask(objects, "restore", keys, image=True), "Restore Image")
