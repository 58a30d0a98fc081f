"""Each network and the perceptual loss, trained a few steps through the real recipe: weights, record, resuming, use."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import talanoa
from helpers import drawn_plates, tiny
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.models import folder as model_folder
from talanoa.models.networks.encoder_unet import EncoderUNet
from talanoa.models.networks.pretrained import for_channels
from talanoa.tasks.recipes import train
from talanoa.training import table
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

NAMES = [f"A{number:02d}_f1" for number in range(1, 6)]
SIDE, PLANES = 64, 3
TINY: dict[str, Any] = {
    "method": "labelling", "device": "cpu", "epochs": 2, "steps": 2, "batch": 2, "patch": 32, "test_share": 0,
}  # fmt: skip
PIX2PIX = {"network": "pix2pix", "filters": 4, "depth": 2}
PERCEPTUAL = {"filters": 4, "depth": 1, "loss": "perceptual=1 mse=1"}


@cache
def plate() -> Path:
    """Write a plate of discs in three focal planes."""
    folder = drawn_plates.discs(Path(mkdtemp(prefix="talanoa-networks-")) / "plate", NAMES, (SIDE, SIDE))
    for number, name in enumerate(NAMES):
        light, _ = drawn_plates.field(number, (PLANES, SIDE, SIDE))
        drawn_plates.write(folder, "phase", name, light)
    return folder


def request(name: str, **keys: Any) -> TrainRequest:
    return parse(TrainRequest, {**TINY, "images": plate(), "planes": "2", "name": name, **keys}).request


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_use(made: TrainReply) -> None:
    """Predict a field, another one than it was trained on, with the saved model: one finite plane that is not flat."""
    losses = table.read_losses(made.losses)
    assert len(losses) == TINY["epochs"] and all(np.isfinite(row["val_loss"]) for row in losses)
    light, _ = drawn_plates.field(77, (PLANES, 80, 72))
    path = Path(mkdtemp(prefix="talanoa-networks-")) / "light.tif"
    tifffile.imwrite(path, light, imagej=True, metadata={"axes": "ZYX"})
    found = talanoa.predict_fluorescence(path, made.name, device="cpu").image
    assert dict(found.sizes) == {"t": 1, "c": 1, "z": 1, "y": 80, "x": 72}
    assert np.isfinite(found.values).all() and found.values.std() > 0


class StoppedAfterAnEpoch(tiny.RecordingHost):
    """Cancels after the first epoch."""

    def cancelled(self) -> bool:
        return any(kind == "epoch" for kind, _ in self.events)


def curve(made: TrainReply) -> list[dict[str, float]]:
    rows = table.read_losses(made.losses)
    return [{key: value for key, value in row.items() if key not in ("seconds", "waiting")} for row in rows]


@pytest.mark.parametrize(("name", "keys"), [("pix2pix", PIX2PIX), ("perceptual", PERCEPTUAL)])
def test_trained_in_two_parts_it_is_the_same_curve(name: str, keys: dict[str, Any]) -> None:
    whole = train(request(f"recipe {name}", **keys), QuietHost())
    check_use(whole)
    with pytest.raises(Cancelled, match="1 of 2 epochs are done"):
        train(request(f"recipe {name} in parts", **keys), StoppedAfterAnEpoch())
    resumed = train(request(f"recipe {name} in parts", **keys, resume=True), QuietHost())
    assert curve(resumed) == curve(whole)
    assert "weights" not in model_folder.load(whole.name).training


def test_a_projection_sees_all_planes() -> None:
    made = train(request("recipe projection", network="projection", filters=4, depth=1, planes="all"), QuietHost())
    model = model_folder.load(made.name)
    assert (model.config["network"], model.config["planes"], model.config["n_channel_in"]) == ("projection", 3, 3)
    check_use(made)


@cache
def encoder_file() -> Path:
    """Write weights of an encoder of photographs."""
    torch.manual_seed(5)
    file = Path(mkdtemp(prefix="talanoa-networks-")) / "mobilenet_v2.pth"
    torch.save(EncoderUNet("mobilenet_v2", 3).net.encoder.state_dict(), file)
    return file


def test_an_encoder_starts_from_its_file_whose_hash_is_kept() -> None:
    file = encoder_file()
    keys = {"network": "encoder", "encoder": "mobilenet_v2", "depth": 5, "patch": 64, "planes": "1,2"}
    made = train(request("recipe encoder", **keys, encoder_weights=file, lr=1e-7), QuietHost())
    assert not any("learned nothing from photographs" in text for text in made.warnings)
    model = model_folder.load(made.name)
    assert model.training["weights"] == {"encoder_weights": sha256(file)}
    assert f"- encoder_weights: a file with the SHA-256 {sha256(file)}." in (made.model_folder / "report.md").read_text(
        encoding="utf-8"
    )
    given, own = torch.load(file, weights_only=True), model.network().net.encoder.state_dict()
    kernels = [key for key, value in given.items() if value.dim() == 4]
    assert len(kernels) > 20
    for key in kernels:  # after four steps of 1e-7
        torch.testing.assert_close(own[key], for_channels(given[key], own[key].shape[1]), atol=1e-5, rtol=0)
    check_use(made)


def test_weights_that_changed_are_not_resumed_from(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(encoder_file().read_bytes())
    keys = {"network": "encoder", "encoder": "mobilenet_v2", "depth": 5, "patch": 64, "encoder_weights": file}
    with pytest.raises(Cancelled):
        train(request("recipe changed", **keys), StoppedAfterAnEpoch())
    torch.save(EncoderUNet("mobilenet_v2", 3).net.encoder.state_dict(), file)
    with pytest.raises(BadInput, match="was begun with other weights"):
        train(request("recipe changed", **keys, resume=True), QuietHost())


def test_the_perceptual_loss_looks_through_a_file_whose_hash_is_kept(tmp_path: Path) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(6)
    file = tmp_path / "squeezenet.pth"
    torch.save(models.squeezenet1_1().state_dict(), file)
    keys = {**PERCEPTUAL, "loss_backbone": "squeezenet1_1", "backbone_weights": file}
    made = train(request("recipe perceptual file", **keys), QuietHost())
    model = model_folder.load(made.name)
    assert model.training["weights"] == {"backbone_weights": sha256(file)}
    assert model.config["backbone"] == "squeezenet1_1" and set(model.config["loss"]) == {"perceptual", "mse"}
    check_use(made)
    with pytest.raises(BadInput, match=r"backbone_weights: .*absent.pth is no file"):
        train(request("recipe absent", **{**keys, "backbone_weights": tmp_path / "absent.pth"}), QuietHost())
