from pathlib import Path

import numpy as np
import pytest

from talanoa import rois
from talanoa.image.form import from_array
from talanoa.rois import objects
from talanoa.rois.roi_set import rename

SHAPE = (4, 20, 24)


def volume() -> np.ndarray:
    """Return two objects that drift from slice to slice; the second one starts later."""
    labels = np.zeros(SHAPE, np.int32)
    for z in range(4):
        labels[z, 2 : 8 + z, 3 + z : 10] = 1
    for z in range(1, 4):
        labels[z, 11:18, 12 : 22 - z] = 2
    return labels


def drawn(names: list[str] | None = None) -> rois.RoiSet:
    found = rois.from_labels(from_array(volume(), "zyx"))
    return found if names is None else rename(found, names, found.position)


def same_objects(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(one)) == len(np.unique(other)) == pairs.shape[1]


AUTOMATIC = [f"{z:04d}-0010-{k:04d}" for k, z in enumerate((1, 2, 2, 3, 3, 4, 4))]
NAMED = ["left", "left-1", "right", "left-2", "right-1", "left-3", "right-2"]


@pytest.mark.parametrize("names, note", [(None, None), (AUTOMATIC, "where they overlap"), (NAMED, "by their names")])
def test_outlines_become_objects(tmp_path: Path, names: list[str] | None, note: str | None) -> None:
    rois.write_zip(tmp_path / "drawn.zip", drawn(names))
    labels, notes = objects.labels_of(tmp_path / "drawn.zip", SHAPE)
    assert same_objects(labels, volume())
    assert (note is None and not notes) or any(str(note) in text and "to 2 objects" in text for text in notes)


def test_our_own_names_give_back_the_same_numbers(tmp_path: Path) -> None:
    rois.write_zip(tmp_path / "drawn.zip", drawn())
    assert np.array_equal(objects.labels_of(tmp_path / "drawn.zip", SHAPE)[0], volume())


def test_outlines_that_hardly_overlap_stay_apart(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[0, 2:12, 2:12] = 1
    labels[1, 10:18, 10:18] = 1
    outlines = rois.from_labels(from_array(labels, "zyx"))
    rois.write_zip(tmp_path / "drawn.zip", rename(outlines, ["0001-0007-0007", "0002-0014-0014"], outlines.position))
    assert objects.labels_of(tmp_path / "drawn.zip", SHAPE)[0].max() == 2


def test_outlines_with_our_names_and_outlines_without_make_objects_together(tmp_path: Path) -> None:
    ours = drawn()
    names = [AUTOMATIC[k] if k in (2, 4) else ours.names[k] for k in range(7)]
    rois.write_zip(tmp_path / "drawn.zip", rename(ours, names, ours.position))
    assert same_objects(objects.labels_of(tmp_path / "drawn.zip", SHAPE)[0], volume())


def test_objects_above_one_another_stay_apart(tmp_path: Path) -> None:
    labels = np.zeros((8, 20, 24), np.int32)
    labels[:3, 4:14, 4:14], labels[5:, 4:14, 4:14] = 1, 2
    outlines = rois.from_labels(from_array(labels, "zyx"))
    names = [f"{z:04d}-0009-0009" for z in outlines.position[:, 1]]
    rois.write_zip(tmp_path / "drawn.zip", rename(outlines, names, outlines.position))
    assert same_objects(objects.labels_of(tmp_path / "drawn.zip", (8, 20, 24))[0], labels)
