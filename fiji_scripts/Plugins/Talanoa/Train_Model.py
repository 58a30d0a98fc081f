#@ String (label="Method", choices={"stardist", "segmentation", "care", "n2v", "n2n", "labelling"}, value="stardist", persist=false) method
#@ File (label="Dataset, or folder of images", style="directory", required=false, persist=false) images
#@ File (label="Folder of label images, or of clean images", style="directory", required=false, persist=false) targets
#@ File (label="or folder of ROI zips", style="directory", required=false, persist=false) rois
#@ String (label="Axes of the files (tyx: movies; empty: as they say)", required=false, value="", persist=false) dims
#@ String (label="Image of each file (a number)", required=false, value="", row="same", persist=false) series
#@ String (label="Missing planes", choices={"refuse", "skip", "skip_channels", "fill"}, value="refuse", row="same", persist=false) missing_planes
#@ Boolean (label="Train and denoise the open image (n2v: without folders)", value=false, persist=false) apply
#@ String (label="Name of the new model", value="", width=20, keep="run", persist=false) name
#@ String (label="Length of the training", choices={"quick", "standard", "long", "published"}, value="standard", persist=false) preset
#@ String (label="Epochs (empty: as the length says)", required=false, value="", persist=false) epochs
#@ String (label="Steps of an epoch", required=false, value="", row="same", persist=false) steps
#@ String (label="Patch side (pixels)", required=false, value="", persist=false) patch
#@ String (label="Slices of a patch (stacks)", required=false, value="", row="same", persist=false) patch_z
#@ String (label="Patches in a step", required=false, value="", row="same", persist=false) batch
#@ String (label="Learning rate", required=false, value="", persist=false) lr
#@ Integer (label="Seed", value=42, row="same", persist=false) seed
#@ String (label="bfloat16 (true, false)", required=false, value="", row="same", persist=false) mixed_precision
#@ String (label="Dimensions (2, 3; empty: as the images)", required=false, value="", persist=false) ndim
#@ String (label="Channel", required=false, value="", row="same", keep="image", persist=false) channel
#@ String (label="Price of an hour", required=false, value="", row="same", persist=false) price
#@ Double (label="Part of the images for validation", value=0.1, persist=false) validation
#@ String (label="Device", choices={"auto", "cpu", "cuda", "mps"}, value="auto", row="same", persist=false) device
#@ String (label="in the currency", required=false, value="EUR", row="same", persist=false) currency
#@ String (label="Start from model (empty: from scratch)", required=false, value="", width=20, keep="run", persist=false) init
#@ Boolean (label="Go on with an interrupted training of this name", value=false, keep="run", persist=false) resume
#@ String (label="Licence of the data", required=false, value="", width=20, persist=false) licence
#@ Boolean (label="More settings of the method (a second dialog)", value=false, persist=false) more
#@ String (label="Levels of the U-Net", required=false, value="", only="stardist segmentation care n2v n2n labelling", persist=false) depth
#@ String (label="Filters of its first level", required=false, value="", row="same", only="stardist segmentation care n2v n2n labelling", persist=false) filters
#@ String (label="Rays", required=false, value="", only="stardist", persist=false) n_rays
#@ String (label="Grid (1, 2, 4)", required=false, value="", row="same", only="stardist", persist=false) grid
#@ String (label="Slice distance in pixels (stacks; empty: measured)", required=false, value="", only="stardist care", persist=false) anisotropy
#@ String (label="Network (unet, resnet, labelling)", required=false, value="", row="same", only="stardist", persist=false) backbone
#@ String (label="Classes (true, false; empty: as the dataset)", required=false, value="", only="stardist", persist=false) classes
#@ String (label="Masks of one value", choices={"refuse", "split", "keep"}, value="refuse", row="same", only="stardist segmentation", persist=false) mask
#@ String (label="Encoder of the model to start from", choices={"trained", "slow", "frozen"}, value="trained", only="stardist segmentation", persist=false) transfer
#@ String (label="Labels by model (in the folder of label images)", required=false, value="", width=20, only="stardist segmentation", persist=false) label_model
#@ String (label="Side of the convolutions (odd)", required=false, value="", only="care n2v n2n", persist=false) kernel
#@ String (label="Loss (mae, mse; segmentation: jaccard, focal; labelling: mse=1 sobel=0.1)", required=false, value="", width=32, row="same", only="segmentation care n2v n2n labelling", persist=false) loss
#@ String (label="The loss perceptual looks through (vgg16; empty: a network of its own)", required=false, value="", width=20, only="labelling", persist=false) loss_backbone
#@ File (label="Weights of that network", style="file", required=false, only="labelling", persist=false) backbone_weights
#@ String (label="Channel of the clean images (or for the model of labels)", required=false, value="", only="stardist segmentation care n2n", persist=false) target_channel
#@ String (label="Pairs that are shifted", choices={"report", "correct"}, value="report", row="same", only="care n2n labelling", persist=false) registration
#@ Double (label="Percentile low", value=3.0, only="care n2n labelling", persist=false) norm_low
#@ Double (label="Percentile high", value=99.8, row="same", only="care n2n labelling", persist=false) norm_high
#@ String (label="Masked pixels (percent)", required=false, value="", only="n2v", persist=false) masked_percent
#@ String (label="Their values come from within (pixels)", required=false, value="", row="same", only="n2v", persist=false) radius
#@ String (label="Their values (uniform_withcp, median)", required=false, value="", only="n2v", persist=false) manipulator
#@ String (label="Noise is alike along (structN2V)", choices={"none", "horizontal", "vertical"}, value="none", only="n2v", persist=false) struct_axis
#@ String (label="over pixels to each side", required=false, value="", row="same", only="n2v", persist=false) struct_radius
#@ String (label="Share of patches without signal (0 to 1)", required=false, value="", only="care n2v n2n", persist=false) background
#@ String (label="Epochs without progress that end it", required=false, value="", row="same", only="care n2v n2n labelling", persist=false) patience
#@ Boolean (label="Mirror and turn the patches", value=true, only="care n2v n2n labelling", persist=false) augment
#@ Boolean (label="Network of N2V2, against checkerboard patterns", value=false, only="n2v", persist=false) n2v2
#@ Boolean (label="Learn the uncertainty of each pixel, too", value=false, only="care", persist=false) probabilistic
#@ Boolean (label="A plane from each stack: the clean images are planes", value=false, only="care", persist=false) projection
#@ Boolean (label="Isotropic stacks, learned from stacks alone", value=false, only="care", persist=false) isotropic
#@ String (label="Blur along z (pixels; empty: half the slice distance)", required=false, value="", only="care", persist=false) axial_sigma
#@ Boolean (label="A network for each channel", value=false, only="n2v", persist=false) separate_channels
#@ String (label="Transmitted light (folders; empty: by its name)", required=false, value="", only="labelling", persist=false) transmitted
#@ String (label="Stains (folders, or names of channels; empty: all)", required=false, value="", width=20, only="labelling", persist=false) stains
#@ String (label="Channels of the stains", required=false, value="", only="labelling", persist=false) target_channels
#@ String (label="Focal planes (all, 3, 2,3,4)", value="all", row="same", only="labelling", persist=false) planes
#@ String (label="Of a stain's stack (max, mean, a plane)", value="max", row="same", only="labelling", persist=false) project
#@ String (label="Prepare (er: clip=90; nucleus: binarise)", required=false, value="", width=60, only="labelling", persist=false) prepare
#@ String (label="Normalise", choices={"minmax", "zscore", "percentile"}, value="minmax", only="labelling", persist=false) normalization
#@ String (label="together", choices={"image", "plate"}, value="image", row="same", only="labelling", persist=false) normalize_by
#@ String (label="by control wells", required=false, value="", row="same", only="labelling", persist=false) controls
#@ String (label="Levels of stains by", choices={"training", "image"}, value="training", only="labelling", persist=false) stain_levels
#@ Double (label="Stain percentile low", value=1.0, row="same", only="labelling", persist=false) stain_low
#@ Double (label="Stain percentile high", value=99.9, row="same", only="labelling", persist=false) stain_high
#@ String (label="Put aside by", choices={"image", "well", "plate"}, value="image", only="labelling", persist=false) split_by
#@ String (label="Part for a test (empty: 0.2 from 10 images on)", required=false, value="", row="same", only="labelling", persist=false) test_share
#@ String (label="Show equally often", choices={"none", "plate", "phenotype"}, value="none", only="labelling", persist=false) balance
#@ String (label="Background of a patch at most", required=false, value="", row="same", only="labelling", persist=false) most_background
#@ String (label="Network (unet, encoder, projection, pix2pix)", required=false, value="", only="labelling", persist=false) network
#@ String (label="Encoder", required=false, value="", row="same", only="labelling", persist=false) encoder
#@ String (label="Dropout (0 to 1)", required=false, value="", row="same", only="labelling", persist=false) dropout
#@ File (label="Weights of the encoder", style="file", required=false, only="labelling", persist=false) encoder_weights
#@ String (label="Optimiser (adam, adamw, adadelta, sgd)", required=false, value="", only="labelling", persist=false) optimizer
#@ String (label="Regularisation", choices={"none", "strong"}, value="none", row="same", only="labelling", persist=false) regularisation
#@ String (label="Weight decay", required=false, value="", row="same", only="labelling", persist=false) weight_decay
#@ Boolean (label="Make transmitted light even (flat field)", value=false, only="labelling", persist=false) flat_field
#@ Boolean (label="Leave out patches that tell nothing", value=true, row="same", only="labelling", persist=false) filter_crops
#@ Boolean (label="Wrong exposure and stray light, too", value=false, only="labelling", persist=false) corruptions
#@ Boolean (label="A model for each stain", value=false, row="same", only="labelling", persist=false) one_per_stain
#@ ObjectService objects
from talanoa_fiji import ui_before

