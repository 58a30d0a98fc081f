import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from helpers.synthetic import nuclei, write_pairs
from helpers.trained import request, small_model
from talanoa.core import devices, lock
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image.form import from_array
from talanoa.measure.metrics.matching import match_images
from talanoa.models import folder, methods
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest
from talanoa.segmentation.train.star_recipe import settings_from
from talanoa.tasks.recipes import look, train
from talanoa.training import loop, table
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings


class Stopping(QuietHost):
    """Cancels after some epochs and keeps what it was told."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.rows: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def cancelled(self) -> bool:
        return len(self.rows) >= self.epochs

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.rows.append(dict(payload))


def test_a_small_training_finds_the_nuclei_of_new_images() -> None:
    model = folder.load(small_model().name)
    pairs = []
    for seed in range(50, 54):
        image, labels = nuclei(seed=seed)
        found = segment(from_array(image), model, SegmentRequest(device="cpu"), QuietHost())
        pairs.append((labels, found.labels.values[0, 0, 0]))
    assert match_images(pairs)[0.5].f1 >= 0.85


def test_the_model_folder_says_how_it_was_made() -> None:
    reply = small_model()
    record = json.loads((reply.model_folder / "model.json").read_text(encoding="utf-8"))
    training = record["training"]
    assert training["request"]["seed"] == 42 and training["settings"]["steps"] == 50
    assert len(training["training_images"]) == 6 and len(training["validation_images"]) == 2
    assert all(len(each) == 64 for pair in training["training_images"].values() for each in pair)
    assert training["validation_scores"]["0.5"]["f1"] > 0.8
    assert training["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    files = {path.name for path in reply.model_folder.iterdir()}
    assert {"report.md", "loss.csv", "loss.png", "weights.safetensors"} <= files
    rows = table.read_losses(reply.losses)
    assert len(rows) == 8 and rows[-1]["val_loss"] < rows[0]["val_loss"]
    assert min(rows, key=lambda row: row["val_loss"])["epoch"] == reply.best_epoch


def test_the_command_in_the_report_trains_the_same_model() -> None:
    reply = small_model()
    report = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    (line,) = [line for line in report.splitlines() if line.startswith("    talanoa train")]
    words = shlex.split(line)[2:]
    keys = {key[2:].replace("-", "_"): value for key, value in zip(words[::2], words[1::2], strict=True)}
    recorded = folder.load(reply.name).training["request"]
    assert parse(TrainRequest, keys).request.model_dump(mode="json") == recorded


def losses(path: Path) -> list[list[float]]:
    return [[row[key] for key in ("epoch", "loss", "val_loss", "lr")] for row in table.read_losses(path)]


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_an_interrupted_training_resumes_on_the_same_curve(tmp_path: Path, schedule: str) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    keys: dict[str, Any] = {"epochs": 4, "steps": 3, "patch": 32, "schedule": schedule}
    whole = train(request(images, masks, f"whole-{schedule}", **keys), QuietHost())
    with pytest.raises(Cancelled):
        train(request(images, masks, f"parts-{schedule}", **keys), Stopping(2))
    assert not (folder.user_models() / f"parts-{schedule}").exists()
    with pytest.raises(BadInput, match="unfinished training.*resume=true"):
        train(request(images, masks, f"parts-{schedule}", **keys), QuietHost())
    with pytest.raises(BadInput, match="unfinished training.*resume=true"):  # before anybody has looked at pictures
        look(request(images, masks, f"parts-{schedule}", dry_run=True, **keys), QuietHost())
    with pytest.raises(BadInput, match="begun with other settings"):
        train(request(images, masks, f"parts-{schedule}", **{**keys, "steps": 5}, resume=True), QuietHost())
    resumed = train(request(images, masks, f"parts-{schedule}", **keys, resume=True), QuietHost())
    assert losses(resumed.losses) == losses(whole.losses)
    one, other = (folder.load(reply.name).network().state_dict() for reply in (whole, resumed))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not resumed.model_folder.with_name(f"parts-{schedule}.training").exists()


def test_fine_tuning_starts_from_the_weights_of_a_model(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=96, count=6)
    base = small_model()
    host = Stopping(99)
    keys: dict[str, Any] = {"n_rays": None, "depth": None, "filters": None, "grid": None}
    train(request(images, masks, "tuned", init=base.name, epochs=1, steps=2, lr=1e-6, **keys), host)
    assert host.rows[0]["val_loss"] < 2 * table.read_losses(base.losses)[-1]["val_loss"]
    with pytest.raises(BadInput, match="n_rays cannot differ"):
        train(request(images, masks, "tuned-2", init=base.name, **{**keys, "n_rays": 8}), QuietHost())


def test_names_that_are_taken_and_running_trainings_are_refused(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    small_model()
    with pytest.raises(BadInput, match="'synthetic' exists already.*synthetic-2"):
        train(request(images, masks, "synthetic"), QuietHost())
    work = folder.user_models() / "busy.training"
    work.mkdir(parents=True)
    with lock.hold(work, "training"), pytest.raises(BadInput, match="Another training writes into"):
        train(request(images, masks, "busy"), QuietHost())


def test_a_lock_of_a_dead_process_does_not_block(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    work = folder.user_models() / "crashed.training"
    work.mkdir(parents=True)
    script = "import os, pathlib, sys; from talanoa.core import lock\n"
    script += "with lock.hold(pathlib.Path(sys.argv[1]), ''): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", script, str(work)]).returncode == 9
    assert (work / "lock").exists()
    reply = train(request(images, masks, "crashed", epochs=1, steps=1, patch=32), QuietHost())
    assert reply.model_folder.is_dir()


def test_few_small_and_empty_images_are_warned_about(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=48, count=2)
    tifffile.imwrite(masks / "field_01.tif", np.zeros((48, 48), np.uint16))
    host = Stopping(99)
    reply = train(request(images, masks, "warned", epochs=1, steps=1), host)
    assert [len(reply.warnings), len(host.warnings)] == [3, 3]
    assert "field_01" in reply.warnings[0] and "smaller than a patch of 64" in reply.warnings[1]


def test_a_patch_that_does_not_fit_names_the_next_good_sizes(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    with pytest.raises(BadInput, match="patch=100 is no multiple of 8.*96 or 104"):
        train(request(images, masks, "patchy", patch=100), QuietHost())


def test_two_channels_train_a_model_of_two_channels(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    for path in images.iterdir():
        both = np.stack([tifffile.imread(path), 255 - tifffile.imread(path)])
        tifffile.imwrite(path, both, imagej=True, metadata={"axes": "CYX"})
    reply = train(request(images, masks, "two", epochs=1, steps=1, patch=32), QuietHost())
    assert folder.load(reply.name).channels == 2
    one = train(request(images, masks, "second", epochs=1, steps=1, patch=32, channel=2), QuietHost())
    assert folder.load(one.name).channels == 1


def test_presets_are_complete_and_overridden_key_by_key(tmp_path: Path) -> None:
    standard = settings_from(request(tmp_path, tmp_path, "x", patch=None, batch=None))
    assert (standard.epochs, standard.steps, standard.lr, standard.schedule) == (400, 100, 3e-4, "plateau")
    quick = settings_from(request(tmp_path, tmp_path, "x", preset="quick", epochs=3))
    assert (quick.epochs, quick.steps, quick.schedule) == (3, 50, "cosine")
    assert 0 < quick.ema < 0.999


def test_the_cosine_schedule_warms_up_and_ends_at_zero() -> None:
    settings = Settings(epochs=10, steps=100, lr=1.0, schedule="cosine")
    rates = [loop.cosine_lr(step, settings) for step in range(1000)]
    assert max(rates) == pytest.approx(1.0) and rates.index(max(rates)) in (19, 20)
    assert rates[0] == pytest.approx(1 / 20) and rates[-1] < 1e-4
    assert all(a >= b for a, b in pairwise(rates[20:]))


def test_batches_do_not_depend_on_who_draws_them() -> None:
    drawn = list(loop.prefetched(lambda k: (torch.tensor(k), ()), 3, 11))  # type: ignore[arg-type]
    assert [int(each[0]) for each in drawn] == list(range(3, 11))


def test_a_diverging_training_says_so() -> None:
    method = methods.get("stardist")
    config = method.config(unet_n_filter_base=4, unet_n_depth=1, net_conv_after_unet=4, n_rays=4)
    settings = Settings(epochs=1, steps=1)
    trainer = loop.start(method, config, settings, torch.device("cpu"))
    batch = (torch.full((1, 1, 16, 16), float("inf")), (torch.zeros(1, 1, 16, 16), torch.zeros(1, 4, 16, 16)))
    with pytest.raises(BadInput, match="diverged at step 1"):
        loop.train_step(trainer, batch, method, config, settings, 0, torch.device("cpu"))


@pytest.mark.parametrize("asked, half", [(None, False), (False, False), (True, True)])
def test_processors_train_in_bfloat16_only_when_asked(asked: bool | None, half: bool) -> None:
    method = methods.get("stardist")
    config = method.config(n_rays=4, unet_n_filter_base=4, unet_n_depth=1, net_conv_after_unet=4)
    settings, cpu = Settings(mixed_precision=asked, patch=32), torch.device("cpu")
    trainer = loop.start(method, config, settings, cpu)
    kinds = []
    trainer.net.unet.register_forward_hook(lambda net, given, features: kinds.append(features.dtype))
    answers = method.targets(np.ones((32, 32), np.int32), config, {})
    batch = torch.rand(1, 1, 32, 32), tuple(torch.from_numpy(one)[None] for one in answers)
    loop.train_step(trainer, batch, method, config, settings, 0, cpu)
    assert kinds == [torch.bfloat16 if half and devices.has_fast_bfloat16(cpu) else torch.float32]
