"""Stains from transmitted light in a real ImageJ window, from the training to the report."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from talanoa.core import request
from talanoa.training import request as training_request

pytestmark = pytest.mark.gui


def test_train_on_a_plate_predict_another_and_judge_the_model(play: Any, tmp_path: Path) -> None:
    browser, opened = tmp_path / "bin" / "xdg-open", tmp_path / "opened.txt"
    browser.parent.mkdir()
    browser.write_text(f"#!/bin/sh\necho $1 >> {opened}\n", encoding="utf-8")
    browser.chmod(0o755)
    seen = play("train_predict_and_judge", PATH=f"{browser.parent}{os.pathsep}{os.environ['PATH']}")
    trained(seen)
    assert "stains" in seen["offered"] and not {"nuclei", "tiny"} & set(seen["offered"])
    assert seen["composite"] and seen["names"] == ["phase", "nucleus", "er"]
    assert seen["colours"] == ["ffffff", "0000ff", "ff0000"]  # grey, blue, red
    assert sorted(set(seen["rows"])) == ["er", "nucleus"] and len(seen["rows"]) == 8  # 4 images of 2 stains
    assert seen["judged"].startswith("stains: ")
    page = (seen["work"] / "report" / "report.html").read_text(encoding="utf-8")
    assert "nucleus" in page and "Pearson" in page
    assert opened.read_text(encoding="utf-8").strip().endswith("report/report.html")


def trained(seen: dict[str, Any]) -> None:
    """Check what the training showed, said, recorded and left."""
    assert any(text.startswith("What is made of each stain, step by step") for text in seen["before"])
    assert any(text.endswith(": transmitted light") for text in seen["texts"])
    assert any(text.startswith("Wanted: the stains") for text in seen["texts"])
    assert max(seen["wide"]) <= 1300 and seen["high"] <= 700  # pixels: the dialogs fit on a small screen
    assert set(seen["shown"].values()) == {True}, seen["shown"]  # fields are as wide as what is typed into them
    assert "is trained" in seen["said"] and "nucleus: " in seen["said"] and "er: " in seen["said"]
    (line,) = seen["recorded"]
    options = line.split('"')[3]
    keys = dict(re.findall(r"(\w+)=(\[[^\]]*\]|\S+)", options))
    found = {key: value.strip("[]") for key, value in keys.items() if key != "more"}
    asked = request.parse(training_request.TrainRequest, found).request
    assert (asked.method, asked.stains) == ("labelling", "nucleus,er")
    assert asked.prepare == "er: rolling_ball=20 clip=50; nucleus: rolling_ball=50 clip=10"
    assert (asked.loss_backbone, asked.dropout, asked.weight_decay) == ("squeezenet1_1", 0.1, 0.001)
    assert asked.backbone_weights == str(seen["work"] / "weights.pth")
    model = json.loads((seen["work"] / "home" / "models" / "stains" / "model.json").read_text(encoding="utf-8"))
    assert [stain["name"] for stain in model["labelling"]["stains"]] == ["nucleus", "er"]
    assert (model["config"]["backbone"], model["config"]["dropout"]) == ("squeezenet1_1", 0.1)
    assert model["training"]["settings"]["weight_decay"] == 0.001
