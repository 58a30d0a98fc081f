"""All doors at once: menu, macro, command line and Python give the same labels, ROIs and table, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import talanoa
from talanoa import cli, image
from talanoa.cli import codes
from talanoa.core.record import read_record

pytestmark = pytest.mark.gui

KEYS = {"device": "cpu", "exclude_border": True, "scale": 1.5, "prob_thresh": 0.6}


def test_menu_macro_command_line_and_python_agree_bit_for_bit(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    work: Path = play("every_door")["work"]
    monkeypatch.setenv("TALANOA_HOME", str(work / "home"))  # ImageJ's user is the one who repeats the results
    discs, model = work / "discs.tif", str(work / "home" / "models" / "tiny")
    words = [f"--{key.replace('_', '-')}={value}" for key, value in KEYS.items()]
    assert cli.main(["segment", str(discs), "--model", model, "--out", str(work / "cli"), *words]) == codes.OK
    talanoa.segment(discs, model, out=str(work / "python"), **KEYS)
    assert image.read_labels(work / "python" / "labels.tif").max() > 3
    doors = [work / door for door in ("menu", "macro", "cli", "python")]
    records = [read_record(door) for door in doors]
    for other, record in zip(doors[1:], records[1:], strict=True):
        for name in ("labels.tif", "rois.zip", "measurements.csv"):
            assert (other / name).read_bytes() == (doors[0] / name).read_bytes(), f"{other.name}: {name}"
        for key in ("used", "labels_sha256", "objects"):
            assert record[key] == records[0][key], f"{other.name}: {key}"
        assert record["image"]["sha256"] == records[0]["image"]["sha256"]
    for door in doors:
        assert talanoa.rerun(door).identical
