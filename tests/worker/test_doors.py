"""Every door of the ImageJ beside Python (menu, IJ.run, macro, batch mode, headless) gives what Python alone gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import tiny
from helpers.worker.looks import SEGMENT, confirm, labels_of, same_labels
from talanoa import rois, tasks
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array

pytestmark = pytest.mark.gui


@pytest.fixture
def opened(fiji: Any, kit: Path) -> Iterator[Any]:
    """Return the ImageJ with the small image open."""
    assert fiji.call("show", (kit / "discs.tif").as_posix()) == "discs.tif"
    yield fiji


def test_menu_dialog_results_and_the_recorded_line(opened: Any, expected: Any) -> None:
    opened.call("record")
    opened.run("RoiManager.getRoiManager().addRoi(__import__('ij').gui.Roi(1, 2, 3, 4))")
    opened.call("choose", SEGMENT)
    opened.wait(f"titled({SEGMENT!r})", "the dialog is open")
    assert "tiny" in opened.call("offered", SEGMENT, "Model")
    opened.call("fill", SEGMENT, {"Model": "tiny", "Device": "cpu"})
    confirm(opened)
    assert same_labels(labels_of(opened), expected)
    objects = int(expected.labels.max())
    opened.wait(f"seen()['rows'] == {objects}", "the table is there")
    seen = opened.call("seen")
    assert seen["rois"] == objects + 1, "the user's own ROI stays"
    assert opened.call("roi_names")[1:] == [f"T0001_L{k:05d}" for k in range(1, objects + 1)]
    (line,) = [line for line in opened.call("recorded") if SEGMENT in line]
    assert line.startswith(f'run("{SEGMENT}", "model=tiny norm_low=1.0 ')
    opened.call("activate", "discs.tif")
    opened.call("macro", line)
    assert same_labels(labels_of(opened, "discs.tif labels-1"), expected)


def test_rois_cover_the_labels_pixel_by_pixel(opened: Any, expected: Any, tmp_path: Path) -> None:
    opened.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu')")
    opened.call("save_rois", (tmp_path / "rois.zip").as_posix())
    labels = labels_of(opened)
    painted = rois.to_labels(rois.read_zip(tmp_path / "rois.zip").rois, like=from_array(labels)).labels
    assert same_labels(np.asarray(painted).squeeze(), expected)


def test_the_table_has_the_numbers_of_python(opened: Any, expected: Any) -> None:
    opened.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu')")
    table = expected.table
    for name in ("Area", "Mean", "Probability"):
        column = opened.value(f"list(ResultsTable.getResultsTable().getColumnAsDoubles("
                              f"ResultsTable.getResultsTable().getColumnIndex({name!r})))")  # fmt: skip
        assert np.array_equal(column, table[name].to_numpy()), name
    names = opened.value("[ResultsTable.getResultsTable().getStringValue('Name', i) for i in range(3)]")
    assert names == list(table["Name"][:3])


def test_the_probability_is_shown_when_asked_for(opened: Any, kit: Path) -> None:
    opened.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu rois=none maps')")
    assert sorted(opened.call("images")) == ["discs.tif", "discs.tif labels", "discs.tif probability"]
    shown = opened.value("list(WindowManager.getImage('discs.tif probability').getProcessor().getPixels())")
    pixels = from_array(tifffile.imread(kit / "discs.tif"))
    asked = {"task": "segment", "model": str(kit / "home" / "models" / "tiny"), "device": "cpu", "maps": True}
    wanted = tasks.run(asked, QuietHost(), pixels)["image"]
    assert np.array_equal(np.asarray(shown, np.float32), wanted.values.ravel())


def test_batch_mode_reaches_the_results(fiji: Any, kit: Path, expected: Any) -> None:
    macro = (
        f'setBatchMode(true); open("{(kit / "discs.tif").as_posix()}"); run("{SEGMENT}", "model=tiny device=cpu"); '
        'getStatistics(area, mean, min, max); '
        'return getTitle() + " " + nImages + " " + nResults + " " + roiManager("count") + " " + max;'
    )  # fmt: skip
    objects = int(expected.labels.max())
    assert fiji.call("macro", macro) == f"discs.tif labels 2 {objects} {objects} {objects}"
    assert fiji.call("images") == []


def test_keys_of_the_stardist_plugin_are_known(opened: Any, kit: Path) -> None:
    opened.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu probThresh=0.8 nmsThresh=0.3')")
    model = str(kit / "home" / "models" / "tiny")
    wanted = talanoa.segment(kit / "discs.tif", model, device="cpu", prob_thresh=0.8, nms_thresh=0.3)
    assert same_labels(labels_of(opened), wanted)


def test_a_mistyped_key_ends_the_macro_with_a_message(opened: Any) -> None:
    opened.call("macro", f'print("before"); run("{SEGMENT}", "model=tiny prob_tresh=0.4"); print("after");')
    log = opened.call("log")
    assert 'Unknown key "prob_tresh"' in log and 'Did you mean "prob_thresh"?' in log
    assert "before" in log and "after" not in log.splitlines()
    assert opened.call("images") == ["discs.tif"]
    opened.call("macro", 'print("again");')
    assert opened.call("log").rstrip().endswith("again")


def test_every_kind_of_pixel_arrives(fiji: Any, kit: Path, tmp_path: Path) -> None:
    pixels = tiny.discs(100)[0]
    kinds = {"8-bit": (pixels // 16).astype(np.uint8), "16-bit": pixels, "32-bit": pixels.astype(np.float32)}
    for name, array in kinds.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
        fiji.call("show", (tmp_path / f"{name}.tif").as_posix())
        fiji.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu rois=none')")
        wanted = talanoa.segment(tmp_path / f"{name}.tif", str(kit / "home" / "models" / "tiny"), device="cpu")
        assert same_labels(labels_of(fiji, f"{name}.tif labels"), wanted), name


def test_a_stack_and_a_selection_arrive(fiji: Any, kit: Path, tmp_path: Path) -> None:
    frames = np.stack([tiny.discs(seed)[0] for seed in (1, 2, 3)])
    tifffile.imwrite(tmp_path / "movie.tif", frames, imagej=True, metadata={"axes": "TYX"})
    fiji.call("show", (tmp_path / "movie.tif").as_posix())
    fiji.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu')")
    wanted = talanoa.segment(tmp_path / "movie.tif", str(kit / "home" / "models" / "tiny"), device="cpu")
    assert same_labels(labels_of(fiji, "movie.tif labels"), wanted)
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.run("IJ.makeRectangle(0, 0, 48, 96)")
    fiji.run(f"IJ.run({SEGMENT!r}, 'model=tiny device=cpu rois=none')")
    half = labels_of(fiji)
    assert half[:, :40].any() and not half[:, 56:].any()
    assert "Only the selection was segmented" in fiji.call("log")


def test_headless_macro_writes_a_result_folder(start: Any, kit: Path, expected: Any, tmp_path: Path) -> None:
    fiji = start(headless=True)
    macro = (
        f'open("{(kit / "discs.tif").as_posix()}"); '
        f'run("{SEGMENT}", "model=tiny device=cpu out=[{(tmp_path / "out").as_posix()}]"); return getTitle();'
    )
    assert fiji.call("macro", macro) == "discs.tif labels"
    assert same_labels(tifffile.imread(tmp_path / "out" / "labels.tif"), expected)
    assert len(rois.read_zip(tmp_path / "out" / "rois.zip").rois.names) == int(expected.labels.max())
