"""Evaluate Model in a real ImageJ window; the browser is a script that notes what it is asked to open."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.gui, pytest.mark.skipif(sys.platform != "linux", reason="replaces xdg-open")]


@pytest.mark.parametrize("there", [True, False], ids=["browser", "no browser"])
def test_a_model_is_judged_and_the_report_opened(play: Any, tmp_path: Path, there: bool) -> None:
    browser, opened = tmp_path / "bin" / "xdg-open", tmp_path / "opened.txt"
    browser.parent.mkdir()
    browser.write_text(f"#!/bin/sh\necho $1 >> {opened}\nexit {0 if there else 3}\n", encoding="utf-8")
    browser.chmod(0o755)
    seen = play("evaluate_from_the_menu", PATH=f"{browser.parent}{os.pathsep}{os.environ['PATH']}")
    assert seen["offered"][0] == "none" and "tiny" in seen["offered"]
    assert seen["written"] and sorted(seen["images"]) == [f"discs{number}" for number in range(6)]
    assert min(seen["f1"]) > 0.8 and seen["f1"] == sorted(seen["f1"])
    assert seen["rows_of_results"] == 0
    assert seen["said"].startswith("tiny: F1 ")
    assert ("No browser was found" in seen["said"]) == (not there)
    assert opened.read_text(encoding="utf-8").strip() == (seen["work"] / "report" / "report.html").as_uri().replace(
        "///", "/"
    )
