"""In silico labelling, trained on drawn cells and on discs: what is reached, what the model knows, what is refused."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import talanoa
from helpers import drawn_plates, tiny
from talanoa import tasks
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.labelling.data.field import LabelField
from talanoa.labelling.record import record_of
from talanoa.labelling.train import data, presets, recipe
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.runtime.whole import predict
from talanoa.tasks.recipes import train
from talanoa.tasks.study import trial
from talanoa.training import table
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

NAMES = [f"{row}{column:02d}_f1" for row in "AB" for column in range(1, 7)]
SMALL: dict[str, Any] = {
    "method": "labelling", "device": "cpu", "filters": 4, "depth": 1, "patch": 32, "batch": 4, "lr": 1e-2, "steps": 10,
}  # fmt: skip


@cache
def plate() -> Path:
    """Write a plate of discs with two stains, the second one with three planes."""
    folder = drawn_plates.discs(Path(mkdtemp(prefix="talanoa-discs-")) / "plate", NAMES, (64, 64))
    for name in NAMES:
        stain = tifffile.imread(folder / "dapi" / f"{name}.tif")
        drawn_plates.write(folder, "er", name, np.stack([stain // 3, stain // 2, stain // 4]))
    return folder


def request(name: str, **keys: Any) -> TrainRequest:
    return parse(TrainRequest, {**SMALL, "images": plate(), "name": name, **keys}).request


@cache
def of_discs() -> TrainReply:
    """Train two stains of discs; some seconds."""
    return train(request("discs", epochs=6, steps=30, test_share=0.2, validation=0.3), QuietHost())


def test_nuclei_of_drawn_cells_are_predicted_with_a_pcc_of_0_6() -> None:
    keys = {"filters": 8, "depth": 3, "patch": 64, "lr": 4e-3, "epochs": 6, "steps": 60, "loss": "pcc"}
    keys |= {"stains": "nucleus", "test_share": 0, "validation": 0.25, "most_background": 0.9}
    made = train(request("drawn nuclei", images=drawn_plates.drawn(), **keys), QuietHost())
    scores = made.report["validation_scores"]["nucleus"]
    assert scores["pcc"] > 0.6 and scores["jaccard"] > 0.3
    assert scores["images"] == 2 and scores["empty"] == 1  # the empty well, counted apart
    assert scores["empty_stained"] < 0.01


def test_predictions_of_discs_are_calibrated_intensities() -> None:
    made = of_discs()
    assert made.report["validation_scores"]["dapi"]["pcc"] > 0.9
    model = model_folder.load("discs")
    known = record_of(model.labelling or {})
    assert [stain.name for stain in known.stains] == ["dapi", "er"] and model.normalization == {"kind": "minmax"}
    items = data.to_judge(model, request("x", stains="dapi,er"), QuietHost())
    config = methods.get(model.method).config(**model.config)
    net = model.network()
    for number, kind in enumerate(("dapi", "er")):
        true, found = [], []
        for item in items:
            stack = tifffile.imread(plate() / kind / f"{item.name}.tif").astype(float)
            true.append(stack.max(axis=0) if stack.ndim == 3 else stack)
            predicted = predict(net, item.image, config)[0][number]
            found.append(known.stains[number].to_intensities(predicted))
        assert np.mean(found) == pytest.approx(np.mean(true), rel=0.05)
        assert np.corrcoef(np.ravel(found), np.ravel(true))[0, 1] > 0.9


def test_the_model_folder_says_how_it_was_made() -> None:
    made = of_discs()
    model = model_folder.load(made.name)
    record = model.training
    parts = [set(record[f"{part}_images"]) for part in ("training", "validation", "test")]
    assert set().union(*parts) == set(NAMES) and sum(map(len, parts)) == len(NAMES) and len(parts[2]) >= 2
    assert all(len(digest) == 64 for digests in record["test_images"].values() for digest in digests)
    assert record["validation"] == "by image" and "labelling" not in record
    files = {path.name for path in made.model_folder.iterdir()}
    assert {"report.md", "loss.csv", "loss.png", "examples.png", "weights.safetensors", "model.json"} <= files
    report = (made.model_folder / "report.md").read_text(encoding="utf-8")
    scores = record["validation_scores"]["er"]
    assert f"| er | {scores['images']} | {scores['pcc']:.4f} |" in report
    assert "talanoa train --method labelling" in report and "not looked at" in report and "gain" in report
    assert Image.open(made.model_folder / "examples.png").size[0] > 500
    assert "dapi: PCC 0.9" in made.summary and "Predict with model=discs" in made.summary


class Stopping(tiny.RecordingHost):
    """Cancels, or asks for an end, after an epoch."""

    def __init__(self, finish: bool = False) -> None:
        super().__init__()
        self.ends = finish

    def done(self) -> bool:
        return any(kind == "epoch" for kind, _ in self.events)

    def cancelled(self) -> bool:
        return self.done() and not self.ends

    def finish_requested(self) -> bool:
        return self.done() and self.ends

    def wants(self, kind: str) -> bool:
        return True


def curve(made: TrainReply) -> list[list[float]]:
    return [[row[key] for key in ("epoch", "loss", "val_loss", "lr")] for row in table.read_losses(made.losses)]


def test_an_interrupted_training_resumes_on_the_same_curve() -> None:
    whole = train(request("whole stains", epochs=2), QuietHost())
    with pytest.raises(Cancelled, match="1 of 2 epochs are done"):
        train(request("parts stains", epochs=2), Stopping())
    assert curve(train(request("parts stains", epochs=2, resume=True), QuietHost())) == curve(whole)


def test_a_training_that_is_ended_early_shows_light_and_stains() -> None:
    host = Stopping(finish=True)
    made = train(request("early stains", epochs=5), host)
    assert made.early is not None and made.early.epochs < 5
    seen = next(payload for kind, payload in host.events if kind == "preview")
    assert seen["kind"] == "stains"
    pictures = [Image.open(io.BytesIO(base64.b64decode(seen[key]))) for key in ("before", "after", "target")]
    assert [picture.size for picture in pictures] == [(64, 64)] * 3
    assert [picture.mode for picture in pictures] == ["L", "RGB", "RGB"]  # two stains: in colours


def test_fine_tuning_starts_from_what_a_model_knows() -> None:
    of_discs()
    tuned = train(request("tuned discs", epochs=1, steps=2, init="discs", lr=1e-4), QuietHost())
    fresh = train(request("fresh discs", epochs=1, steps=2, lr=1e-4), QuietHost())
    assert table.read_losses(tuned.losses)[0]["val_loss"] < 0.5 * table.read_losses(fresh.losses)[0]["val_loss"]
    with pytest.raises(BadInput, match=r"discs makes 2 stains of 1 plane; here are 1 stain"):
        train(request("other", init="discs", stains="er"), QuietHost())
    with pytest.raises(BadInput, match="discs predicts dapi, er, in this order; found er, dapi"):
        train(request("other", init="discs", stains="er,dapi"), QuietHost())
    with pytest.raises(BadInput, match="filters cannot differ from the model to start from"):
        train(request("other", init="discs", filters=8), QuietHost())
    with pytest.raises(BadInput, match="is for the loss perceptual"):
        train(request("other", init="discs", loss_backbone="vgg16"), QuietHost())


def test_each_stain_gets_a_model_of_its_own() -> None:
    keys = {**SMALL, "images": str(plate()), "epochs": 1, "steps": 2, "one_per_stain": True, "prepare": "er: clip=50"}
    reply = tasks.perform({"task": "train", "name": "one", **keys}, QuietHost())
    assert reply["models"] == ["one dapi", "one er"]
    records = [record_of(model_folder.load(name).labelling or {}) for name in reply["models"]]
    assert [record.stains[0].name for record in records] == ["dapi", "er"]
    assert [record.stains[0].prepare.clip for record in records] == [None, 50]
    with pytest.raises(BadInput, match="'one dapi' exists already"):
        tasks.perform({"task": "train", "name": "one", **keys}, QuietHost())


def test_a_dry_run_shows_the_targets_step_by_step(tmp_path: Path) -> None:
    keys = {
        **SMALL,
        "images": str(plate()),
        "stains": "er",
        "prepare": "rolling_ball=20 clip=90",
        "balance": "phenotype",
    }
    found = talanoa.estimate(name="dry", picture=tmp_path / "look.png", **{**keys, "corruptions": True})
    assert set(found.pictures) == {"pairs", "patches", "targets"}
    assert (tmp_path / "look.png").is_file()
    assert any("found one phenotype only (wells.csv" in text for text in found.warnings)
    facts = found.details["facts"]
    assert facts["stains"] == 1 and facts["planes"] == 1 and facts["crops"]["crops"] > 10


def test_a_study_judges_models_on_images_of_another_plate(tmp_path: Path) -> None:
    test = drawn_plates.discs(tmp_path / "test", ["A01_f1", "A02_f1"], (64, 64))
    keys = {**SMALL, "images": str(plate()), "stains": "dapi", "epochs": 3, "steps": 30, "name": "of a study"}
    scores = trial.run({"train": keys, "test": {"images": str(test)}})["scores"]
    assert scores["PCC"] > 0.5 and set(scores) == {"PCC", "SSIM", "MSE", "Jaccard"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"patch": 96}, "64 x 64 pixels, smaller than a patch of 96. Take patch=64 or less"),
        ({"patch": 33}, "patch=33 is no multiple of 2"),
        ({"patch": 16, "depth": 4, "batch": 1}, "patch=16 and batch=1 leave one value.*Take patch=32 or batch=2"),
        ({"loss": "mse=1 blur=2"}, "Unknown loss blur"),
        ({"encoder": "densenet121"}, "is for network=encoder"),
        ({"loss": "mse=1", "loss_backbone": "vgg16"}, "loss_backbone=vgg16 is for the loss perceptual"),
        ({"backbone_weights": "vgg16.pth"}, "backbone_weights=vgg16.pth is for the loss perceptual"),
        ({"ndim": 3}, "labelling predicts planes"),
        ({"kernel": 5}, "kernel: found 5 with method=labelling"),
        ({"stain_low": 99.9}, "expected stain_low below stain_high"),
    ],
)
def test_settings_that_do_not_fit_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        train(request("refused", epochs=1, **keys), QuietHost())


def test_presets_and_regularisation_are_those_of_the_sources() -> None:
    items = [LabelField("a", np.zeros((1, 512, 512), np.float32), np.zeros((1, 512, 512), np.float32))]
    asked = parse(TrainRequest, {"method": "labelling", "name": "a", "images": "a", "preset": "published"}).request
    config = presets.config_of(asked, 1, 1)
    chosen = recipe.checked_settings(asked, items, config)
    assert (chosen.optimizer, chosen.lr, chosen.patch, config.filters) == ("adadelta", 1.0, 256, 16)
    assert chosen.steps * chosen.batch == 18432 and chosen.patience > 0
    strong = asked.model_copy(update={"regularisation": "strong"})
    config = presets.config_of(strong, 1, 1)
    assert (config.dropout, recipe.checked_settings(strong, items, config).weight_decay) == (0.1, 1e-4)
