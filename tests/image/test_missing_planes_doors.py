"""The key `missing_planes` at every door: what is missing is refused, left out on request, recorded and run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import filesets, restorers, tiny
from talanoa import cli, tasks
from talanoa.cli import codes
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost

FRAMES = np.stack([tiny.discs(seed)[0] for seed in range(3)])


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A movie that was stopped after three of five frames."""
    blocks = "".join(f'<TiffData FirstT="{t}" IFD="{t}" PlaneCount="1"/>' for t in range(5))
    body = filesets.image_xml(0, [], (5, 1, 1, *FRAMES.shape[1:]))
    body = body.replace("</Pixels>", f"{blocks}</Pixels>").replace("uint16", str(FRAMES.dtype))
    with tifffile.TiffWriter(tmp_path / "stopped.ome.tif") as out:
        for t, frame in enumerate(FRAMES):
            text = None if t else filesets.OME.format(head="", body=body).encode()
            out.write(frame, description=text, metadata=None, contiguous=False, compression="zlib")
    return tmp_path / "stopped.ome.tif"


def ask(task: str, **keys: Any) -> tasks.Reply:
    """Run a task."""
    return tasks.run({"task": task, "device": "cpu", **keys}, QuietHost())


def test_segment_restore_and_rerun(stopped: Path, tmp_path: Path) -> None:
    words = ["segment", str(stopped), "--model", tiny.MODEL, "--device", "cpu", "--quiet"]
    assert cli.main([*words, "--out", str(tmp_path / "none")]) == codes.BAD
    assert not (tmp_path / "none").exists()
    assert cli.main([*words, "--missing-planes", "skip", "--out", str(tmp_path / "out")]) == codes.OK
    record = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert record["image"]["sizes"]["t"] == 3 and record["request"]["missing_planes"] == "skip"
    assert any("frames 4-5" in warning for warning in record["warnings"])
    assert tasks.run({"task": "rerun", "result": str(tmp_path / "out")}, QuietHost())["identical"]
    whole = talanoa.segment(FRAMES, tiny.MODEL, dims="tyx", device="cpu")
    assert np.array_equal(
        talanoa.segment(stopped, tiny.MODEL, device="cpu", missing_planes="skip").labels, whole.labels
    )
    with pytest.raises(BadInput, match="missing_planes=skip"):
        talanoa.segment(stopped, tiny.MODEL, device="cpu")
    restorer = str(restorers.save(tmp_path / "restorer"))
    assert "missing_planes=skip" in ask("restore", image=str(stopped), model=restorer)["message"]
    assert ask("restore", image=str(stopped), model=restorer, missing_planes="skip")["image"].sizes["t"] == 3


def test_blocks_and_a_folder(stopped: Path, tmp_path: Path) -> None:
    keys = {"image": str(stopped), "model": tiny.MODEL, "block": 64, "out": str(tmp_path / "blocks")}
    assert "frames 4-5" in ask("segment", **keys)["message"]
    reply = ask("segment", **keys, missing_planes="skip")
    assert reply["record"]["image"]["sizes"]["t"] == 3 and any("frames 4-5" in text for text in reply["warnings"])
    (tmp_path / "folder").mkdir()
    stopped.rename(tmp_path / "folder" / stopped.name)
    keys = {"image": str(tmp_path / "folder"), "model": tiny.MODEL, "out": str(tmp_path / "out")}
    assert "frames 4-5" in ask("segment", **keys)["message"]
    reply = ask("segment", **keys | {"out": str(tmp_path / "skipped")}, missing_planes="skip")
    assert reply["status"] == "ok" and not reply["failures"]


def test_training_reads_the_frames_that_exist(stopped: Path) -> None:
    keys = {
        "images": str(stopped),
        "method": "n2v",
        "name": "stopped",
        "epochs": 1,
        "steps": 2,
        "patch": 32,
        "batch": 2,
    }
    assert "frames 4-5" in ask("train", **keys)["message"]
    reply = ask("train", **keys, missing_planes="skip")
    assert reply["status"] == "ok" and any("frames 4-5" in text for text in reply["warnings"])


def test_an_open_image_takes_no_key_for_files() -> None:
    with pytest.raises(BadInput, match="missing_planes"):
        talanoa.segment(FRAMES, tiny.MODEL, dims="tyx", device="cpu", missing_planes="skip")
