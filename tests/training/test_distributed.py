"""Two processes that train together give the loss curve of one process with the joint batch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.synthetic import write_pairs
from helpers.trained import request
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.models import folder
from talanoa.tasks.recipes import train
from talanoa.training import distributed, loop, table

KEYS: dict[str, Any] = {
    "epochs": 3,
    "steps": 4,
    "patch": 32,
    "schedule": "cosine",
    "batch": 4,
    "mixed_precision": False,
}
COLUMNS = ("epoch", "loss", "val_loss", "val_prob", "val_dist", "lr")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 3, size=64, count=4)


def in_two_processes(pairs: tuple[Path, Path], name: str, **keys: Any) -> subprocess.CompletedProcess[str]:
    """Train by torchrun, two processes on the CPU."""
    given = request(*pairs, name, **{**KEYS, **keys}).model_dump(exclude_unset=True)
    words = [f"--{key.replace('_', '-')}={value}" for key, value in given.items()]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "talanoa"]
    python = Path(folder.__file__).parent.parent.parent
    homes = {"PYTHONPATH": str(python), "TALANOA_HOME": str(folder.user_models().parent), "OMP_NUM_THREADS": "1"}
    command = [*launch, "train", *words]
    return subprocess.run(
        command, env={**os.environ, **homes}, capture_output=True, text=True, timeout=300, check=False
    )


def curve(path: Path) -> np.ndarray:
    return np.array([[row[key] for key in COLUMNS] for row in table.read_losses(path)])


@pytest.mark.skipif(sys.platform == "win32", reason="PyTorch for Windows is built without what torchrun needs")
def test_two_processes_give_the_curve_of_one_with_the_joint_batch(pairs: tuple[Path, Path]) -> None:
    done = in_two_processes(pairs, "in two")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("is trained") == 1  # the first process alone tells
    alone = train(request(*pairs, "in one", **KEYS), QuietHost())
    two = folder.user_models() / "in two"
    assert not two.with_name("in two.training").exists()
    np.testing.assert_allclose(curve(two / loop.LOSSES), curve(alone.losses), rtol=1e-5)
    one, other = folder.load("in one"), folder.load("in two")
    assert one.training["validation_images"] == other.training["validation_images"]
    weights = zip(one.network().state_dict().values(), other.network().state_dict().values(), strict=True)
    assert max(float((a - b).abs().max()) for a, b in weights) < 1e-5


@pytest.mark.skipif(sys.platform == "win32", reason="PyTorch for Windows is built without what torchrun needs")
def test_what_one_process_began_two_go_on_with_on_the_same_curve(pairs: tuple[Path, Path]) -> None:
    class Stopping(QuietHost):
        epochs = 0

        def event(self, kind: str, payload: Mapping[str, Any]) -> None:
            self.epochs += kind == "epoch"

        def cancelled(self) -> bool:
            return self.epochs >= 2

    with pytest.raises(Cancelled, match="2 of 3 epochs are done"):
        train(request(*pairs, "in parts", **KEYS), Stopping())
    done = in_two_processes(pairs, "in parts", resume=True)
    assert done.returncode == 0, done.stderr[-2000:]
    whole = train(request(*pairs, "in a piece", **KEYS), QuietHost())
    parts = folder.user_models() / "in parts" / loop.LOSSES
    np.testing.assert_allclose(curve(parts), curve(whole.losses), rtol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="PyTorch for Windows is built without what torchrun needs")
def test_a_batch_that_cannot_be_shared_is_refused(pairs: tuple[Path, Path]) -> None:
    done = in_two_processes(pairs, "uneven", batch=3)
    assert done.returncode != 0 and "Set batch=4" in done.stderr
    assert not (folder.user_models() / "uneven").exists()


def test_without_torchrun_nothing_changes() -> None:
    part = torch.arange(6.0).reshape(3, 2)
    assert distributed.count() == 1 and distributed.is_first() and not distributed.launched()
    assert distributed.gather(part) is part and distributed.share([1, 2, 3]) == [1, 2, 3]
    with distributed.together(torch.device("cpu"), 3, batch_norm=True) as device:
        assert device == torch.device("cpu")


def test_batch_normalisation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert distributed.share([1, 2, 3, 4]) == [3, 4] and not distributed.is_first()
    with pytest.raises(BadInput, match="batch normalisation"), distributed.together(torch.device("cpu"), 4, True):
        pass
