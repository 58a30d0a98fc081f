"""A folder of images on several processes or a Dask cluster gives what it gives in one, and leaves none behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import tifffile

from helpers import tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.core import cluster as plates
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost


def facts(number: int) -> tuple[int, int, str]:
    """Return a number, the process, and the threads it may use; an odd number is an error."""
    if number == 3:
        raise ValueError("three")
    return number, os.getpid(), os.environ["OMP_NUM_THREADS"]


def never(number: int) -> None:
    """Do not return."""
    threading.Event().wait()


def test_calls_run_in_other_processes_with_their_share_of_threads() -> None:
    answers = sorted(plates.spread(facts, [(k,) for k in range(6)], QuietHost(), workers=2))
    assert [answer.number for answer in answers] == list(range(6))
    assert isinstance(answers[3].error, ValueError)
    found = [answer.result for k, answer in enumerate(answers) if k != 3]
    processes = {process for _, process, _ in found}
    assert os.getpid() not in processes and 1 <= len(processes) <= 2
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert {threads for _, _, threads in found} == {str(max(1, usable // 2))}
    assert not any(psutil.pid_exists(process) and not_ours(process) for process in processes)


def not_ours(process: int) -> bool:
    """Tell whether a process is one of our children that runs."""
    return any(child.pid == process and child.status() != "zombie" for child in psutil.Process().children())


class Impatient(tiny.RecordingHost):
    """Wants to stop once it was asked a second time."""

    asked = 0

    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked > 1


def test_a_stop_ends_calls_that_run() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(Cancelled):
        list(plates.spread(never, [(0,), (1,)], Impatient(), workers=1))
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    # the helper that cleans up after processes is Python's own and ends with this process
    assert not [child for child in left if "resource_tracker" not in " ".join(child.cmdline())]


def test_no_scheduler_and_none_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(plates, "_START", 1)
    with pytest.raises(BadInput, match="no Dask scheduler answers"):
        list(plates.spread(facts, [(0,)], QuietHost(), scheduler="tcp://127.0.0.1:9"))
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(BadInput, match="no worker yet"),
    ):
        list(plates.spread(facts, [(0,)], QuietHost(), scheduler=cluster.scheduler_address))


def write_folder(folder: Path) -> Path:
    """Write three images, one of which cannot be read."""
    folder.mkdir()
    for seed in range(2):
        tifffile.imwrite(folder / f"discs{seed}.tif", tiny.discs(seed)[0])
    (folder / "broken.tif").write_bytes(b"II*\0nothing")
    return folder


def request(folder: Path, out: Path, **keys: Any) -> dict[str, Any]:
    return {"task": "segment", "image": str(folder), "model": tiny.MODEL, "device": "cpu", "out": str(out), **keys}


def labels(out: Path) -> list[np.ndarray]:
    return [images.read_labels(out / f"discs{seed}" / "labels.tif").values for seed in range(2)]


def without_time(reply: dict[str, Any]) -> pd.DataFrame:
    return reply["table"].drop(columns="Seconds")


def test_a_folder_gives_the_same_on_a_cluster_and_by_address(tmp_path: Path) -> None:
    from distributed import LocalCluster

    folder = write_folder(tmp_path / "in")
    alone = tasks.run(request(folder, tmp_path / "alone"), QuietHost())
    assert alone["status"] == "ok" and alone["failures"] == ["broken.tif"]
    host = tiny.RecordingHost()
    spread = tasks.run(request(folder, tmp_path / "spread", workers=2), host)
    assert spread["status"] == "ok"
    pd.testing.assert_frame_equal(without_time(spread), without_time(alone))
    assert any(text.startswith("broken.tif: ") for text in host.warnings)
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        keys = {"scheduler": cluster.scheduler_address}
        by_address = tasks.run(request(folder, tmp_path / "by address", **keys), QuietHost())
        assert by_address["status"] == "ok", by_address["message"]
        assert cluster.scheduler_info["workers"]  # it is not ours: it goes on
    for out in ("spread", "by address"):
        assert all(map(np.array_equal, labels(tmp_path / "alone"), labels(tmp_path / out)))
        assert {path.name for path in (tmp_path / out).iterdir()} == {
            "discs0", "discs1", "folder.json", "summary.csv",
        }  # fmt: skip


class StopAfter(tiny.RecordingHost):
    """Wants to stop when an image is announced."""

    def progress(self, done: float, total: float, text: str) -> None:
        super().progress(done, total, text)
        self.stop = self.stop or "(3 of 3)" in text


def test_an_interrupted_folder_goes_on(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    keys = request(folder, tmp_path / "out")
    stopped = tasks.run(keys, StopAfter())
    assert stopped["status"] == "cancelled" and "same command again goes on" in stopped["message"]
    done = tmp_path / "out/discs0/result.json"
    before = done.stat().st_mtime_ns
    other = tasks.run({**keys, "prob_thresh": 0.9}, QuietHost())
    assert other["status"] == "error" and "request.prob_thresh was None, is 0.9" in other["message"]
    host = tiny.RecordingHost()
    reply = tasks.run(keys, host)
    assert reply["status"] == "ok" and done.stat().st_mtime_ns == before
    assert any("1 of 3 images are done already" in text for text in host.warnings)
    assert reply["table"]["Status"].tolist() == ["error", "ok", "ok"]
    again = tasks.run(keys, QuietHost())
    assert again["status"] == "ok" and again["failures"] == ["broken.tif"] and done.stat().st_mtime_ns == before


def test_keys_that_do_not_fit(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    both = tasks.run(request(folder, tmp_path / "out", workers=2, scheduler="tcp://a:1"), QuietHost())
    assert both["status"] == "error" and "found both" in both["message"]
    single = tasks.run(request(folder / "discs0.tif", tmp_path / "out", workers=2), QuietHost())
    assert single["status"] == "error" and "for a folder of images" in single["message"]
