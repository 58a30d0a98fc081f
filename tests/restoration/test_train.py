"""Restoration learned from drawn images: how many dB are gained, resuming, fine-tuning, what is shown and written."""

from __future__ import annotations

import base64
import io
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

import talanoa
from helpers import tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.measure.metrics.psnr import psnr, scale_invariant_psnr
from talanoa.models import folder as model_folder
from talanoa.restoration.predict import restore
from talanoa.restoration.request import RestoreRequest
from talanoa.tasks.recipes import train
from talanoa.tasks.sample import noisy
from talanoa.training import pictures, table
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

SMALL: dict[str, Any] = {
    "device": "cpu", "filters": 16, "depth": 1, "kernel": 3, "patch": 32, "batch": 8, "schedule": "cosine", "lr": 2e-3,
}  # fmt: skip
LENGTH: dict[str, Any] = {"epochs": 5, "steps": 24}
FLAT, DEEP = (96, 96), (12, 48, 48)


@cache
def data(shape: tuple[int, ...], count: int = 4) -> Path:
    """Write low/, high/ and repeats/ (three exposures as frames) of drawn images."""
    folder = Path(mkdtemp(prefix="talanoa-noisy-"))
    for kind in ("low", "high", "repeats"):
        (folder / kind).mkdir()
    rng = np.random.default_rng(7)
    for number in range(count):
        pair = noisy.draw(shape, 0, number)
        exposures = noisy.exposures(pair.light, rng, noisy.Camera())
        dims = "zyx"[-len(shape) :]
        images.write(folder / "low" / f"f{number}.tif", images.from_array(pair.low, dims))
        images.write(folder / "high" / f"f{number}.tif", images.from_array(pair.high, dims))
        repeats = np.stack([pair.low, next(exposures), next(exposures)])
        images.write(folder / "repeats" / f"f{number}.tif", images.from_array(repeats, "t" + dims))
    return folder


def request(name: str, **keys: Any) -> TrainRequest:
    return parse(TrainRequest, {**SMALL, **LENGTH, "name": name, "validation": 0.25, **keys}).request


def care(name: str, shape: tuple[int, ...] = FLAT, **keys: Any) -> TrainRequest:
    folder = data(shape)
    return request(name, method="care", images=folder / "low", targets=folder / "high", **keys)


@cache
def small_care() -> TrainReply:
    """Train CARE on three images; some seconds."""
    return train(care("small care"), QuietHost())


def gain(name: str, shape: tuple[int, ...], **keys: Any) -> float:
    """Return the dB that a model gains over the noisy input on an image that it has not seen, after a linear fit."""
    pair = noisy.draw(shape, 0, 99)
    picture = images.from_array(pair.low, "zyx"[-len(shape) :])
    asked = parse(RestoreRequest, {"model": name, "device": "cpu", **keys}).request
    made = restore(picture, model_folder.load(name), asked, QuietHost()).image.values.reshape(shape)
    return scale_invariant_psnr(pair.light, made) - scale_invariant_psnr(pair.light, pair.low)


def test_care_gains_5_db_on_a_new_image() -> None:
    assert gain(small_care().name, FLAT) > 5


def test_restored_intensities_are_those_of_the_noisy_image() -> None:
    pair = noisy.draw(FLAT, 0, 98)
    asked = parse(RestoreRequest, {"model": small_care().name, "device": "cpu"}).request
    model = model_folder.load(small_care().name)
    made = restore(images.from_array(pair.low, "yx"), model, asked, QuietHost())
    found = made.image.values.reshape(FLAT)
    assert psnr(pair.high, found) > psnr(pair.high, pair.low) + 4  # as they are, without a fit
    assert found.mean() == pytest.approx(pair.low.mean(), rel=0.03)
    own = restore(10.0 * images.from_array(pair.low, "yx") + 50, model, asked, QuietHost()).image.values.reshape(FLAT)
    np.testing.assert_allclose(own, 10 * found + 50, rtol=1e-4)
    other = parse(RestoreRequest, {"model": model.name, "device": "cpu", "norm_high": 99.0}).request
    assert "gain" in made.record["used"]["normalization"]
    changed = restore(images.from_array(pair.low, "yx"), model, other, QuietHost()).record["used"]["normalization"]
    assert "gain" not in changed and changed["high"] == 99.0


def test_care_gains_3_db_on_a_new_stack() -> None:
    train(care("deep care", DEEP, patch_z=4, batch=4), QuietHost())
    assert model_folder.load("deep care").method == "care3d"
    assert gain("deep care", DEEP) > 3


