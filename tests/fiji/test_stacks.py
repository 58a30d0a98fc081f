"""Stacks in ImageJ, without a window: a 3D model is trained and applied by the same commands as one for planes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers.synthetic import stack, write_stacks
from helpers.trained3d import small_model
from talanoa import image as images
from talanoa import rois
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.models import folder


@pytest.fixture(scope="module")
def names(imagej: Runtime) -> list[str]:
    """Our commands in this ImageJ."""
    return menu.install(imagej)


def test_a_stack_gives_label_stack_outlines_by_slice_and_a_table(names: list[str], ij: Any, tmp_path: Path) -> None:
    import jpype

    model = small_model().name
    file = tmp_path / "stack.tif"
    images.write(file, images.from_array(stack(seed=80)[0], "zyx", pixel_size=(2.0, 1.0, 1.0), unit="µm"))
    results = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    results.reset()
    imp = ij.openImage(str(file))
    ij.run(imp, "Segment Objects", f"model=[{model}] device=cpu out=[{tmp_path / 'macro'}]")
    expected = talanoa.segment(file, model, device="cpu", out=str(tmp_path / "python"))
    shown = ij.openImage(str(tmp_path / "macro" / "labels.tif"))
    assert (shown.getNSlices(), shown.getNFrames()) == (16, 1)
    assert np.array_equal(convert.to_dataarray(shown).values, expected.labels)
    assert "Volume" in str(results.getColumnHeadings()) and "Surface" in str(results.getColumnHeadings())
    overlay = imp.getOverlay()
    for number in range(overlay.size()):  # without a display, outlines are the overlay
        roi = overlay.get(number)
        assert f"_Z{roi.getPosition():03d}_" in str(roi.getName()) or roi.getZPosition() > 0
    assert overlay.size() == len(rois.read_zip(tmp_path / "macro" / "rois.zip").rois)
    for name in ("measurements.csv", "rois.zip", "labels.tif"):
        assert (tmp_path / "macro" / name).read_bytes() == (tmp_path / "python" / name).read_bytes(), name


def test_stacks_and_rois_drawn_slice_by_slice_train_a_3d_model(names: list[str], ij: Any, tmp_path: Path) -> None:
    folders = write_stacks(tmp_path, 2, shape=(8, 32, 32), count=2)
    drawn = tmp_path / "rois"
    drawn.mkdir()
    for path in folders[1].iterdir():
        rois.write_zip(drawn / f"{path.stem}.zip", rois.from_labels(images.read_labels(path)))
    ij.run(
        "Train Model",
        f"images=[{folders[0]}] rois=[{drawn}] name=[stacks from a macro] epochs=1 steps=1 patch=16 patch_z=8 batch=1 "
        "n_rays=8 device=cpu validation=0.5 backbone=resnet anisotropy=2,5",
    )
    found = folder.load("stacks from a macro")
    assert found.method == "stardist3d"
    assert (found.config["backbone"], found.config["anisotropy"]) == ("resnet", [2.5, 1.0, 1.0])
