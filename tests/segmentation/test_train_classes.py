"""Classes of objects: targets and loss by hand, and small trainings that tell two kinds of objects apart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image.form import from_array
from talanoa.image.ops.normalize import normalize
from talanoa.measure.metrics.matching import match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.models import folder, methods
from talanoa.models.methods import star_convex
from talanoa.segmentation.dataset import folder as datasets
from talanoa.segmentation.dataset import form
from talanoa.segmentation.train import star_feed
from talanoa.segmentation.train.annotated import Annotated
from talanoa.tasks.recipes import train
from talanoa.training import loop
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings

NETWORK = {"n_rays": 16, "grid": 2, "depth": 2, "filters": 8, "head": 32, "patch": 64, "batch": 4}
LENGTH = {"epochs": 8, "steps": 50, "lr": 4e-3, "schedule": "cosine", "augment_scale": 1, "validation": 0.25}


def two_kinds(
    seed: int, shape: tuple[int, ...] = (96, 96), count: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (image, labels, class of each label): smooth balls are class 1, striped (in 3D: hollow) ones class 2."""
    rng = np.random.default_rng(seed)
    places = np.indices(shape)
    labels, kinds = np.zeros(shape, np.uint16), [0]
    image = rng.normal(0.1, 0.03, shape)
    stripes = places[-1] % 4 < 2
    while labels.max() < count:
        scale = (2.0, 1.0, 1.0)[-len(shape) :]
        centre = [rng.uniform(10 / s - 1, side - 10 / s + 1) for side, s in zip(shape, scale, strict=True)]
        distance = sum((axis - c) ** 2 * s**2 for axis, c, s in zip(places, centre, scale, strict=True)) ** 0.5
        radius = rng.uniform(7, 9)
        if labels[distance < radius + 3].any():
            continue
        kinds.append(1 + int(rng.integers(2)))
        inside = distance < radius
        labels[inside] = labels.max() + 1
        other = stripes if len(shape) == 2 else distance > radius / 2
        image[inside] += 0.6 if kinds[-1] == 1 else 1.0 * other[inside]
    return np.clip(image * 150, 0, 255).astype(np.uint8), labels, np.array(kinds)


def write_dataset(root: Path, count: int, shape: tuple[int, ...] = (96, 96), objects: int = 8) -> Path:
    for name in ("images", "masks", "classes"):
        (root / name).mkdir(parents=True)
    axes = {"imagej": True, "metadata": {"axes": "ZYX"}} if len(shape) == 3 else {}
    for seed in range(count):
        image, labels, kinds = two_kinds(seed, shape, objects)
        tifffile.imwrite(root / "images" / f"f{seed}.tif", image, **axes)
        tifffile.imwrite(root / "masks" / f"f{seed}.tif", labels, **axes)
        rows = "".join(f"{label},{kind}\n" for label, kind in enumerate(kinds.tolist()) if label)
        (root / "classes" / f"f{seed}.csv").write_text("label,class\n" + rows, encoding="utf-8")
    datasets.create(root, ("smooth", "striped"))
    found = datasets.open_dataset(root)
    for entry in found.entries:
        found = found.with_entry(entry.model_copy(update={"status": "done"}))
    form.write(found)
    return root


def test_class_targets_mark_background_classes_and_the_unknown() -> None:
    labels = np.array([[0, 1], [2, 3]])
    assert star_convex.class_targets(labels, np.array([0, 2, 0, 1])).tolist() == [[0, 2], [-1, 1]]
    assert star_convex.class_targets(labels, None).tolist() == [[0, -1], [-1, -1]]
    assert star_convex.class_targets(labels, np.array([0, 1])).tolist() == [[0, 1], [-1, -1]]


def test_the_loss_of_classes_by_hand() -> None:
    logits = torch.tensor([[[math.log(1.0), 0.0, 0.0]], [[math.log(3.0), 0.0, 9.0]]])[None]  # background, one class
    kinds = torch.tensor([[[1, 0, -1]]])
    by_hand = (-math.log(3 / 4) - math.log(1 / 2) + 0) / 3  # the unknown place counts, with 0
    assert float(star_convex.class_loss(logits, kinds)) == pytest.approx(by_hand)
    unknown = torch.full((1, 1, 3), -1)
    assert float(star_convex.class_loss(logits, unknown)) == 0


