"""The command line: the keys of the requests, exit codes, and messages without tracebacks."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers import tiny
from talanoa import cli, tasks
from talanoa import image as images
from talanoa.cli import codes, options
from talanoa.cli.console import ConsoleHost
from talanoa.core import logs
from talanoa.core.errors import BadInput
from talanoa.models import folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of its own with an image of discs."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("discs.tif", tiny.discs(1)[0])
    return tmp_path


def bad(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that has to fail, and return the message."""
    assert cli.main(words) == codes.BAD
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize("verb", tasks.TASKS)
def test_options_are_the_keys_of_the_request(verb: str) -> None:
    kind = tasks.TASKS[verb].request
    parser = options.parser_for(verb, kind)
    for key, field in kind.model_fields.items():
        for option in (f"--{key}", f"--{key.replace('_', '-')}"):
            keys, _ = options.read(parser, verb, kind, [option, "true"])
            assert keys == {key: "true"}
            assert field.description.split("%")[0] in " ".join(parser.format_help().split()).replace("- ", "-")


@pytest.mark.parametrize("verb", tasks.TASKS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([verb, "--help"])
    assert left.value.code == 0 and f"talanoa {verb}" in capsys.readouterr().out


def test_every_task_is_a_verb() -> None:
    assert set(tasks.TASKS) < set(cli.VERBS)
    assert set(cli.VERBS) - set(tasks.TASKS) == {"demo", "fiji", "install-fiji"}


def test_switches_do_not_swallow_the_next_word() -> None:
    kind = tasks.TASKS["segment"].request
    parser = options.parser_for("segment", kind)

    def keys(*words: str) -> dict[str, str]:
        return options.read(parser, "segment", kind, words)[0]

    assert keys("--exclude-border", "a.tif") == {"exclude_border": "true", "image": "a.tif"}
    assert keys("a.tif", "--exclude_border", "false") == {"exclude_border": "false", "image": "a.tif"}
    assert keys("--probThresh=0,5", "a.tif", "--min-intensity", "-3") == {
        "probThresh": "0,5", "image": "a.tif", "min_intensity": "-3",
    }  # fmt: skip
    with pytest.raises(BadInput, match="image is given twice"):
        keys("a.tif", "--image", "b.tif")
    with pytest.raises(BadInput, match="without a key"):
        keys("a.tif", "b.tif")


def test_segment_writes_a_result_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["segment", "discs.tif", "--model", tiny.MODEL, "--device", "cpu", "--out", "results"]) == codes.OK
    out = capsys.readouterr().out
    assert out.startswith("8 objects in ") and "Results: results" in out
    assert images.read_labels(here / "results" / "labels.tif").max() == 8


def test_results_get_a_free_name_when_none_is_given(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert cli.main(["segment", "discs.tif", "--model", tiny.MODEL]) == codes.OK
    assert {path.name for path in here.iterdir()} == {"discs.tif", "discs-talanoa", "discs-talanoa-2"}
    assert "discs-talanoa-2" in capsys.readouterr().out


def test_a_reply_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["segment", "discs.tif", "--model", tiny.MODEL, "--json", "--quiet"]) == codes.OK
    reply = json.loads(capsys.readouterr().out)
    assert reply["status"] == "ok" and reply["labels"]["objects"] == reply["rois"] == len(reply["table"]) == 8


def test_rois_to_a_label_image_and_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = images.from_array(tiny.discs(1)[1].astype(np.int32))
    images.write_labels("labels.tif", labels)
    assert cli.main(["rois", "from-labels", "--image", "labels.tif", "--out", "rois.zip"]) == codes.OK
    words = ["rois", "to-labels", "--rois", "rois.zip", "--image", "discs.tif", "--out", "again.tif"]
    assert cli.main(words) == codes.OK
    np.testing.assert_array_equal(images.read_labels("again.tif"), labels)
    assert "saved as again.tif" in capsys.readouterr().out
    assert "exists already" in bad(capsys, *words)


def test_rerun_tells_by_its_exit_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["segment", "discs.tif", "--model", tiny.MODEL, "--out", "results"])
    assert cli.main(["rerun", "results/result.json"]) == codes.OK
    assert "identical bit for bit" in capsys.readouterr().out
    tifffile.imwrite("discs.tif", tiny.discs(2)[0])
    assert cli.main(["rerun", "results/result.json"]) == codes.DIFFERENT
    assert "image: the pixels are not those of the record" in capsys.readouterr().out


