"""Annotate Images in macros, without a window: each action with its keys, and what is said when one is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from talanoa.fiji import menu
from talanoa.fiji.setup.runtime import Runtime
from talanoa.segmentation.dataset.folder import open_dataset

ANNOTATE, DISCS = "Annotate Images", 8


@pytest.fixture
def folder(imagej: Runtime, tmp_path: Path) -> Iterator[Path]:
    """Return a folder of two images; the commands are installed, and no image is active afterwards."""
    import jpype

    menu.install(imagej)
    (tmp_path / "raw").mkdir()
    for number in range(2):
        tifffile.imwrite(tmp_path / "raw" / f"discs{number}.tif", tiny.discs(number)[0])
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)
    yield tmp_path
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)


def test_a_dataset_is_made_and_annotated_by_single_commands(folder: Path, ij: Any) -> None:
    dataset = f"dataset=[{(folder / 'set').as_posix()}]"
    for options in (
        f"action=new {dataset} who=Anna",
        f"action=pick {dataset} source=[{(folder / 'raw').as_posix()}] count=all",
        f"action=next {dataset} image=discs1",
        f"action=propose {dataset} image=discs1 by=threshold threshold=otsu",
        f"action=check {dataset} image=discs1",
        f"action=save {dataset} image=discs1 who=Anna",
        f"action=skip {dataset} image=discs0",
    ):
        ij.run(ANNOTATE, options)
    made = open_dataset(folder / "set")
    assert [(entry.name, entry.objects, entry.who) for entry in made.annotated()] == [("discs1", DISCS, "Anna")]
    assert not made.todo()
    mask, truth = tifffile.imread(made.mask_path("discs1")), tiny.discs(1)[1]
    assert np.mean((mask > 0) == (truth > 0)) > 0.98


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("action=next", "dataset is missing"),
        ("action=sing", "action: found 'sing'; expected one of"),
        ("action=status dataset=[/nowhere at all]", "nowhere at all"),
        ("action=new datset=x", 'Unknown key "datset".*Did you mean "dataset"'),
    ],
)
def test_a_wrong_key_is_told_and_ends_the_macro(folder: Path, ij: Any, options: str, said: str) -> None:
    import jpype

    with pytest.raises(jpype.JException, match=said):
        ij.run(ANNOTATE, options)


def test_the_command_without_keys_asks_nothing_in_a_macro(folder: Path, ij: Any) -> None:
    import jpype

    with pytest.raises(jpype.JException, match="action"):
        ij.run(ANNOTATE, "")
