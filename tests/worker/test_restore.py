"""Restored images in an ImageJ whose Python is beside it: the pixels of Python alone, through shared memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers import restorers
from helpers.worker.looks import labels_of
from talanoa import image as images
from talanoa.tasks.sample import noisy

pytestmark = pytest.mark.gui

TINY = "preset=quick epochs=1 steps=2 patch=32 batch=2 depth=1 filters=4 device=cpu"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A noisy movie of three frames."""
    frames = np.stack([noisy.draw((64, 80), 1, number).low for number in range(3)])
    images.write(tmp_path / "cells.tif", images.from_array(frames, "tyx", pixel_size=(1, 0.2, 0.2), unit="µm"))
    return tmp_path / "cells.tif"


def test_a_restored_image_and_its_uncertainty_arrive(fiji: Any, cells: Path) -> None:
    model = restorers.save(fiji.home / "models" / "restorer", probabilistic=True)
    fiji.call("show", cells.as_posix())
    fiji.run("IJ.run('Restore Image', 'model=restorer device=cpu uncertainty')")
    expected = talanoa.restore(cells, str(model), device="cpu", uncertainty=True)
    assert fiji.value("WindowManager.getCurrentImage().getTitle()") == "cells-restored"
    assert np.array_equal(labels_of(fiji, "cells-restored"), expected.image.values.squeeze())
    assert np.array_equal(labels_of(fiji, "cells-uncertainty"), expected.uncertainty.values.squeeze())
    assert fiji.value("WindowManager.getImage('cells-restored').getCalibration().pixelWidth") == 0.2


def test_the_selection_of_the_open_image_is_trained_on_and_all_of_it_restored(fiji: Any, cells: Path) -> None:
    fiji.call("show", cells.as_posix())
    fiji.run("IJ.makeRectangle(0, 0, 48, 48)")
    fiji.run(f"IJ.run('Train Model', 'method=n2v apply name=[of a part] {TINY}')")
    expected = talanoa.restore(cells, str(fiji.home / "models" / "of a part"), device="cpu")
    assert np.array_equal(labels_of(fiji, "cells-restored"), expected.image.values.squeeze())
