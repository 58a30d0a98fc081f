"""A folder of images: what fails is noted and tried anew, what changed is done again, nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import talanoa
from helpers import labellers, restorers, tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.cli import main
from talanoa.core import lock
from talanoa.core.host import QuietHost
from talanoa.image.formats.sets import ImageSet
from talanoa.tasks import folder_input, folder_state

DAMAGED = b"II*\0nothing"


def folder_of(place: Path, *names: str) -> Path:
    """Write an image of eight discs under each name, and a damaged file under names that begin with "bad"."""
    place.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        if name.startswith("bad"):
            (place / name).write_bytes(DAMAGED)
        else:
            write(place / name, seed)
    return place


def write(path: Path, seed: int) -> None:
    """Write an image; another seed is another image."""
    if path.suffix == ".tif":
        tifffile.imwrite(path, tiny.discs(seed)[0])
    else:
        images.write(path, images.from_array(tiny.discs(seed)[0]), overwrite=True)


def segmented(folder: Path, out: Path, host: Any = None, **keys: Any) -> dict[str, Any]:
    request = {"task": "segment", "image": str(folder), "model": tiny.MODEL, "device": "cpu", "out": str(out), **keys}
    return tasks.run(request, host or QuietHost())


def summary(out: Path) -> dict[str, str]:
    """Return the status of each image as `summary.csv` tells it."""
    table = pd.read_csv(out / "summary.csv", keep_default_na=False)
    return dict(zip(table["Image"], table["Status"], strict=True))


def stamp(out: Path) -> dict[str, int]:
    """Return when each result was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/result.json")}


def test_what_failed_is_tried_anew_and_what_is_done_stays(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "bad.tif", "c.tif"), tmp_path / "out"
    first = segmented(folder, out)
    assert first["status"] == "ok" and first["failures"] == ["bad.tif"]
    assert any("Failed: bad.tif" in text and "again" in text for text in first["warnings"])
    assert "Failed: bad.tif" in first["message"] and "16 objects in 2 of 3 images" in first["message"]
    assert np.isnan(first["table"]["Objects"][1])
    assert (out / "summary.csv").read_text("utf-8").splitlines()[2].startswith("bad.tif,error,,")
    before = stamp(out)
    write(folder / "bad.tif", 7)
    second = segmented(folder, out)
    assert second["status"] == "ok" and second["failures"] == []
    assert summary(out) == {"a.tif": "ok", "bad.tif": "ok", "c.tif": "ok"}
    assert {name: stamp(out)[name] for name in before} == before
    third = segmented(folder, out)
    assert third["status"] == "ok" and stamp(out).keys() == {"a", "bad", "c"}
    assert third["table"].drop(columns="Seconds").equals(second["table"].drop(columns="Seconds"))
    assert any("3 of 3 images are done already" in text for text in third["warnings"])


