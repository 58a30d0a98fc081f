"""What interrupted and killed runs leave: it is removed or resumed by the next one, and what lives is left alone."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tifffile
import torch

from helpers import tiny
from helpers.synthetic import write_pairs
from helpers.trained import request
from talanoa import tasks
from talanoa.core import leftovers, processes, write_errors
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.files import write_aside
from talanoa.core.host import QuietHost
from talanoa.models import archive as model_archive
from talanoa.models import folder as model_folder
from talanoa.models.runtime import store
from talanoa.tasks.recipes import train
from talanoa.training import loop
from talanoa.training.table import read_losses

KILLED = """
import os, sys
from pathlib import Path
from talanoa.models import archive as model_archive
from talanoa.core.files import write_aside
with write_aside(Path(sys.argv[1]) / "result") as aside:
    aside.mkdir()
    (aside / "labels.tif").touch()
    with model_archive.opened(Path(sys.argv[2])) as model:
        print(aside, model.parent, flush=True)
        if len(sys.argv) > 3:
            sys.stdin.read()
        os._exit(9)
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    leftovers.tidy.cache_clear()


def packed(folder: Path) -> Path:
    """Write a model into a zip."""
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", "{}")
    return path


def run_killed(tmp_path: Path) -> list[Path]:
    """Run a process that is killed while it writes; returns what it leaves."""
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(packed(tmp_path))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    return [Path(word) for word in done.stdout.split()]


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = run_killed(tmp_path)
    assert len(left) == 2 and all(path.exists() for path in left)
    with write_aside(tmp_path / "other") as aside:
        aside.write_text("whole")
    with model_archive.opened(tmp_path / "model.zip"):
        pass
    assert not any(path.exists() for path in left)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.zip", "other", "temp"]
    assert not any((tmp_path / "temp").iterdir())


def test_what_a_live_process_writes_stays(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(packed(tmp_path)), "wait"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = [Path(word) for word in process.stdout.readline().split()]
        leftovers.tidy(tmp_path)
        leftovers.tidy_temporary(tmp_path / "temp")
        assert len(left) == 2 and all(path.exists() for path in left)
        process.kill()


def test_another_machine_s_are_removed_when_they_are_old_only(tmp_path: Path) -> None:
    young, old = (tmp_path / f".0123abcd-{number}-0a1b2c.partial-x" for number in (1, 2))
    for path in (young, old):
        path.mkdir()
        (path / "labels.tif").touch()
    long_ago = young.stat().st_mtime - leftovers.AGE - 60
    for path in (old / "labels.tif", old):
        os.utime(path, (long_ago, long_ago))
    strangers = [tmp_path / name for name in (".hidden.partial-x", "0123abcd.partial-x", ".partial")]
    for path in strangers:
        path.touch()
        os.utime(path, (long_ago, long_ago))
    leftovers.tidy(tmp_path)
    assert young.exists() and not old.exists() and all(path.exists() for path in strangers)


def test_a_result_that_was_set_aside_for_one_that_never_came_is_back(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from talanoa.core import files\n"
        "target = Path(sys.argv[1]); old = files.name_aside(target, files.OLD); target.rename(old); os._exit(9)\n"
    )
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "labels.tif").write_text("kept")
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "result")], check=False)
    assert done.returncode == 9 and not (tmp_path / "result").exists()
    leftovers.tidy(tmp_path)
    assert (tmp_path / "result" / "labels.tif").read_text() == "kept"


def training_keys(**more: Any) -> dict[str, Any]:
    return {"epochs": 3, "steps": 2, "patch": 32, **more}


class Stopping(QuietHost):
    """Cancels after an epoch."""

    stop = False

    def event(self, kind: str, payload: Any) -> None:
        self.stop = self.stop or kind == "epoch"

    def cancelled(self) -> bool:
        return self.stop


@pytest.mark.parametrize("damage", ["lost", "cut", "text"])
def test_a_training_goes_on_without_its_table_of_losses(damage: str, tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    name = f"losses-{damage}"
    with pytest.raises(Cancelled, match="1 of 3 epochs are done and kept"):
        train(request(images, masks, name, **training_keys()), Stopping())
    table = model_folder.user_models() / f"{name}.training" / loop.LOSSES
    whole = table.read_bytes()
    table.unlink()
    if damage != "lost":
        table.write_bytes(whole[:40] if damage == "cut" else b"epoch\nthree\n")
    reply = train(request(images, masks, name, **training_keys(resume=True)), QuietHost())
    assert [row["epoch"] for row in read_losses(reply.losses)] == [1, 2, 3]
    assert reply.losses.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    ("file", "content"), [("last.pt", b"PK"), ("last.pt", None), ("best.pt", None), ("training.json", b"[1")]
)
def test_a_training_that_lost_more_says_what_to_do(file: str, content: bytes | None, tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    name = f"more-{file}-{content is None}"
    with pytest.raises(Cancelled):
        train(request(images, masks, name, **training_keys()), Stopping())
    path = model_folder.user_models() / f"{name}.training" / file
    if content is None and file == "last.pt":
        torch.save({"epoch": 1}, path)
    elif content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"{file} .*Delete the folder .*train again without resume"):
        train(request(images, masks, name, **training_keys(resume=True)), QuietHost())


def test_a_full_disk_in_blocks_tells_what_is_kept(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    message = r"The disk is full.*What is done is kept in .*result.unfinished"
    with pytest.raises(BadInput, match=message), store.opened(tmp_path / "result", {}, QuietHost()):
        raise write_errors.explain_write_error(full, tmp_path / "result") from full
    assert (tmp_path / "result.unfinished").is_dir()


class StopWhenOneIsDone(tiny.RecordingHost):
    """Wants to stop once a result is on the disk, before its row has come."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out = out

    def cancelled(self) -> bool:
        return any(self.out.glob("*/result.json"))


def test_a_stop_of_workers_before_the_first_row_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(3):
        tifffile.imwrite(folder / f"discs{seed}.tif", tiny.discs(seed)[0])
    keys = {"task": "segment", "image": str(folder), "model": tiny.MODEL, "device": "cpu", "out": str(tmp_path / "out")}
    heard = processes._Worker.heard
    with monkeypatch.context() as deaf:  # the first row is still on its way when the user stops
        deaf.setattr(processes._Worker, "heard", lambda worker: heard(worker) if not worker.ready else None)
        stopped = tasks.run({**keys, "workers": 1}, StopWhenOneIsDone(tmp_path / "out"))
    assert stopped["status"] == "cancelled" and "after 1 of 3 images" in stopped["message"]
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").iterdir())
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "ok" and reply["table"]["Status"].tolist() == ["ok"] * 3, reply["message"]


INTERRUPTED = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from talanoa.cli import main
sys.exit(main(["models", "list"]))
"""


@pytest.mark.parametrize(
    "module", ["talanoa.cli.verbs", "talanoa.cli.console", "rich.progress", "talanoa.tasks", "pydantic"]
)
def test_ctrl_c_while_the_program_is_loaded_shows_no_trace(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
