"""Training stains from transmitted light in a real ImageJ window."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from talanoa import requests

pytestmark = pytest.mark.gui


def test_train_on_a_plate_and_see_the_targets_before(play: Any) -> None:
    seen = play("train_on_a_plate")
    assert any(text.startswith("What is made of each stain, step by step") for text in seen["before"])
    assert any(text.endswith(": transmitted light") for text in seen["texts"])
    assert any(text.startswith("Wanted: the stains") for text in seen["texts"])
    assert max(seen["wide"]) <= 1300  # pixels: both dialogs fit on a small screen
    assert "is trained" in seen["said"] and "nucleus: " in seen["said"] and "er: " in seen["said"]
    (line,) = seen["recorded"]
    options = line.split('"')[3]
    keys = dict(re.findall(r"(\w+)=(\[[^\]]*\]|\S+)", options))
    found = {key: value.strip("[]") for key, value in keys.items() if key != "more"}
    asked = requests.parse(requests.TrainRequest, found).request
    assert (asked.method, asked.stains, asked.prepare) == ("labelling", "nucleus,er", "er: rolling_ball=20 clip=50")
    model = json.loads((seen["work"] / "home" / "models" / "stains" / "model.json").read_text(encoding="utf-8"))
    assert [stain["name"] for stain in model["labelling"]["stains"]] == ["nucleus", "er"]