def test_what_changed_is_done_again_and_its_earlier_result_is_kept(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"
    segmented(folder, out)
    before, earlier = stamp(out), images.read_labels(out / "b" / "labels.tif").values
    write(folder / "b.tif", 9)
    reply = segmented(folder, out)
    assert any("1 of the images changed since" in text and "b.tif" in text for text in reply["warnings"])
    assert stamp(out)["a"] == before["a"]
    alone = tasks.run({"task": "segment", "image": str(folder / "b.tif"), "model": tiny.MODEL}, QuietHost())
    np.testing.assert_array_equal(images.read_labels(out / "b" / "labels.tif").values, alone["labels"])
    np.testing.assert_array_equal(images.read_labels(out / "replaced" / "b" / "labels.tif").values, earlier)
    (folder / "b.tif").write_bytes(DAMAGED)
    assert segmented(folder, out)["failures"] == ["b.tif"] and not (out / "b").exists()
    assert {path.name for path in (out / "replaced").iterdir()} == {"b", "b-2"}


def test_a_result_that_lost_a_file_is_done_again(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"
    segmented(folder, out)
    before = stamp(out)
    (out / "b" / "labels.tif").unlink()
    assert segmented(folder, out)["status"] == "ok"
    assert (out / "b" / "labels.tif").is_file() and stamp(out)["a"] == before["a"] and stamp(out)["b"] > before["b"]


def test_one_file_more_and_one_less_leave_the_names_that_were_given(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"
    segmented(folder, out)
    before = stamp(out)
    write(folder / "a.png", 5)
    (folder / "b.tif").unlink()
    reply = segmented(folder, out)
    assert reply["table"][["Image", "Folder"]].to_numpy().tolist() == [["a.png", "a.png"], ["a.tif", "a"]]
    assert {name: stamp(out)[name] for name in before} == before
    assert any("no longer there (b.tif)" in text for text in reply["warnings"])
    assert summary(out) == {"a.png": "ok", "a.tif": "ok"}


def test_results_are_not_mixed(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "bad.tif"), tmp_path / "out"
    segmented(folder, out)
    before = stamp(out)
    other = segmented(folder, out, prob_thresh=0.7)
    assert other["status"] == "error" and "request.prob_thresh was None, is 0.7" in other["message"]
    elsewhere = segmented(folder_of(tmp_path / "other", "a.tif", "c.tif"), out)
    assert elsewhere["status"] == "error" and "another folder of images" in elsewhere["message"]
    assert segmented(folder, out, price=2.0)["status"] == "ok"
    folder.rename(tmp_path / "moved")
    assert segmented(tmp_path / "moved", out)["failures"] == ["bad.tif"]
    assert stamp(out) == before
    single = segmented(tmp_path / "moved" / "a.tif", out)
    assert single["status"] == "error" and "exists already" in single["message"]
    (out / "folder.json").write_text("{", encoding="utf-8")
    assert "folder.json is damaged" in segmented(tmp_path / "moved", out)["message"]


def test_two_runs_into_one_folder(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "bad.tif"), tmp_path / "out"
    segmented(folder, out)
    before = (out / "summary.csv").read_bytes()
    code = "import sys; from pathlib import Path; from talanoa.core import lock\n"
    code += f"with lock.hold(Path({str(out)!r}), 'run'):\n"
    code += "    print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline().strip() == b"held"
        reply = segmented(folder, out)
        other.communicate(b"")
    assert reply["status"] == "error" and str(out) in reply["message"]
    assert (out / "summary.csv").read_bytes() == before
    assert segmented(folder, out)["status"] == "ok"


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    """What a killed process leaves: a lock of a process that is gone, files written aside, a result without record."""
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"
    segmented(folder, out)
    (out / "a" / "result.json").write_text("{", encoding="utf-8")
    shutil.rmtree(out / "b")
    (out / ".01234567.partial-b").mkdir()
    (out / ".01234567.partial-b" / "labels.tif").touch()
    (out / ".01234567.partial-summary.csv").touch()
    (out / lock.LOCK).write_text("999999999 1", encoding="utf-8")
    reply = segmented(folder, out)
    assert reply["status"] == "ok" and reply["failures"] == []
    assert stamp(out).keys() == {"a", "b"} and (out / "replaced" / "a").is_dir()
    assert {path.name for path in out.iterdir()} == {"a", "b", "folder.json", "replaced", "summary.csv"}


def test_a_run_that_was_killed_before_it_began(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif"), tmp_path / "out"
    out.mkdir()
    for name in (lock.LOCK, lock.NOTE, "folder.json.partial"):
        (out / name).write_text("999999999 1", encoding="utf-8")
    assert lock.is_of_lock(out / lock.NOTE)
    (out / lock.LOCK).unlink()
    assert segmented(folder, out)["status"] == "ok"
    assert {path.name for path in out.iterdir()} == {"a", "folder.json", "summary.csv"}


def test_odd_entries_of_a_folder(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif"), tmp_path / "out"
    (folder / "empty.tif").touch()
    (folder / "folder.tif").mkdir()
    (folder / "sub").mkdir()
    write(folder / "sub" / "deep.tif", 1)
    for name in ("._a.tif", ".hidden.tif", "Thumbs.db", "desktop.ini", "a.czi"):
        (folder / name).write_bytes(b"x")
    names = ["a.tif", "empty.tif"]
    try:
        (folder / "loop").symlink_to(folder)
        (folder / "link.tif").symlink_to(folder / "nowhere.tif")
        names.insert(2, "link.tif")
    except OSError:
        pass  # Windows without the right to make links
    reply = segmented(folder, out)
    assert reply["table"]["Image"].tolist() == names and reply["failures"] == names[1:]
    assert any("Left out 1 file in in that cannot be read: a.czi" in text for text in reply["warnings"])
    assert any("Left out 1 folder in in named like images: folder.tif" in text for text in reply["warnings"])
    if "link.tif" in names:
        assert "is a link to" in reply["table"]["Message"][2]


def test_a_file_that_vanishes_and_an_error_that_nobody_foresaw(tmp_path: Path, monkeypatch: Any) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif", "c.tif"), tmp_path / "out"
    known = folder_input.tasks_of_images()

    def one(request: Any, model: Any, path: Path, host: Any) -> dict[str, Any]:
        if path.name == "a.tif":
            (folder / "b.tif").unlink()
            raise IndexError("tuple index out of range")
        return known["segment"].one(request, model, path, host)

    monkeypatch.setattr(
        folder_input, "tasks_of_images", lambda: {**known, "segment": known["segment"]._replace(one=one)}
    )
    reply = segmented(folder, out)
    assert reply["failures"] == ["a.tif", "b.tif"] and summary(out)["c.tif"] == "ok"
    assert "IndexError" in reply["table"]["Message"][0]


def test_stopping_without_a_result_leaves_nothing(tmp_path: Path) -> None:
    reply = segmented(folder_of(tmp_path / "in", "a.tif"), tmp_path / "out", tiny.RecordingHost(stop=True))
    assert reply["status"] == "cancelled" and "nothing was written" in reply["message"]
    assert not (tmp_path / "out").exists()


NAMES = [
    ["a.tif", "a.png"], ["a.ome.tif", "a.tif"], ["A.tif", "a.tif"], ["a.png.tif", "a.png", "a.tif"],
    ["a.b.ome.tif", "a.c.ome.tif"], ["summary.csv.tif", "folder.json.png", "replaced.tif", "lock.tif", "lock.json.tif"],
    ["a .tif", "a.tif", "a..tif"], ["é.tif", "e\u0301.tif"], ["STRASSE.tif", "straße.tif"], [".tif.tif", "x.zarr"],
]  # fmt: skip


@pytest.mark.parametrize("files", NAMES)
def test_no_two_images_share_a_result_on_any_system(files: list[str]) -> None:
    names = folder_state.result_names([Path(name) for name in files])
    assert list(names) == files
    alike = {folder_state._alike(name) for name in (*names.values(), "summary.csv", "folder.json", "replaced", "lock")}
    assert len(alike) == len(files) + 4 and not any(name.endswith((" ", ".")) for name in names.values())
    for kept in files:  # one file after the other: those before keep their names
        known = folder_state.result_names([Path(kept)])
        more = folder_state.result_names([Path(name) for name in files], known)
        assert more[kept] == known[kept] and len({folder_state._alike(name) for name in more.values()}) == len(files)


def test_plain_names_have_plain_results() -> None:
    files = [Path(name) for name in ("cells.d1.ome.tif", "plain.tif", "stack.ome.zarr", "image.JPG")]
    assert list(folder_state.result_names(files).values()) == ["cells.d1", "plain", "stack", "image"]


def test_the_state_of_a_set_is_that_of_all_its_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.tif", "b.tif")]
    for path in paths:
        path.write_bytes(b"1")
    found = folder_state._facts(ImageSet(paths[0], (paths[1],)))
    paths[1].write_bytes(b"22")
    assert folder_state._facts(ImageSet(paths[0], (paths[1],))) != found


@pytest.mark.parametrize("only_one", [False, True])
def test_images_of_one_size_and_time_that_swap_their_names_are_done_again(tmp_path: Path, only_one: bool) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"
    first, second = folder / "a.tif", folder / "b.tif"
    assert first.stat().st_size == second.stat().st_size
    for path in (first, second):
        os.utime(path, ns=(10**18, 10**18))
    segmented(folder, out)
    before = {name: images.read_labels(out / name / "labels.tif").values for name in "ab"}
    assert not np.array_equal(before["a"], before["b"])
    again = segmented(folder, out)
    assert any("2 of 2 images are done already" in text for text in again["warnings"])
    second.rename(folder / "aside")
    if not only_one:
        first.rename(second)
    (folder / "aside").replace(first)
    segmented(folder, out)
    assert np.array_equal(images.read_labels(out / "a" / "labels.tif").values, before["b"])
    if not only_one:
        assert np.array_equal(images.read_labels(out / "b" / "labels.tif").values, before["a"])


def test_an_added_copy_does_not_make_a_result_anew(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif"), tmp_path / "out"
    segmented(folder, out)
    shutil.copy2(folder / "a.tif", folder / "b.tif")
    assert any("1 of 2 images are done already" in text for text in segmented(folder, out)["warnings"])
    assert not (out / folder_state.REPLACED).exists()


def test_the_state_of_a_zarr_is_that_of_its_files(tmp_path: Path) -> None:
    images.write(tmp_path / "a.zarr", images.from_array(tiny.discs(1)[0]))
    found = folder_state._facts(ImageSet(tmp_path / "a.zarr"))
    chunk = max(
        (path for path in (tmp_path / "a.zarr").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    os.utime(chunk, ns=(1, chunk.stat().st_mtime_ns + 10**9))
    assert folder_state._facts(ImageSet(tmp_path / "a.zarr")) != found


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path / "in", "a.tif", "bad.tif")
    given = ["segment", str(folder), "--model", tiny.MODEL, "--out", str(tmp_path / "out"), "--quiet"]
    assert main(given) == 3
    assert "Failed: bad.tif" in capsys.readouterr().out
    assert main([*given, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["failures"] == ["bad.tif"]
    write(folder / "bad.tif", 3)
    assert main(given) == 0
    bad = folder_of(tmp_path / "all", "bad.tif", "bad2.tif")
    assert main(["segment", str(bad), "--model", tiny.MODEL, "--out", str(tmp_path / "none")]) == 2
    assert "None of the 2 images" in capsys.readouterr().err and summary(tmp_path / "none")["bad2.tif"] == "error"


def test_failures_in_python(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", "a.tif", "bad.tif")
    found = talanoa.segment(folder, tiny.MODEL, out=str(tmp_path / "out"))
    assert found.failures == ["bad.tif"] and any("Failed: bad.tif" in text for text in found.warnings)
    assert talanoa.segment(folder / "a.tif", tiny.MODEL).failures == []


def test_names_that_a_spreadsheet_would_compute(tmp_path: Path) -> None:
    names = ["=1+1.tif", "a\nb.tif", "b.tif"] if os.name == "posix" else ["=1+1.tif", "b.tif"]
    reply = segmented(folder_of(tmp_path / "in", *names), tmp_path / "out")
    assert reply["table"]["Image"].tolist() == names
    assert len((tmp_path / "out" / "summary.csv").read_text("utf-8").splitlines()) == len(names) + 1
    assert "\n'=1+1.tif," in (tmp_path / "out" / "summary.csv").read_text("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode there")
def test_names_that_are_not_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path / "in", os.fsdecode(b"caf\xe9.tif"), os.fsdecode(b"bad\xe9.tif"))
    given = ["segment", str(folder), "--model", tiny.MODEL, "--out", str(tmp_path / "out")]
    for done in (0, 1):
        assert main(given) == 3
        told = capsys.readouterr()
        assert "8 objects in 1 of 2" in told.out and "Traceback" not in told.err
        assert (f"{done} of 2 images are done" in told.err) == bool(done)


@pytest.mark.parametrize("task", ["restore", "predict"])
def test_folders_of_the_other_tasks_are_repaired_alike(tmp_path: Path, task: str) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "bad.tif"), tmp_path / "out"
    model = (restorers if task == "restore" else labellers).save(tmp_path / "model")
    request = {"task": task, "image": str(folder), "model": str(model), "device": "cpu", "out": str(out)}
    reply = tasks.run(request, QuietHost())
    assert reply["failures"] == ["bad.tif"] and "1 of 2 images" in reply["message"], reply["message"]
    other = tasks.run({**request, "dtype": "uint16"}, QuietHost())
    assert other["status"] == "error" and "request.dtype" in other["message"]
    before = stamp(out)
    write(folder / "bad.tif", 3)
    assert tasks.run(request, QuietHost())["failures"] == []
    assert stamp(out)["a"] == before["a"] and summary(out) == {"a.tif": "ok", "bad.tif": "ok"}


def test_an_image_in_blocks_is_resumed_and_forgotten_when_it_changes(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path / "in", "a.tif", "b.tif"), tmp_path / "out"

    class StopInSecond(tiny.RecordingHost):
        def cancelled(self) -> bool:
            return any((out / "b.unfinished").rglob("*.npz"))

    stopped = segmented(folder, out, StopInSecond(), block=64)
    assert stopped["status"] == "cancelled" and (out / "b.unfinished").is_dir(), stopped["message"]
    write(folder / "b.tif", 5)
    reply = segmented(folder, out, block=64)
    assert reply["status"] == "ok" and reply["failures"] == [], reply["message"]
    assert not (out / "b.unfinished").exists()
    alone = tasks.run({"task": "segment", "image": str(folder / "b.tif"), "model": tiny.MODEL}, QuietHost())
    kept = images.read_labels(next(path for path in (out / "b").iterdir() if path.name.startswith("labels"))).values
    np.testing.assert_array_equal(kept > 0, alone["labels"] > 0)  # blocks number the objects in another order
    assert len(np.unique(kept)) == 9
