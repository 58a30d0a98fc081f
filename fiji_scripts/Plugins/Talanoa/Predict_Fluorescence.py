#@ String (label="Model", offer="models", of="stains", value="", persist=false) model
#@ String (label="Further models (names, separated by ;)", required=false, value="", width="24", joins="model", persist=false) further
#@ String (label="Stains (empty: all)", required=false, value="", persist=false) stains
#@ String (label="Channel (empty: the only one)", required=false, value="", keep="image", persist=false) channel
#@ String (label="Planes (empty: as trained)", required=false, value="", row="same", keep="image", persist=false) planes
#@ String (label="Frames (empty: all)", required=false, value="", row="same", keep="image", persist=false) frames
#@ String (label="Scale (a factor, or auto)", required=false, value="", persist=false) scale
#@ Boolean (label="Transmitted light as first channel", value=false, persist=false) keep_input
#@ String (label="Pixels of the result", choices={"float32", "uint16"}, value="float32", persist=false) dtype
#@ String (label="Number of Tiles (empty: automatic)", required=false, value="", row="same", persist=false) tiles
#@ String (label="Windows of this side instead of tiles (pixels)", required=false, value="", persist=false) window
#@ String (label="Border discarded of a window (empty: 30)", required=false, value="", row="same", persist=false) border
#@ Boolean (label="Blend windows instead of discarding borders", value=false, persist=false) blend
#@ Boolean (label="Mean over mirrored and turned images (slower)", value=false, persist=false) tta
#@ Boolean (label="Show the uncertainty of each pixel", value=false, persist=false) uncertainty
#@ String (label="Frames that levels are taken from (empty: automatic)", required=false, value="", keep="image", persist=false) sample
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
    "model": u"; ".join([name for name in (model, further) if name]),
    "stains": stains,
    "channel": channel,
    "planes": planes,
    "frames": frames,
    "scale": scale,
    "keep_input": keep_input,
    "dtype": dtype,
    "tiles": tiles,
    "window": window,
    "border": border,
    "blend": blend,
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
show.result(client.ask(objects, "predict", keys, image=True), "Predict Fluorescence")
