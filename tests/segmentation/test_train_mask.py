"""Semantic segmentation from the training to the objects of an image, through the same doors as any other model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import segmenters
from helpers.synthetic import nuclei, write_pairs, write_stacks
from helpers.tiny import RecordingHost
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image.form import from_array
from talanoa.measure.metrics.matching import match_images
from talanoa.measure.metrics.pixel import count_pixels
from talanoa.models import folder
from talanoa.segmentation import predict
from talanoa.segmentation.request import SegmentRequest
from talanoa.segmentation.train import mask_finish, mask_recipe, sources
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest


def segment(picture: Any = None, handle: str | None = None, **keys: Any) -> dict[str, Any]:
    asked = {"task": "segment", "model": segmenters.small_model().name, "device": "cpu", **keys}
    return tasks.run(asked, QuietHost(), picture, handle=handle)


def test_a_small_training_finds_the_nuclei_of_new_images() -> None:
    pairs = []
    for seed in range(50, 54):
        image, labels = nuclei(seed=seed)
        reply = segment(from_array(image))
        assert reply["status"] == "ok", reply["message"]
        pairs.append((labels, reply["labels"].values[0, 0, 0]))
    assert np.mean([count_pixels(*pair).iou for pair in pairs]) >= 0.85
    assert match_images(pairs)[0.5].f1 >= 0.85


def test_the_reply_is_that_of_any_model() -> None:
    reply = segment(from_array(nuclei(seed=50)[0]))
    count = int(reply["labels"].max())
    assert len(reply["table"]) == len(reply["rois"].names) == count > 5
    assert reply["table"]["Probability"].between(0.3, 1).all()
    used = reply["record"]["used"]
    cut = segmenters.small_model().thresholds["prob"]
    assert used["prob_thresh"] == cut and "nms_thresh" not in used and f"probability {cut:.2f})" in reply["message"]


def test_the_model_says_how_it_was_made() -> None:
    reply = segmenters.small_model()
    training = folder.load(reply.name).training
    assert training["validation_pixels"]["jaccard"] >= 0.85 and training["validation_scores"]["0.5"]["f1"] > 0.8
    text = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert "Pixels: Jaccard index 0." in text and "Thresholds: probability 0." in text and "overlap" not in text
    assert "Jaccard index" in reply.summary


def test_tiles_and_backends_give_the_same_objects() -> None:
    image = from_array(nuclei(size=192, count=30, seed=3)[0])
    whole = segment(image)["labels"].values
    for keys in ({"tiles": 6}, {"backend": "torch", "tiles": 4}):
        np.testing.assert_array_equal(segment(image, **keys)["labels"].values, whole)
    assert whole.max() > 10


def test_a_scaled_image_has_objects_of_its_own_size() -> None:
    image, labels = nuclei(size=96, count=8, seed=4)
    large = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    found = segment(from_array(large), scale=0.5)["labels"].values[0, 0, 0]
    assert found.shape == (192, 192)
    assert count_pixels(np.repeat(np.repeat(labels, 2, axis=0), 2, axis=1), found).iou > 0.8


@pytest.mark.parametrize("changes", [{}, {"prob_thresh": 0.02}, {"prob_thresh": 0.9, "min_size": 40}], ids=str)
def test_thresholds_are_changed_on_the_kept_probability(changes: dict[str, Any]) -> None:
    image = from_array(nuclei(seed=51)[0])
    first = segment(image, handle="")
    assert first["thresholds"]["nms_thresh"] is None and first["thresholds"]["lowest"] == 0
    again, anew = segment(handle=first["handle"], **changes), segment(image, **changes)
    np.testing.assert_array_equal(again["labels"], anew["labels"])


def test_a_constant_image_holds_nothing() -> None:
    reply = segment(from_array(np.full((64, 64), 7, np.uint8)))
    assert reply["labels"].max() == 0 and "same intensity" in reply["record"]["warnings"][0]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"nms_thresh": 0.3}, "nms_thresh: found 0.3, but the objects of masks are parts of a mask"),
        ({"outline": "star"}, "draws no star-convex outlines"),
    ],
)
def test_keys_without_a_use_are_refused(keys: dict[str, Any], expected: str) -> None:
    reply = segment(from_array(nuclei()[0]), **keys)
    assert reply["status"] == "error" and expected in reply["message"]


def test_blocks_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", nuclei()[0])
    reply = segment(image=str(tmp_path / "a.tif"), block=64, out=str(tmp_path / "out"))
    assert reply["status"] == "error" and "needs the whole image at once" in reply["message"]


def test_the_map_of_probabilities_can_be_had(tmp_path: Path) -> None:
    image = from_array(nuclei(seed=52)[0])
    reply = segment(image, maps=True, tiles=4)
    found = reply["maps"]["probability"].values[0, 0, 0]
    assert set(reply["maps"]) == {"probability"} and found.shape == (128, 128)
    cut = segmenters.small_model().thresholds["prob"]
    assert count_pixels(found > cut, reply["labels"].values[0, 0, 0]).iou > 0.95


def test_evaluate_judges_it_and_two_empty_masks_agree(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    dark = np.random.default_rng(0).integers(10, 14, (128, 128)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "images" / "empty.tif", dark)
    tifffile.imwrite(tmp_path / "masks" / "empty.tif", np.zeros((128, 128), np.uint16))
    keys = {"model": segmenters.small_model().name, "truth": str(tmp_path), "out": str(tmp_path / "report")}
    reply = tasks.run({"task": "evaluate", "device": "cpu", "bootstrap": 0, "min_size": 5000, **keys}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    table = reply["table"].set_index("Image")
    assert table.loc["empty", "Pixel IoU"] == 1 and table.loc["field_00", "Pixel IoU"] == 0  # all is below min_size


def test_the_cut_is_the_best_of_the_validation_images_and_else_in_the_middle() -> None:
    def item(labels: np.ndarray) -> Any:
        return dataclasses.make_dataclass("Item", ["labels"])(labels)

    truth = np.array([[1, 1, 0, 0]])
    assert mask_finish.best_cut([(item(truth), np.array([[0.9, 0.9, 0.1, 0.1]], np.float32))]) == 0.5
    assert mask_finish.best_cut([(item(truth), np.array([[0.9, 0.79, 0.74, 0.1]], np.float32))]) == 0.75
    empty = np.zeros((1, 4), int)
    assert mask_finish.pixel_scores([(empty, empty), (truth, empty)]) == {"jaccard": 0.5, "dice": 0.5}


def test_a_model_finds_the_labels_in_other_images_of_the_same_places(tmp_path: Path) -> None:
    light, both = tmp_path / "light", tmp_path / "both"
    light.mkdir()
    both.mkdir()
    images = segmenters.data() / "images"
    for path in sorted(images.iterdir())[:3]:
        tifffile.imwrite(light / path.name, 255 - tifffile.imread(path))
        stacked = np.stack([255 - tifffile.imread(path), tifffile.imread(path)])
        tifffile.imwrite(both / path.name, stacked, imagej=True, metadata={"axes": "CYX"})
        (tmp_path / "stain").mkdir(exist_ok=True)
        (tmp_path / "stain" / path.name).write_bytes(path.read_bytes())
    keys = {"method": "segmentation", "name": "x", "label_model": segmenters.small_model().name, "device": "cpu"}
    two = parse(TrainRequest, {**keys, "images": str(light), "targets": str(tmp_path / "stain")}).request
    one = parse(TrainRequest, {**keys, "images": str(both), "channel": 1, "target_channel": 2}).request
    expected = segment(image=str(images / "field_00.tif"))["labels"].values[0, 0, 0]
    for asked in (two, one):
        item = sources.load(asked, QuietHost()).items[0]
        np.testing.assert_array_equal(item.labels, expected)
        assert np.corrcoef(item.image[0].ravel(), item.labels.ravel() > 0)[0, 1] < -0.5  # the other image is learned
    with pytest.raises(BadInput, match="neither targets nor target_channel"):
        sources.load(parse(TrainRequest, {**keys, "images": str(light)}).request)
    with pytest.raises(BadInput, match="target_channel: found without label_model"):
        parse(TrainRequest, {**keys, "label_model": None, "images": str(both), "target_channel": 2})


def test_fine_tuning_an_interruption_and_the_window_work_as_for_other_methods() -> None:
    base = segmenters.small_model()
    host = RecordingHost(wanted=("preview",))
    tuned = train(
        segmenters.request("tuned masks", init=base.name, epochs=2, steps=2, lr=1e-6, filters=None, depth=None), host
    )
    kinds = [kind for kind, _ in host.events]
    assert kinds.count("epoch") == 2 and "preview" in kinds
    preview = next(payload for kind, payload in host.events if kind == "preview")
    assert preview["objects"] > 0 and preview["truth_objects"] > 0
    with pytest.raises(BadInput, match="filters cannot differ"):
        train(segmenters.request("tuned-2", init=tuned.name, filters=16, epochs=1, steps=1), QuietHost())


def test_a_dry_run_shows_examples_and_the_cost() -> None:
    reply = tasks.run({"task": "train", **segmenters.request("dry").model_dump(), "dry_run": True}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    assert set(reply["estimate"]["pictures"]) == {"pairs", "patches"} and reply["estimate"]["seconds"] > 0


def test_stacks_and_what_the_method_has_no_use_for_are_refused(tmp_path: Path) -> None:
    write_stacks(tmp_path, 2)
    with pytest.raises(BadInput, match="segmentation trains on planes"):
        train(segmenters.request("stacks", images=str(tmp_path)), QuietHost())
    with pytest.raises(BadInput, match="n_rays: found 8 with method=segmentation"):
        segmenters.request("rays", n_rays=8)
    with pytest.raises(BadInput, match="Unknown loss jacard"):
        train(segmenters.request("loss", loss="jacard", epochs=1, steps=1), QuietHost())


def test_the_published_preset_is_the_network_of_its_source() -> None:
    asked = parse(TrainRequest, {"method": "segmentation", "images": "i", "name": "n", "preset": "published"}).request
    item = dataclasses.make_dataclass("Item", ["image", "labels", "ndim"])
    labels = np.zeros((8, 8), int)
    labels[:4] = 1
    loaded = dataclasses.make_dataclass("Loaded", ["items"])([item(np.zeros((1, 8, 8)), labels, 2)])
    name, config = mask_recipe.config_from(asked, loaded, None)
    assert (name, config.filters, config.dropout, config.loss, config.smallest) == (
        "segmentation", 64, 0.05, {"focal": 1.0}, 8,
    )  # fmt: skip
    chosen = mask_recipe.checked_settings(asked, [], config)
    assert (chosen.lr, chosen.batch, chosen.patience) == (2e-4, 4, 250)


def test_a_model_may_bring_its_own_normalisation(tmp_path: Path) -> None:
    base = folder.load(segmenters.small_model().name)
    model = dataclasses.replace(base, normalization={"kind": "minmax"})
    image = from_array(nuclei(seed=53)[0].astype(np.uint16))
    asked = parse(SegmentRequest, {"device": "cpu"}).request
    found = predict.segment(image, model, asked, QuietHost())
    by_hand = parse(SegmentRequest, {"device": "cpu", "norm_low": 0, "norm_high": 100}).request
    np.testing.assert_array_equal(found.labels, predict.segment(image, base, by_hand, QuietHost()).labels)
    assert found.record["normalization"] == {"kind": "minmax"} and "norm_low" not in json.dumps(found.record)
    with pytest.raises(BadInput, match="norm_low=0, norm_high=100: model masks has a normalisation of its own"):
        predict.segment(image, model, by_hand, QuietHost())