def test_mistakes_are_messages(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'Did you mean "segment"?' in bad(capsys, "segmnt")
    assert 'Did you mean "prob_thresh"?' in bad(capsys, "segment", "discs.tif", "--prob-tresh", "0.5")
    assert "expected 1.0 or less" in bad(capsys, "segment", "discs.tif", "--prob-thresh", "2")
    assert "See: talanoa segment --help" in bad(capsys, "segment", "--model")
    assert "Unknown model 'x'" in bad(capsys, "models", "show", "x")
    assert "expected an image" in bad(capsys, "segment", "nowhere.tif", "--model", tiny.MODEL)
    assert [path.name for path in here.iterdir()] == ["discs.tif"]


def test_train_then_segment_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tiny.training_keys(here / "set", "cli discs", epochs=1, steps=2)
    keys.pop("task")
    words = ["train", *(f"--{key.replace('_', '-')}={value}" for key, value in keys.items())]
    assert cli.main(words) == codes.OK
    assert 'Segment with model="cli discs".' in capsys.readouterr().out
    assert "cli discs-2" in bad(capsys, *words)
    assert cli.main(["models"]) == codes.OK
    assert "cli discs" in capsys.readouterr().out
    assert cli.main(["segment", "discs.tif", "--model", "cli discs"]) == codes.OK
    assert folder.load("cli discs").licence == "CC0-1.0"


def test_the_first_interrupt_asks_and_the_second_stops() -> None:
    before = signal.getsignal(signal.SIGINT)
    host = ConsoleHost(quiet=True)
    with pytest.raises(KeyboardInterrupt), host.running():
        assert not host.cancelled()
        signal.raise_signal(signal.SIGINT)
        assert host.cancelled()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
def test_ctrl_c_ends_a_training_cleanly(tmp_path: Path) -> None:
    keys = tiny.training_keys(tmp_path / "set", "never done", epochs=1000, steps=1)
    keys.pop("task")
    words = [f"--{key.replace('_', '-')}={value}" for key, value in keys.items()]
    environment = {**os.environ, "TALANOA_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "talanoa", "train", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch "):
                process.send_signal(signal.SIGINT)
                break
        _, rest = process.communicate(timeout=300)
    assert process.returncode == codes.CANCELLED
    assert "Traceback" not in rest
    assert not (tmp_path / "home" / "models" / "never done").exists()


def test_the_log_file_has_the_details(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for handler in [one for one in logs.log.handlers if isinstance(one, logging.FileHandler)]:
        logs.log.removeHandler(handler)  # of an earlier test, maybe with another home
        handler.close()
    cli.main(["segment", "discs.tif", "--model", tiny.MODEL, "--roiPosition", "Stack"])
    files = logs.log_path().parent.glob(f"{logs.log_path().name}*")  # a full one has made room
    written = "".join(file.read_text(encoding="utf-8") for file in files)
    assert "roiPosition=Stack has no effect" in written
    assert "roiPosition=Stack has no effect" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "both"), [(["--help"], False), (["models"], False), (["segmnt"], True)])
def test_a_reader_that_has_gone_leaves_no_trace(words: list[str], both: bool) -> None:
    read, write = os.pipe()
    os.close(read)  # as after `| head -0`: nobody reads
    with os.fdopen(write, "wb") as pipe:
        command = [sys.executable, "-m", "talanoa", *words]
        done = subprocess.run(command, stdout=pipe, stderr=pipe if both else subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == (codes.BAD if words == ["segmnt"] else codes.OK)
    assert "Error" not in (done.stderr or "") and "Traceback" not in (done.stderr or "")


def test_a_job_goes_on_when_nobody_reads(here: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    words = ["segment", "discs.tif", f"--model={tiny.MODEL}", "--out=results", "--verbose"]
    command = [sys.executable, "-m", "talanoa", *words]
    with os.fdopen(write, "wb") as pipe:
        assert subprocess.run(command, stdout=pipe, stderr=pipe, timeout=300).returncode == codes.OK
    assert images.read_labels(here / "results" / "labels.tif").max() == 8


def test_a_command_without_standard_streams(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(["segment", "discs.tif", "--model", tiny.MODEL, "--out", "results"]) == codes.OK
    assert cli.main(["segmnt"]) == codes.BAD


def test_a_full_disk_is_not_a_reader_that_has_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert cli.main(["models"]) == codes.BAD
    assert "No space left on device" in capsys.readouterr().err


def test_the_place_of_the_results_is_named_whatever_the_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", tiny.discs(0)[0])
    assert cli.main(["segment", "image.tif", "--model", str(tiny.MODEL), "--out", "t"]) == 0
    assert "Results: t" in capsys.readouterr().out