keys = {
    "method": method,
    "images": images,
    "targets": targets,
    "rois": rois,
    "dims": dims,
    "series": series,
    "missing_planes": missing_planes,
    "apply": apply,
    "name": name,
    "preset": preset,
    "epochs": epochs,
    "steps": steps,
    "patch": patch,
    "patch_z": patch_z,
    "batch": batch,
    "lr": lr,
    "seed": seed,
    "mixed_precision": mixed_precision,
    "ndim": ndim,
    "channel": channel,
    "price": price,
    "validation": validation,
    "device": device,
    "currency": currency,
    "init": init,
    "resume": resume,
    "licence": licence,
    "depth": depth,
    "filters": filters,
    "n_rays": n_rays,
    "grid": grid,
    "anisotropy": anisotropy,
    "backbone": backbone,
    "classes": classes,
    "mask": mask,
    "transfer": transfer,
    "label_model": label_model,
    "kernel": kernel,
    "loss": loss,
    "loss_backbone": loss_backbone,
    "backbone_weights": backbone_weights,
    "target_channel": target_channel,
    "registration": registration,
    "norm_low": norm_low,
    "norm_high": norm_high,
    "masked_percent": masked_percent,
    "radius": radius,
    "manipulator": manipulator,
    "struct_axis": struct_axis,
    "struct_radius": struct_radius,
    "background": background,
    "patience": patience,
    "augment": augment,
    "n2v2": n2v2,
    "probabilistic": probabilistic,
    "projection": projection,
    "isotropic": isotropic,
    "axial_sigma": axial_sigma,
    "separate_channels": separate_channels,
    "transmitted": transmitted,
    "stains": stains,
    "target_channels": target_channels,
    "planes": planes,
    "project": project,
    "prepare": prepare,
    "normalization": normalization,
    "normalize_by": normalize_by,
    "controls": controls,
    "stain_levels": stain_levels,
    "stain_low": stain_low,
    "stain_high": stain_high,
    "split_by": split_by,
    "test_share": test_share,
    "balance": balance,
    "most_background": most_background,
    "network": network,
    "encoder": encoder,
    "dropout": dropout,
    "encoder_weights": encoder_weights,
    "optimizer": optimizer,
    "regularisation": regularisation,
    "weight_decay": weight_decay,
    "flat_field": flat_field,
    "filter_crops": filter_crops,
    "corruptions": corruptions,
    "one_per_stain": one_per_stain,
}
ui_before.train(objects, keys, "Train Model")
