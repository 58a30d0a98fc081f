"""The window of a training, jobs that wait for it, and the Doctor, in a real ImageJ window."""

from __future__ import annotations

from typing import Any

import pytest

from talanoa.models import folder

pytestmark = pytest.mark.gui


def trained(seen: dict[str, Any]) -> dict[str, Any]:
    """Return how the model of a scenario came about."""
    return folder.load(str(seen["work"] / "home" / "models" / "mine")).training


def test_the_window_shows_curve_and_preview_and_stopping_keeps_the_best(play: Any) -> None:
    seen = play("stop_and_keep")
    assert min(seen["colours"].values()) > 20
    assert any(text.startswith("Validation image discs") for text in seen["texts"])
    assert any(text.startswith("Found after epoch") for text in seen["texts"])
    assert any("Best so far: epoch" in text for text in seen["texts"])
    assert any(text.endswith(" left") for text in seen["texts"])
    assert "Model mine is trained" in seen["said"] and "stopped early" in seen["said"]
    assert "Model mine is trained" in seen["after"]
    assert 1 <= seen["rows"] == trained(seen)["epochs_run"] < 20000


def test_a_cancelled_training_is_resumed_from_the_menu(play: Any) -> None:
    seen = play("cancel_and_resume")
    assert f"{seen['kept']} of 20000 epochs are done and kept" in seen["said"]
    assert "Go on with an interrupted training" in seen["said"]
    assert not seen["window"] and not seen["model"]
    assert "Model mine is trained" in seen["said_again"]
    assert trained(seen)["epochs_run"] == seen["rows"] > seen["kept"]


def test_a_training_goes_on_without_its_window(play: Any) -> None:
    seen = play("close_and_reopen")
    assert "Training of mine runs" in seen["question"]
    assert seen["shown"]
    assert "Model mine is trained" in seen["said"]
    assert "Training of mine" not in seen["left"]
    assert trained(seen)["epochs_run"] >= 3


def test_a_waiting_job_says_so_and_can_be_cancelled(play: Any) -> None:
    seen = play("wait_in_line")
    assert seen["waiting"] == "Waiting: 1 job before this one"
    assert not seen["labels"]
    assert seen["next"]


def test_the_report_of_the_doctor_can_be_copied(play: Any) -> None:
    seen = play("doctor")
    assert seen["copied"] == seen["text"]
    for topic in ("Talanoa", "Python", "Torch", "Java", "ImageJ", "Home", "Models", "Memory", "Shared memory", "Disk"):
        assert any(line[6:].startswith(topic) for line in seen["text"].splitlines()), topic
    assert "Runs in the process of ImageJ" in seen["text"]
    assert str(seen["work"] / "home" / "log") in seen["folder"]
    assert not seen["window_of_a_macro"] and not seen["message"]
    assert "Torch" in seen["log"]