@pytest.mark.parametrize("name", ["stardist", "stardist3d"])
def test_the_loss_is_the_weighted_sum_and_unknown_objects_give_no_gradient(name: str) -> None:
    method = methods.get(name)
    keys = {"n_rays": 8, "unet_n_depth": 1, "unet_n_filter_base": 4, "net_conv_after_unet": 4, "n_classes": 2}
    config = method.config(**keys, train_loss_weights=(1.0, 0.2, 0.7))
    shape = (32, 32) if method.ndim == 2 else (8, 32, 32)
    _, labels, kinds = two_kinds(0, shape, 1)
    torch.manual_seed(0)
    net = method.build(config)
    answers = [torch.from_numpy(each)[None] for each in method.targets(labels.astype(np.int32), config, kinds)]
    assert answers[2].shape == (1, *shape)
    output = net(torch.rand(1, 1, *shape))
    found = method.loss(output, tuple(answers), config)
    whole = found["prob"] + 0.2 * found["dist"] + 0.7 * found["class"]
    assert float(found["loss"].detach()) == pytest.approx(float(whole.detach()), rel=1e-6)
    output[2].retain_grad()
    unknown = torch.from_numpy(method.targets(labels.astype(np.int32), config, None)[2])[None]
    method.loss(output, (answers[0], answers[1], unknown), config)["loss"].backward()
    inside = torch.from_numpy(labels > 0)
    assert output[2].grad is not None
    assert not output[2].grad[0][:, inside].any() and output[2].grad[0][:, ~inside].any()


def accuracy(model: str, shape: tuple[int, ...], seeds: range, objects: int) -> tuple[float, float]:
    """Return the share of objects found and that of right classes among them; ROI groups must say the same."""
    true, found, right = 0, 0, 0
    for seed in seeds:
        image, labels, kinds = two_kinds(seed, shape, objects)
        picture = from_array(image, "zyx"[-len(shape) :])
        reply = tasks.run({"task": "segment", "model": model, "device": "cpu"}, QuietHost(), picture)
        assert reply["status"] == "ok", reply["message"]
        table: pd.DataFrame = reply["table"]
        seen = np.asarray(reply["labels"])[0, 0]
        shared = overlaps(labels, seen if len(shape) == 3 else seen[0])
        pairs = match_objects(shared, 0.5)
        predicted = table.set_index("Label")["Class"]
        assert [int(predicted[label]) for label in reply["rois"].label] == reply["rois"].group.tolist()
        true += len(kinds) - 1
        found += len(pairs.true)
        for one, other in zip(pairs.true, pairs.predicted, strict=True):
            right += int(predicted[shared.predicted_ids[other]] == kinds[shared.true_ids[one]])
    return found / true, right / max(found, 1)


def test_a_model_of_planes_tells_two_classes_apart(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "cells", 10)
    keys: dict[str, Any] = {**NETWORK, **LENGTH, "images": str(root), "name": "two kinds", "device": "cpu"}
    made = train(parse(TrainRequest, keys).request, QuietHost())
    model = folder.load("two kinds")
    assert model.config["n_classes"] == 2 and model.config["train_loss_weights"] == [1.0, 0.2, 1.0]
    assert model.training["classes"] == ["smooth", "striped"]
    assert model.training["validation_classes"]["accuracy"] >= 0.9
    found, right = accuracy("two kinds", (96, 96), range(50, 53), 8)
    assert found >= 0.8 and right >= 0.9
    report = (made.model_folder / "report.md").read_text(encoding="utf-8")
    assert "| true class | none | smooth | striped |" in report
    assert "val_class" in (made.model_folder / "loss.csv").read_text(encoding="utf-8")
    tuned = {"images": str(root), "name": "tuned classes", "init": "two kinds", "epochs": 1, "steps": 1, "patch": 64}
    again = train(parse(TrainRequest, {**tuned, "device": "cpu"}).request, QuietHost())
    assert folder.load(again.name).config == model.config
    with pytest.raises(BadInput, match="predicts 2 classes of objects, the images have none"):
        train(parse(TrainRequest, {**tuned, "name": "third", "classes": False}).request, QuietHost())


def test_the_network_of_volumes_learns_the_classes_of_a_stack() -> None:
    image, labels, kinds = two_kinds(1, (10, 40, 40), 2)
    assert {1, 2} <= set(kinds.tolist())
    item = Annotated("stack", normalize(image, 1, 99.8)[None], labels.astype(np.int32), classes=kinds)
    keys = {"n_rays": 8, "grid": (1, 2, 2), "unet_n_depth": 1, "unet_n_filter_base": 8, "net_conv_after_unet": 32}
    method = methods.get("stardist3d")
    config = method.config(**keys, n_classes=2, anisotropy=(2, 1, 1), train_loss_weights=(1.0, 0.2, 5.0))
    settings = Settings(epochs=1, steps=55, patch=40, patch_z=8, batch=1, lr=8e-3, mixed_precision=False)
    device = torch.device("cpu")
    trainer = loop.start(method, config, settings, device)
    batch = loop.make_batch([item], star_feed.FEED, config, settings, False, 0)
    for step in range(settings.steps):
        loop.train_step(trainer, batch, method, config, settings, step, device)
    with torch.inference_mode():
        seen = trainer.net(batch[0])[2].argmax(dim=1)
    true = batch[1][2]
    objects = true > 0
    assert objects.any() and float((seen == true)[objects].float().mean()) >= 0.9