def test_noise2void_gains_3_db_without_targets() -> None:
    made = train(request("n2v", method="n2v", images=data(FLAT) / "low", masked_percent=3), QuietHost())
    assert gain("n2v", FLAT) > 3
    model = model_folder.load("n2v")
    assert model.method == "n2v" and model.normalization["kind"] == "zscore" and model.thresholds == {}
    assert made.report == {"validation_scores": {}} and model.training["validation"] == "by image"


def test_noise2void_gains_2_db_on_stacks() -> None:
    keys = {"patch_z": 8, "batch": 4, "masked_percent": 3, "filters": 8}
    train(request("deep n2v", method="n2v", images=data(DEEP) / "low", **keys), QuietHost())
    assert gain("deep n2v", DEEP) > 2


def test_repeated_exposures_gain_4_db_without_targets() -> None:
    train(request("n2n", method="n2n", images=data(FLAT) / "repeats"), QuietHost())
    model = model_folder.load("n2n")
    assert model.method == "care" and model.config["loss"] == "mse"
    assert gain("n2n", FLAT) > 4


def half_noisy(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high), float32: a texture; the upper half of low has much noise, the lower hardly any."""
    random = np.random.default_rng(number)
    texture = gaussian_filter(random.normal(0, 1, FLAT), 1.5)
    high = (100 + 1000 * texture / texture.std()).astype(np.float32)
    spread = np.where(np.arange(FLAT[0]) < FLAT[0] // 2, 1000, 20)[:, None]
    return (high + random.normal(0, 1, FLAT) * spread).astype(np.float32), high


def test_a_probabilistic_model_is_less_sure_where_there_is_more_noise(tmp_path: Path) -> None:
    for number in range(4):
        for kind, values in zip(("low", "high"), half_noisy(number), strict=True):
            (tmp_path / kind).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / kind / f"f{number}.tif", values)
    keys = {"method": "care", "images": tmp_path / "low", "targets": tmp_path / "high", "background": 1}
    train(request("unsure", probabilistic=True, filters=8, lr=4e-3, steps=50, **keys), QuietHost())
    low, high = half_noisy(9)
    asked = parse(RestoreRequest, {"model": "unsure", "device": "cpu", "uncertainty": True}).request
    made = restore(images.from_array(low), model_folder.load("unsure"), asked, QuietHost())
    assert made.uncertainty is not None
    scale, error = made.uncertainty.values[0, 0, 0], np.abs(made.image.values[0, 0, 0] - high)
    noisier, quieter = (slice(8, 40), slice(8, -8)), (slice(56, 88), slice(8, -8))
    assert scale.min() > 0 and scale[noisier].mean() > 1.5 * scale[quieter].mean()
    assert error[noisier].mean() > 1.5 * error[quieter].mean()


def test_the_model_folder_says_how_it_was_made() -> None:
    reply = small_care()
    files = {path.name for path in reply.model_folder.iterdir()}
    assert {"report.md", "loss.csv", "loss.png", "examples.png", "weights.safetensors", "model.json"} <= files
    model = model_folder.load(reply.name)
    assert {key: model.normalization[key] for key in ("kind", "low", "high")} == {
        "kind": "percentile",
        "low": 3.0,
        "high": 99.8,
    }
    record = model.training
    assert len(record["training_images"]) == 3 and len(record["validation_images"]) == 1
    assert all(len(each) == 64 for pair in record["training_images"].values() for each in pair)
    scores = record["validation_scores"]
    assert scores["psnr"] > scores["psnr_input"] + 3 and scores["ssim"] > scores["ssim_input"] + 0.2
    report = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert "talanoa train --method care" in report and f"| prediction | {scores['psnr']:.2f} |" in report
    assert Image.open(reply.model_folder / "examples.png").size[0] > 500
    assert "of the input" in reply.summary and 'Restore with model="small care".' in reply.summary


class Stopping(tiny.RecordingHost):
    """Cancels, or asks for an end, after some epochs."""

    def __init__(self, epochs: int, finish: bool = False) -> None:
        super().__init__()
        self.epochs, self.ends = epochs, finish

    def done(self) -> bool:
        return sum(kind == "epoch" for kind, _ in self.events) >= self.epochs

    def cancelled(self) -> bool:
        return self.done() and not self.ends

    def finish_requested(self) -> bool:
        return self.done() and self.ends


def curve(reply: TrainReply) -> list[list[float]]:
    return [[row[key] for key in ("epoch", "loss", "val_loss", "lr")] for row in table.read_losses(reply.losses)]


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_an_interrupted_noise2void_resumes_on_the_same_curve(schedule: str) -> None:
    keys = {"method": "n2v", "images": data(FLAT) / "low", "epochs": 3, "steps": 4, "schedule": schedule}
    whole = train(request(f"whole {schedule}", **keys), QuietHost())
    with pytest.raises(Cancelled, match="2 of 3 epochs are done"):
        train(request(f"parts {schedule}", **keys), Stopping(2))
    resumed = train(request(f"parts {schedule}", **keys, resume=True), QuietHost())
    assert curve(resumed) == curve(whole)
    one, other = (model_folder.load(each.name).network().state_dict() for each in (whole, resumed))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_an_early_end_keeps_what_was_learned() -> None:
    reply = train(care("early care", steps=4), Stopping(2, finish=True))
    assert reply.early is not None and reply.early.epochs == 2
    assert model_folder.load("early care").training["stopped_early"]["planned"] == 5


def test_patience_ends_a_training_that_learns_nothing_more() -> None:
    reply = train(care("patient", steps=1, epochs=50, lr=1e-6, patience=2, schedule="plateau", seed=3), QuietHost())
    rows = table.read_losses(reply.losses)
    assert len(rows) == 50 or len(rows) == reply.best_epoch + 2


def test_fine_tuning_starts_from_the_weights_of_a_model() -> None:
    base = small_care()
    keys = {"init": base.name, "kernel": None, "filters": None, "depth": None}
    reply = train(
        care("tuned care", **{**keys, "epochs": 1, "steps": 1, "lr": 1e-6, "schedule": "plateau"}), QuietHost()
    )
    best = min(row["val_loss"] for row in table.read_losses(base.losses))
    assert table.read_losses(reply.losses)[0]["val_loss"] < 1.2 * best
    with pytest.raises(BadInput, match="unet_n_depth cannot differ from the model to start from"):
        train(care("other", **{**keys, "depth": 2}), QuietHost())
    with pytest.raises(BadInput, match="small care is a model of care, these images need one of n2v"):
        train(request("other", method="n2v", images=data(FLAT) / "low", init=base.name), QuietHost())


def test_train_and_denoise_restores_the_open_image() -> None:
    pair = noisy.draw((128, 96), 0, 5)
    picture = images.from_array(pair.low, pixel_size=(1, 0.5, 0.5), unit="µm", name="open.tif")
    made = talanoa.train(
        picture, method="n2v", name="one image", apply=True, masked_percent=3, **{**SMALL, **LENGTH, "steps": 30}
    )
    assert made.image is not None and made.image.shape == picture.shape and made.image.dtype == np.float32
    found = scale_invariant_psnr(pair.light, made.image.values[0, 0, 0])
    assert found > scale_invariant_psnr(pair.light, pair.low) + 3
    assert any("Only one image: it is trained on a part" in text for text in made.warnings)
    model = model_folder.load("one image")
    assert model.training["validation"] == "by region" and model.pixel_size == 0.5 and model.unit == "µm"
    path = data(FLAT) / "low" / "f0.tif"
    reply = train_task("one file", method="n2v", images=path, apply=True, epochs=1, steps=1)
    written = images.read(reply["path"])
    assert Path(reply["path"]).name == "f0-restored.tif" and reply["path"] in reply["message"]
    np.testing.assert_array_equal(written, reply["image"])
    report = (Path(reply["folder"]) / "report.md").read_text(encoding="utf-8")
    assert "trained on 1 image,\nvalidated on another part of it" in report
    with pytest.raises(BadInput, match="no open image; expected one image to restore"):
        train_task("other", method="n2v", images=data(FLAT) / "low", apply=True)


def train_task(name: str, host: QuietHost | None = None, **keys: Any) -> dict[str, Any]:
    return tasks.perform({"task": "train", **SMALL, **LENGTH, "name": name, **keys}, host or QuietHost())


def picture(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_previews_show_the_image_before_and_after_in_one_grey_scale() -> None:
    host = tiny.RecordingHost(wanted=("preview",))
    folder = data(FLAT)
    keys = {"images": folder / "low", "targets": folder / "high", "epochs": 2, "steps": 20, "filters": 8}
    watched = train(request("watched", method="care", **keys), host)
    quiet = train(request("unwatched", method="care", **keys), QuietHost())
    assert curve(watched) == curve(quiet)
    shown = [json.loads(json.dumps(payload)) for kind, payload in host.events if kind == "preview"]
    assert [each["epoch"] for each in shown] == [1, 2]
    before, after, target = (picture(shown[-1][key]).astype(float) for key in ("before", "after", "target"))
    assert before.shape == after.shape == target.shape == FLAT
    assert np.abs(after - target).mean() < np.abs(before - target).mean()


def test_a_preview_of_pure_noise_stays_small() -> None:
    noise = np.random.default_rng(0).random((1, 256, 256), np.float32)
    texts = pictures.texts({"before": noise, "after": noise, "target": noise})
    assert len(json.dumps(texts)) < 300_000


def test_a_dry_run_shows_pairs_and_masked_pixels_and_leaves_nothing(tmp_path: Path) -> None:
    folder, path = data(FLAT), tmp_path / "look.png"
    reply = train_task("unborn", method="n2v", images=folder / "low", dry_run=True, picture=str(path))
    estimate = reply["estimate"]
    assert estimate["facts"]["images"] == 4 and 0 < estimate["facts"]["signal"] <= 1 and estimate["seconds"] > 0
    marked = (picture(estimate["pictures"]["patches"]) == pictures.MASKED).all(axis=-1)
    assert 0.001 < marked.mean() < 0.03 and path.is_file()
    paired = train_task("unborn", method="care", images=folder / "low", targets=folder / "high", dry_run=True)
    heights = [picture(paired["estimate"]["pictures"][key]).shape[0] for key in ("pairs", "patches")]
    assert heights[0] == heights[1] == picture(estimate["pictures"]["patches"]).shape[0]
    assert "search for thresholds" not in paired["message"]
    assert not list(model_folder.user_models().glob("unborn*"))


def test_quick_is_fitted_to_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.tasks.recipes import prepare
    from talanoa.training import estimate as pace

    slow = pace.Pace(step=1.2, validation=0.5, end=1.0, memory=1, timed=3)
    monkeypatch.setattr(pace, "measure", lambda ready, host: slow)
    folder = data(FLAT)
    keys = {"preset": "quick", "method": "care", "images": folder / "low", "targets": folder / "high", "name": "fast"}
    ready = prepare(parse(TrainRequest, {**keys, "device": "cpu", "filters": 4}).request, QuietHost())
    assert ready.settings.epochs * (50 * 1.2 + 0.5) + 1 < 480 and ready.settings.epochs >= 6
    assert ready.settings.schedule == "cosine" and ready.settings.patch == 64


def test_a_model_is_scored_on_other_pairs() -> None:
    from talanoa.tasks.recipes import recipe_for

    folder = data(FLAT)
    small_care()
    for name in ("small care",):
        keys = {"name": "test", "method": "care", "images": folder / "low", "targets": folder / "high"}
        asked = parse(TrainRequest, keys).request
        scores = recipe_for("care").score(model_folder.load(name), asked, "cpu", QuietHost())
        assert scores["SSIM"] > 0.5 and scores["PSNR"] > 25


def test_a_target_of_other_channels_is_learned(tmp_path: Path) -> None:
    """What in silico labelling needs: two channels in, three out."""
    for kind in ("low", "high"):
        (tmp_path / kind).mkdir()
    for number in range(3):
        pair = noisy.draw((48, 48), 0, number)
        low = images.from_array(np.stack([pair.low, pair.low[::-1]]), "cyx")
        images.write(tmp_path / "low" / f"f{number}.tif", low)
        images.write(tmp_path / "high" / f"f{number}.tif", images.from_array(np.stack([pair.high] * 3), "cyx"))
    keys = {"method": "care", "images": tmp_path / "low", "targets": tmp_path / "high", "epochs": 1, "steps": 2}
    train(request("channels", **keys), QuietHost())
    model = model_folder.load("channels")
    assert (model.config["n_channel_in"], model.config["n_channel_out"]) == (2, 3) and not model.config["residual"]
    assert "psnr" in model.training["validation_scores"] and "psnr_input" not in model.training["validation_scores"]


def test_training_on_a_movie_says_that_validation_is_by_frame(tmp_path: Path) -> None:
    movie = np.stack([noisy.draw((48, 48), 0, 1).low for _ in range(4)])
    tifffile.imwrite(tmp_path / "movie.tif", movie, imagej=True, metadata={"axes": "TYX"})
    keys = {"method": "n2v", "images": tmp_path / "movie.tif", "epochs": 1, "steps": 2, "n2v2": True}
    made = train(request("movie", **keys), QuietHost())
    model = model_folder.load("movie")
    assert model.training["validation"] == "by frame" and model.config["blur_pool"]
    assert model.config["manipulator"] == "median" and list(model.training["training_images"]) == ["movie"]
    assert any("1 of its 4 planes or frames are validated on" in text for text in made.warnings)
