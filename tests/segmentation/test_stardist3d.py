"""StarDist 3D as users meet it: trained on stacks, applied to stacks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import xarray as xr

from helpers.synthetic import nuclei, stack, write_stacks
from helpers.trained3d import request, small_model
from talanoa import image as images
from talanoa import rois, tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.image.ops.normalize import normalize
from talanoa.measure.metrics.matching import match_images
from talanoa.models import folder as model_folder
from talanoa.models.folder import Model
from talanoa.models.methods import star_convex, stardist3d
from talanoa.models.runtime import inference, tiles
from talanoa.segmentation.predict import Segmentation, segment
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks.recipes import train
from talanoa.training.table import read_losses


@pytest.fixture(scope="module")
def model() -> Model:
    return model_folder.load(small_model().name)


def as_stack(values: np.ndarray, dims: str = "zyx") -> xr.DataArray:
    return from_array(values, dims, pixel_size=(2.0, 1.0, 1.0), unit="µm")


def run(image: np.ndarray | xr.DataArray, model: Model, selection: Any = None, **keys: Any) -> Segmentation:
    data = image if isinstance(image, xr.DataArray) else as_stack(image)
    return segment(data, model, SegmentRequest(device="cpu", **keys), QuietHost(), selection)


def volume(found: Segmentation) -> np.ndarray:
    return found.labels.values[0, 0]


def test_a_small_training_finds_the_nuclei_of_new_stacks(model: Model) -> None:
    pairs = [(labels, volume(run(image, model))) for image, labels in (stack(seed=seed) for seed in range(50, 54))]
    assert match_images(pairs)[0.5].f1 >= 0.8


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 2, 2)])
def test_a_perfect_network_would_give_the_labels(grid: tuple[int, int, int]) -> None:
    labels = stack((16, 64, 64), 10, seed=75)[1].astype(np.int32)
    config = stardist3d.config_from(grid=grid, anisotropy=(2.0, 1.0, 1.0))
    prob, dist = stardist3d.targets(labels, config)
    found = star_convex.decode(star_convex.candidates(prob[0], dist, 0.4, config), 0.3)
    scores = match_images([(labels, star_convex.render(found, labels.shape)[0])], (0.5,))[0.5]
    assert scores.f1 == 1.0 and scores.panoptic_quality > 0.75


def test_network_and_anisotropy_follow_from_the_objects(model: Model) -> None:
    config = stardist3d.config_from(**model.config)
    assert model.method == "stardist3d" and model.ndim == 3
    assert config.anisotropy[0] == pytest.approx(2.0, abs=0.4) and config.anisotropy[1:] == (1, 1)
    assert config.grid == (1, 2, 2)
    assert (model.pixel_size, model.pixel_depth, model.unit) == (1.0, 2.0, "µm")


def test_labels_and_objects_agree(model: Model) -> None:
    found = run(stack(seed=60)[0], model)
    labels = volume(found)
    assert found.labels.dims == ("t", "c", "z", "y", "x") and labels.shape == (16, 64, 64)
    assert np.array_equal(np.unique(labels), np.arange(len(found.objects) + 1))
    places = found.objects[["Z", "Y", "X"]].to_numpy().round().astype(int)
    assert np.mean(labels[tuple(places.T)] == found.objects["Label"]) > 0.9


@pytest.mark.parametrize("count", [2, 6])
def test_tiled_equals_untiled(model: Model, count: int) -> None:
    image = stack((20, 80, 72), 14, seed=61)[0]
    whole, tiled = run(image, model, tiles=1), run(image, model, tiles=count)
    assert tiled.record["tiles"] >= count and len(tiled.record["tiles_zyx"]) == 3
    assert np.array_equal(volume(whole), volume(tiled))


def test_network_output_of_tiles_equals_that_of_the_whole(model: Model) -> None:
    config = stardist3d.config_from(**model.config)
    image = normalize(stack((19, 70, 61), 10, seed=62)[0])[None]
    net = inference.prepared(model.network(), torch.device("cpu"))
    shape = image.shape[1:]
    whole_plan = tiles.plan(shape, (1, 1, 1), config.halo, config.multiple)
    ((_, whole),) = inference.outputs(net, image, whole_plan, config)
    for tile, maps in inference.outputs(net, image, tiles.plan(shape, (2, 2, 2), config.halo, config.multiple), config):
        part = tuple(slice(a // g, -(-b // g)) for (a, b), g in zip(tile.core, config.grid, strict=True))
        assert np.allclose(maps.prob, whole.prob[part], atol=1e-5)
        assert np.allclose(maps.dist, whole.dist[(slice(None), *part)], atol=1e-3)


def test_volumes_are_cut_where_it_costs_least() -> None:
    assert tiles.splits_within((100, 400, 400), (10, 50, 50), 100_000_000) == (1, 1, 1)
    parts = tiles.splits_within((355, 500, 1200), (26, 51, 51), 12_000_000)
    reads = [side / count + 2 * halo for side, count, halo in zip((355, 500, 1200), parts, (26, 51, 51), strict=True)]
    assert np.prod(reads) <= 13_000_000 and parts[2] > parts[1]


def test_filters_drop_what_they_say(model: Model) -> None:
    image = stack((16, 80, 80), 14, seed=66)[0]
    everything = run(image, model)
    sizes = np.bincount(volume(everything).ravel())[1:]
    middle = int(np.median(sizes))
    assert len(run(image, model, min_size=middle).objects) == (sizes >= middle).sum()
    mean = np.bincount(volume(everything).ravel(), image.ravel())[1:] / sizes
    assert len(run(image, model, min_intensity=float(np.median(mean))).objects) == (mean >= np.median(mean)).sum()
    inner = volume(run(image, model, exclude_border=True))
    assert not any(np.moveaxis(inner, axis, 0)[[0, -1]].any() for axis in range(3))
    left = np.zeros((80, 80), bool)
    left[:, :40] = True
    kept = run(image, model, selection=left)
    assert len(kept.objects) == (everything.objects["X"].round() < 40).sum()


def test_stacks_of_a_time_lapse_are_segmented_one_by_one(model: Model) -> None:
    frames = np.stack([stack(seed=68)[0], stack(seed=69)[0]])
    found = run(as_stack(frames, "tzyx"), model)
    for number in range(2):
        assert np.array_equal(found.labels.values[number, 0], volume(run(frames[number], model)))


def test_thicker_slices_and_finer_pixels_are_bridged_by_scales(model: Model) -> None:
    image, labels = stack(seed=70)
    fine = np.kron(image, np.ones((1, 2, 2), np.uint8))
    found = volume(run(fine, model, scale=0.5))
    truth = np.kron(labels, np.ones((1, 2, 2), np.uint16))
    assert match_images([(truth, found)])[0.5].f1 >= 0.6
    doubled = np.repeat(image, 2, axis=0)
    found = volume(run(doubled, model, scale_z=0.5))
    assert match_images([(np.repeat(labels, 2, axis=0), found)])[0.5].f1 >= 0.6


def test_the_task_gives_one_name_per_object_and_its_measures(model: Model, tmp_path: Path) -> None:
    image, _ = stack(seed=71)
    keys = {"task": "segment", "model": model.name, "device": "cpu", "out": str(tmp_path / "result")}
    reply = tasks.run(keys, QuietHost(), as_stack(image))
    assert reply["status"] == "ok", reply["message"]
    labels, table = reply["labels"].values[0, 0], reply["table"]
    for name, label, (_, plane, _) in zip(
        reply["rois"].names, reply["rois"].label, reply["rois"].position, strict=True
    ):
        assert name == f"T0001_Z{plane:03d}_L{label:05d}"
        assert (labels[plane - 1] == label).any()
    assert len(reply["rois"]) == sum(len(np.unique(part[part > 0])) for part in labels)
    assert table["Volume"].tolist() == pytest.approx((np.bincount(labels.ravel())[1:] * 2.0).tolist())
    assert table.attrs["units"]["Surface"] == "µm²" and (table["Probability"] > 0).all()
    again = tasks.run({"task": "rerun", "result": str(tmp_path / "result")}, QuietHost(), as_stack(image))
    assert again["identical"], again["message"]


def test_maps_show_what_the_network_says(model: Model, tmp_path: Path) -> None:
    image = as_stack(stack((17, 66, 61), 8, seed=72)[0])
    keys = {"task": "segment", "model": model.name, "device": "cpu", "maps": True, "tiles": 4}
    reply = tasks.run({**keys, "out": str(tmp_path / "maps")}, QuietHost(), image)
    assert reply["status"] == "ok", reply["message"]
    probability = images.read(tmp_path / "maps" / "probability.tif")
    distances = images.read(tmp_path / "maps" / "distances.tif")
    assert probability.shape == (1, 1, 17, 66, 61) and distances.shape == (1, 32, 17, 33, 31)
    assert distances.attrs["pixel_size"] == pytest.approx((2.0, 2.0, 2.0), rel=0.02)
    labels = reply["labels"].values[0, 0]
    inside, outside = probability.values[0, 0][labels > 0], probability.values[0, 0][labels == 0]
    assert inside.mean() > 4 * outside.mean() and 0 <= probability.min() and probability.max() <= 1
    assert np.array_equal(
        probability.values[0, 0][:, ::2, ::2][:, :, :30], probability.values[0, 0][:, 1::2, 1::2][:, :, :30]
    )
    shown = tasks.run(keys, QuietHost(), image)["image"]
    assert np.array_equal(shown.values, probability.values) and shown.attrs["display"] == ((0.0, 1.0),)


def refused(image: xr.DataArray, **keys: Any) -> str:
    reply = tasks.run({"task": "segment", "device": "cpu", **keys}, QuietHost(), image)
    assert reply["status"] == "error"
    return str(reply["message"])


def test_planes_and_stacks_go_to_their_own_models(model: Model) -> None:
    plane = from_array(nuclei()[0])
    assert "needs a z-stack" in refused(plane, model=model.name)
    lapse = from_array(np.stack([nuclei()[0]] * 3), "tyx")
    assert "slices 3, frames 1" in refused(lapse, model=model.name)
    assert "leave plane out" in refused(as_stack(stack()[0]), model=model.name, plane=2).lower()
    assert "outline=star" in refused(as_stack(stack()[0]), model=model.name, outline="star")
    assert "scale_z=2" in refused(plane, model="nuclei", scale_z=2)
    assert "take a 3D model" in refused(as_stack(stack()[0]), model="nuclei")


def tiny(images: Path, masks: Path, name: str, **keys: Any) -> Any:
    return train(
        request(images, masks, name, **{"epochs": 1, "steps": 1, "filters": 4, "n_rays": 8, **keys}), QuietHost()
    )


def test_rois_drawn_slice_by_slice_train_the_same_as_labels(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 2, shape=(8, 32, 32), count=2)
    drawn = tmp_path / "rois"
    drawn.mkdir()
    for path in masks.iterdir():
        outlines = rois.from_labels(as_stack(tifffile.imread(path).astype(np.int32)))
        rois.write_zip(drawn / f"{path.stem}.zip", outlines)
    keys = {"patch_z": 8, "epochs": 1, "steps": 2}
    labelled = tiny(images, masks, "from-labels", **keys)
    outlined = tiny(images, masks, "from-rois", **keys, targets=None, rois=str(drawn))
    assert read_losses(labelled.losses)[0]["loss"] == read_losses(outlined.losses)[0]["loss"]


def test_one_volume_is_enough_and_the_report_says_what_its_scores_are(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 1, shape=(8, 32, 32), count=2)
    reply = tiny(images, masks, "single", patch_z=8, backbone="resnet")
    assert "Only one volume" in reply.warnings[0]
    report = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert "Scores on the training volume" in report and "Scores on the validation" not in report
    tuned = tiny(images, masks, "tuned3d", patch_z=8, init="single", filters=None, n_rays=None, depth=None)
    assert tuned.model_folder.is_dir()
    with pytest.raises(BadInput, match="single is a model of stardist3d"):
        tiny(*write_planes(tmp_path), "tuned2d", init="single", patch_z=None, depth=None, filters=None, n_rays=None)


def write_planes(folder: Path) -> tuple[Path, Path]:
    images, masks = folder / "plane-images", folder / "plane-masks"
    images.mkdir()
    masks.mkdir()
    for seed in range(2):
        image, labels = nuclei(64, 4, seed)
        tifffile.imwrite(images / f"{seed}.tif", image)
        tifffile.imwrite(masks / f"{seed}.tif", labels)
    return images, masks


def test_slices_train_a_2d_model_when_asked_for(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 2, shape=(4, 48, 48), count=2)
    reply = tiny(images, masks, "by-slices", ndim=2, patch_z=None)
    trained = model_folder.load(reply.name)
    assert trained.method == "stardist"
    names = [*trained.training["training_images"], *trained.training["validation_images"]]
    assert len(names) == 8 and len({name[:8] for name in trained.training["training_images"]}) == 1


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"patch_z": 32}, "has 8 slices, fewer than the 32 of a training patch. Take patch_z=8 or less"),
        ({"patch_z": 7}, "patch_z=7 is no multiple of 2.*Take 6 or 8"),
        ({"patch": 30, "patch_z": 8}, "patch=30 is no multiple of 4"),
        ({"channel": 2}, "has 1 channels"),
    ],
)
def test_wrong_requests_name_sizes_that_fit(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    images, masks = write_stacks(tmp_path, 1, shape=(8, 32, 32), count=2)
    with pytest.raises(BadInput, match=message):
        tiny(images, masks, "refused", **keys)


def test_objects_of_one_slice_are_no_volume(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 1, shape=(8, 32, 32), count=2)
    path = next(masks.iterdir())
    labels = tifffile.imread(path)
    flat = np.where(labels > 0, labels + 10 * np.arange(1, 9).reshape(-1, 1, 1), 0).astype(np.uint16)
    tifffile.imwrite(path, flat, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(BadInput, match="extend over 1 slice.*same number, or its ROIs the same name"):
        tiny(images, masks, "flat")


def test_planes_and_stacks_do_not_mix(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 1, shape=(8, 32, 32), count=2)
    for folder in (images, masks):
        tifffile.imwrite(folder / "plane.tif", np.eye(32, dtype=np.uint8))
    with pytest.raises(BadInput, match="1 of the 2 images.*are stacks.*ndim=2"):
        tiny(images, masks, "mixed")


def test_keys_of_3d_are_refused_for_planes(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="backbone=resnet: only for 3D models"):
        tiny(*write_planes(tmp_path), "planes", patch_z=None, backbone="resnet")


def test_a_model_of_classes_says_the_class_of_each_object(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = stardist3d.config_from(
        n_rays=8, n_classes=2, unet_n_filter_base=4, unet_n_depth=1, net_conv_after_unet=4, train_loss_weights=(1, 1, 1)
    )
    net = stardist3d.build(config)
    torch.nn.init.constant_(net.dist.bias, 3.0)
    torch.nn.init.constant_(net.prob_class.weight, 0.0)
    net.prob_class.bias.data = torch.tensor([0.0, 1.0, 3.0])
    made = Model("classes", "stardist3d", config.model_dump(mode="json"), {"prob": 0.0, "nms": 0.3})
    model_folder.save(tmp_path / "classes", made, net.state_dict())
    found = run(stack((8, 24, 24), 2)[0], model_folder.load(tmp_path / "classes"))
    assert len(found.objects) and (found.objects["Class"] == 2).all()
    expected = np.exp(3) / np.exp([0, 1, 3]).sum()
    assert np.allclose(found.objects["Class Probability"], expected, atol=1e-5)
    with pytest.raises(BadInput, match="predicts 2 classes of objects, the images have none"):
        tiny(*write_stacks(tmp_path / "set", 1, shape=(8, 32, 32), count=2), "c", init=str(tmp_path / "classes"),
             n_rays=None, filters=None, depth=None, patch_z=8)  # fmt: skip
