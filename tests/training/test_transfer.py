"""Networks for objects that start from a labelling network: what is taken, and what a frozen encoder keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from helpers import segmenters
from helpers.tiny import RecordingHost
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.models import folder, methods
from talanoa.models.runtime import inference
from talanoa.tasks.recipes import prepare, train
from talanoa.training import loop, transfer
from talanoa.training.request import TrainRequest
from talanoa.training.start import start

STAR = {"method": "stardist", "n_rays": 8, "head": 8, "patch": 64, "batch": 2, "device": "cpu"}
CPU = torch.device("cpu")


def request(method: str, name: str, **keys: Any) -> TrainRequest:
    keys = {"init": segmenters.labelling_model().name, **keys}
    if method == "segmentation":
        return segmenters.request(name, **{"filters": None, "depth": None, **keys})
    return parse(TrainRequest, {**STAR, "images": str(segmenters.data()), "name": name, **keys}).request


def encoder(name: str) -> bool:
    return name.removeprefix("trunk.").startswith(("down.", "bottom."))


@pytest.mark.parametrize("method", ["segmentation", "stardist"])
def test_everything_but_the_outputs_is_taken_and_the_record_says_so(method: str) -> None:
    ready = prepare(request(method, "taken"), QuietHost())
    source = segmenters.labelling_model().network().state_dict()
    state = start(ready, CPU).net.state_dict()
    record = transfer.record_of(ready)
    assert record is not None and record["model"] == segmenters.labelling_model().name
    assert set(record["taken"]) | set(record["fresh"]) == set(state)
    for name in record["taken"]:
        assert torch.equal(state[name], source[name.removeprefix("trunk.")]), name
    left = {name for name in source if name not in {each.removeprefix("trunk.") for each in record["taken"]}}
    if method == "segmentation":
        assert left == {"out.weight", "out.bias"} == set(record["fresh"])
    else:  # grid 2: the last level of the decoder is not needed
        assert left == {name for name in source if name.startswith(("grow.1", "up.1", "out."))}
        assert all(name.startswith(("head.", "prob.", "dist.")) for name in record["fresh"])


def test_the_images_are_seen_as_the_labelling_network_saw_them() -> None:
    ready = prepare(request("segmentation", "seen transfer"), QuietHost())
    assert ready.normalization == {"kind": "minmax"}
    for item in ready.items:
        assert (item.image.min(), item.image.max()) == (0, 1)


@pytest.mark.parametrize("method", ["segmentation", "stardist"])
def test_a_frozen_encoder_stays_as_it_is_to_the_last_digit(method: str) -> None:
    reply = train(request(method, f"frozen-{method}", transfer="frozen", epochs=2, steps=2, lr=1e-2), QuietHost())
    model = folder.load(reply.name)
    source = segmenters.labelling_model().network().state_dict()
    moved = {
        name: not torch.equal(each, source[name.removeprefix("trunk.")])
        for name, each in model.network().state_dict().items()
        if name in model.training["transfer"]["taken"]
    }
    assert any(encoder(name) and "running_mean" in name for name in moved)
    assert not any(changed for name, changed in moved.items() if encoder(name))
    assert all(changed for name, changed in moved.items() if not encoder(name))
    assert "the encoder was not trained on" in reply.summary
    text = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert f"{len(moved)} tensors were taken from labelling-unet-1-4-2 (labelling)" in text


def test_a_slow_encoder_learns_at_a_tenth_of_the_rate() -> None:
    ready = prepare(request("segmentation", "slow", transfer="slow", epochs=1, steps=1, lr=1e-3), QuietHost())
    trainer = start(ready, CPU)
    before = {name: each.clone() for name, each in trainer.net.named_parameters()}
    batch = loop.make_batch(ready.parts[0], ready.recipe.feed, ready.config, ready.settings, False, 1)
    method = methods.get("segmentation")
    loop.train_step(trainer, batch, method, ready.config, ready.settings, 0, CPU)
    # the first step of Adam is as long as the learning rate, for whatever gradient
    weights = {name: each for name, each in trainer.net.named_parameters() if each.dim() == 4}
    steps = {name: (each - before[name]).abs().max().item() for name, each in weights.items()}
    for name, step in steps.items():
        assert step == pytest.approx(1e-4 if encoder(name) else 1e-3, rel=0.02), name


def test_a_cosine_keeps_the_ratio_of_the_rates() -> None:
    keys = {"transfer": "slow", "schedule": "cosine", "epochs": 2, "steps": 50}
    ready = prepare(request("segmentation", "cosine", **keys), QuietHost())
    trainer = start(ready, CPU)
    batch = loop.make_batch(ready.parts[0], ready.recipe.feed, ready.config, ready.settings, False, 1)
    for step in (0, 70):
        loop.train_step(trainer, batch, methods.get("segmentation"), ready.config, ready.settings, step, CPU)
        rest, slow = (group["lr"] for group in trainer.optimizer.param_groups)
        assert slow == pytest.approx(rest * transfer.SLOW) and rest == loop.cosine_lr(step, ready.settings)


class Stopping(RecordingHost):
    """Cancels after an epoch."""

    def cancelled(self) -> bool:
        return any(kind == "epoch" for kind, _ in self.events)


def test_an_interrupted_transfer_resumes_on_the_same_curve() -> None:
    keys = {"transfer": "slow", "epochs": 2, "steps": 2}
    whole = train(request("segmentation", "whole transfer", **keys), QuietHost())
    with pytest.raises(Cancelled):
        train(request("segmentation", "parts transfer", **keys), Stopping())
    resumed = train(request("segmentation", "parts transfer", **keys, resume=True), QuietHost())
    one, other = (folder.load(reply.name).network().state_dict() for reply in (whole, resumed))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("grid", [1, 2])
def test_stardist_on_a_labelling_trunk_sees_no_further_than_its_halo(grid: int) -> None:
    config = methods.get("stardist").config(
        backbone="labelling", grid=(grid, grid), n_rays=4, unet_n_filter_base=4, unet_n_depth=2, net_conv_after_unet=8
    )
    torch.manual_seed(0)
    net = methods.get("stardist").build(config)
    image = np.random.default_rng(0).random((1, 96, 128), np.float32)
    runner = inference.prepared(net, CPU)
    whole = inference.find_candidates(runner, image, config, 0.0, (1, 1))
    tiled = inference.find_candidates(runner, image, config, 0.0, (2, 3))
    order = np.lexsort(tiled.points.T[::-1])
    np.testing.assert_array_equal(tiled.points[order], whole.points[np.lexsort(whole.points.T[::-1])])
    assert len(whole) == (96 // grid) * (128 // grid)
    mine = whole.probabilities[np.lexsort(whole.points.T[::-1])]
    np.testing.assert_allclose(tiled.probabilities[order], mine, atol=1e-5)


def test_what_does_not_fit_is_refused(tmp_path: Any) -> None:
    with pytest.raises(BadInput, match=r"takes 3 channels.*images have 1.*not made up"):
        prepare(request("segmentation", "x", init=segmenters.labelling_model(3).name), QuietHost())
    with pytest.raises(BadInput, match="filters=16 cannot differ.*filters=4, depth=2"):
        prepare(request("stardist", "x", filters=16), QuietHost())
    with pytest.raises(BadInput, match="network pix2pix; expected network=unet"):
        prepare(request("segmentation", "x", init=segmenters.labelling_model(1, "pix2pix", 4, 3).name), QuietHost())
    with pytest.raises(BadInput, match="backbone=unet"):
        prepare(request("stardist", "x", backbone="unet"), QuietHost())
    with pytest.raises(BadInput, match="transfer=frozen, but no init"):
        segmenters.request("x", transfer="frozen")
    stack = tmp_path / "images"
    stack.mkdir()
    (tmp_path / "masks").mkdir()
    for place, kind in ((stack, np.uint8), (tmp_path / "masks", np.uint16)):
        for number, name in enumerate(("a", "b"), 1):
            values = np.full((8, 32, 32), number if place == stack else 1, kind)
            tifffile.imwrite(place / f"{name}.tif", values, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(BadInput, match="is a model of labelling, the images need one of stardist3d"):
        prepare(request("stardist", "x", images=str(tmp_path)), QuietHost())
