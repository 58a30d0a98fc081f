"""Doctor: the device is really used, and every line is in order or has a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import tiny
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.tasks import doctor_checks


@pytest.fixture(scope="module")
def reply() -> tasks.Reply:
    """One examination on the CPU."""
    return tasks.run({"task": "doctor", "device": "cpu"}, QuietHost())


def test_every_topic_has_a_line(reply: tasks.Reply) -> None:
    assert reply["status"] == "ok"
    topics = [line["topic"] for line in reply["lines"]]
    expected = [
        "Talanoa",
        "Python",
        "Packages",
        "Torch",
        "Device",
        "Java",
        "ImageJ",
        "Display",
        "Home",
        "Models",
        "Log",
        "Memory",
        "Shared memory",
        "Disk",
    ]
    assert [topic for topic in topics if topic != "Fiji"] == expected
    assert all(line["ok"] or line["remedy"] or "expected" in line["text"] for line in reply["lines"])
    assert reply["healthy"] == all(line["ok"] for line in reply["lines"])


def test_the_report_shows_each_line(reply: tasks.Reply) -> None:
    for line in reply["lines"]:
        assert any(
            row.startswith("OK  " if line["ok"] else "LOOK") and line["text"] in row
            for row in reply["text"].splitlines()
        )


def test_the_device_ran_a_convolution(reply: tasks.Reply) -> None:
    (line,) = [line for line in reply["lines"] if line["topic"] == "Device"]
    assert line["ok"] and line["text"].startswith("cpu ran a convolution") and line["text"].endswith(" ms")


def test_an_imagej_that_asks_speaks_for_itself() -> None:
    lines = {
        line.topic: line for line in doctor_checks.examine("cpu", None, QuietHost(), java="21.0.1", imagej="1.54p")
    }
    assert (lines["Java"].text, lines["ImageJ"].text) == ("21.0.1", "1.54p")


def test_the_home_folder_is_said_with_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path))
    assert doctor_checks.check_home().text == f"{tmp_path} (TALANOA_HOME)"
    monkeypatch.delenv("TALANOA_HOME")
    assert "not set" in doctor_checks.check_home().text


def test_no_variable_of_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "xyz-very-secret")
    assert "xyz-very-secret" not in doctor_checks.as_text(doctor_checks.examine("cpu", None, QuietHost()))


@pytest.mark.gpu
def test_the_gpu_ran_a_convolution() -> None:
    line = doctor_checks.check_device("auto")
    assert line.ok and line.text.startswith(("cuda", "mps"))


def test_a_device_that_is_not_here_is_a_line() -> None:
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this machine has mps")
    lines = {line.topic: line for line in doctor_checks.examine("mps", None, QuietHost())}
    assert not lines["Device"].ok and "available: cpu" in lines["Device"].text
    assert lines["Python"].ok


def test_a_folder_that_is_no_fiji(tmp_path: Path) -> None:
    lines = {line.topic: line for line in doctor_checks.examine("cpu", str(tmp_path), QuietHost())}
    assert not lines["Fiji"].ok and "expected jars" in lines["Fiji"].text


def test_what_a_check_raises_becomes_its_line() -> None:
    def broken() -> doctor_checks.Line:
        raise OSError("the disk is on fire")

    def bad() -> doctor_checks.Line:
        raise BadInput("found nothing; expected something")

    assert doctor_checks.guarded("Disk", broken) == doctor_checks.Line(
        "Disk", False, "OSError: the disk is on fire", doctor_checks.REINSTALL
    )
    assert doctor_checks.guarded("Disk", bad) == doctor_checks.Line(
        "Disk", False, "found nothing; expected something", ""
    )


def test_it_can_be_cancelled() -> None:
    assert tasks.run({"task": "doctor"}, tiny.RecordingHost(stop=True))["status"] == "cancelled"
