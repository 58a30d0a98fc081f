#@ String (label="What is judged", choices={"auto", "objects", "image", "stains"}, value="auto", persist=false) kind
#@ File (label="Ground truth (dataset, label images, ROI zips, clean images, stains)", style="directory", required=false, persist=false) truth
#@ File (label="Folder of the images, or plate (none for a dataset)", style="directory", required=false, persist=false) images
#@ String (label="Model", offer="models", empty="none", required=false, value="", persist=false) model
#@ File (label="or folder of label images, restored images or stains", style="directory", required=false, persist=false) prediction
#@ File (label="or annotations by another person", style="directory", required=false, persist=false) annotator
#@ String (label="Axes of the files (tyx: movies; empty: as they say)", required=false, value="", persist=false) dims
#@ String (label="Image of each file (a number)", required=false, value="", row="same", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", persist=false) missing_planes
#@ String (label="Compare with (models or folders, between them ;)", required=false, value="", width=24, persist=false) compare
#@ File (label="Folder of training images (empty: as the model recorded)", style="directory", required=false, persist=false) train
#@ Boolean (label="Look for test images among the training images", value=true, persist=false) leaks
#@ Double (label="An object counts as found from object IoU", value=0.5, persist=false) iou
#@ Integer (label="Resamplings for confidence intervals", value=2000, persist=false) bootstrap
#@ Integer (label="Seed", value=42, row="same", persist=false) seed
#@ Integer (label="Pictures in the report", value=12, row="same", persist=false) pictures
#@ String (label="What may be made up, from", choices={"auto", "none", "turns", "models"}, value="auto", persist=false) disagreement
#@ String (label="A mask of one value", choices={"refuse", "split", "keep"}, value="refuse", persist=false) mask
#@ String (label="Truth without partner", choices={"refuse", "skip"}, value="refuse", row="same", persist=false) unpaired
#@ String (label="Stains (empty: all)", required=false, value="", persist=false) stains
#@ String (label="transmitted light is in (empty: usual name)", required=false, value="", row="same", persist=false) transmitted
#@ String (label="Stains are segmented by (nucleus: nuclei; er: er)", required=false, value="", width=24, persist=false) segment
#@ String (label="Cell cycle from the stain (or G1, S/G2, objects)", required=false, value="", persist=false) cycle
#@ String (label="also at scales", required=false, value="", row="same", persist=false) scales
#@ String (label="Channel", required=false, value="", keep="image", persist=false) channel
#@ String (label="Probability (empty: the model's own)", required=false, value="", row="same", persist=false) prob_thresh
#@ String (label="Overlap (empty: the model's own)", required=false, value="", row="same", persist=false) nms_thresh
#@ String (label="Percentile low (empty: 1, or the model's)", required=false, value="", persist=false) norm_low
#@ String (label="high (empty: 99.8, or the model's)", required=false, value="", row="same", persist=false) norm_high
#@ Double (label="Scale the images by", value=1.0, persist=false) scale
#@ Double (label="along z", value=1.0, row="same", persist=false) scale_z
#@ Integer (label="Size from (pixels)", value=0, row="same", persist=false) min_size
#@ String (label="Device", choices={"auto", "cpu", "cuda", "mps"}, value="auto", persist=false) device
#@ String (label="Network runs by", choices={"auto", "onnx", "torch"}, value="auto", row="same", persist=false) backend
#@ File (label="Folder for the report (new; empty: table only)", style="directory", required=false, keep="run", persist=false) out
#@ ObjectService objects
from talanoa_fiji import client, show

reply = client.ask(
    objects,
    "evaluate",
    {
        "kind": kind,
        "truth": truth,
        "images": images,
        "model": model,
        "prediction": prediction,
        "annotator": annotator,
    "dims": dims,
    "series": series,
    "missing_planes": missing_planes,
        "compare": compare,
        "train": train,
        "leaks": leaks,
        "iou": iou,
        "bootstrap": bootstrap,
        "seed": seed,
        "pictures": pictures,
        "disagreement": disagreement,
        "mask": mask,
        "unpaired": unpaired,
        "stains": stains,
        "transmitted": transmitted,
        "segment": segment,
        "cycle": cycle,
        "scales": scales,
        "channel": channel,
        "prob_thresh": prob_thresh,
        "nms_thresh": nms_thresh,
        "norm_low": norm_low,
        "norm_high": norm_high,
        "scale": scale,
        "scale_z": scale_z,
        "min_size": min_size,
        "device": device,
        "backend": backend,
        "out": out,
    },
)
show.report(reply, "Evaluate Model")
