#@ String (label="Method", choices={"stardist"}, value="stardist", persist=false) method
#@ File (label="Dataset, or folder of images", style="directory", persist=false) images
#@ File (label="Folder of label images (none for a dataset)", style="directory", required=false, persist=false) targets
#@ File (label="or folder of ROI zips", style="directory", required=false, persist=false) rois
#@ String (label="Name of the new model", value="", width=20, persist=false) name
#@ String (label="Length of the training", choices={"quick", "standard", "long"}, value="standard", persist=false) preset
#@ String (label="Epochs (empty: as the length says)", required=false, value="", persist=false) epochs
#@ String (label="Steps of an epoch", required=false, value="", row="same", persist=false) steps
#@ String (label="Patch side (pixels)", required=false, value="", persist=false) patch
#@ String (label="Slices of a patch (stacks)", required=false, value="", row="same", persist=false) patch_z
#@ String (label="Patches in a step", required=false, value="", row="same", persist=false) batch
#@ String (label="Learning rate", required=false, value="", persist=false) lr
#@ Integer (label="Seed", value=42, row="same", persist=false) seed
#@ String (label="Rays", required=false, value="", persist=false) n_rays
#@ String (label="Grid (1, 2, 4)", required=false, value="", row="same", persist=false) grid
#@ String (label="Dimensions (2, 3; empty: as the images)", required=false, value="", persist=false) ndim
#@ String (label="Slice distance in pixels (stacks; empty: measured)", required=false, value="", persist=false) anisotropy
#@ String (label="Network for stacks (unet, resnet)", required=false, value="", row="same", persist=false) backbone
#@ String (label="Channel", required=false, value="", persist=false) channel
#@ Double (label="Part of the images for validation", value=0.1, row="same", persist=false) validation
#@ String (label="Classes (true, false; empty: as the dataset)", required=false, value="", persist=false) classes
#@ String (label="Masks of one value", choices={"refuse", "split", "keep"}, value="refuse", row="same", persist=false) mask
#@ String (label="Start from model (empty: from scratch)", required=false, value="", width=20, persist=false) init
#@ Boolean (label="Go on with an interrupted training of this name", value=false, persist=false) resume
#@ String (label="Licence of the data", required=false, value="", width=20, persist=false) licence
#@ String (label="Device", choices={"auto", "cpu", "cuda", "mps"}, value="auto", persist=false) device
#@ ObjectService objects
from talanoa_fiji import ui_before

keys = {
    "method": method,
    "images": images,
    "targets": targets,
    "rois": rois,
    "name": name,
    "preset": preset,
    "epochs": epochs,
    "steps": steps,
    "patch": patch,
    "patch_z": patch_z,
    "batch": batch,
    "lr": lr,
    "seed": seed,
    "n_rays": n_rays,
    "grid": grid,
    "ndim": ndim,
    "anisotropy": anisotropy,
    "backbone": backbone,
    "channel": channel,
    "validation": validation,
    "classes": classes,
    "mask": mask,
    "init": init,
    "resume": resume,
    "licence": licence,
    "device": device,
}
ui_before.train(objects, keys, "Train Model")
