"""Where the images of a training come from: dataset folders, several folders, classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers.synthetic import nuclei, write_pairs
from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.image.form import from_array
from talanoa.segmentation.dataset import folder as datasets
from talanoa.segmentation.dataset import form
from talanoa.segmentation.dataset.states import Entry
from talanoa.segmentation.train import dataset, sources
from talanoa.training.request import TrainRequest


def asked(**keys: Any) -> TrainRequest:
    return TrainRequest(name="new", **{key: str(value) for key, value in keys.items()})


def made_dataset(root: Path, states: tuple[str, ...] = ("done", "done", "todo"), classes: tuple[str, ...] = ()) -> Path:
    """Make a dataset folder with images of these states; the first object of each image has class 1, the others 2."""
    write_pairs(root, len(states), size=64, count=3)
    found = datasets.create(root, classes)
    for entry, state in zip(found.entries, states, strict=True):
        found = found.with_entry(entry.model_copy(update={"status": state}))
        if classes:
            found.classes_path(entry.name).parent.mkdir(exist_ok=True)
            found.classes_path(entry.name).write_text("label,class\n1,1\n2,2\n3,2\n", encoding="utf-8")
    form.write(found)
    return root


def names(request: TrainRequest) -> list[str]:
    return [item.name for item in sources.load(request).items]


def test_of_a_dataset_what_is_done_is_trained_on(tmp_path: Path) -> None:
    root = made_dataset(tmp_path / "cells", ("done", "skipped", "todo", "done"))
    assert names(asked(images=root)) == ["field_00", "field_03"]
    item = sources.load(asked(images=root)).items[1]
    assert np.array_equal(item.labels, nuclei(64, 3, seed=3)[1])


def test_a_plain_tree_is_a_dataset_too(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3, size=64, count=3)
    (tmp_path / "masks" / "field_01.tif").unlink()
    assert names(asked(images=tmp_path)) == ["field_00", "field_02"]


def test_a_dataset_without_annotations_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="3 images, none of them annotated"):
        sources.load(asked(images=made_dataset(tmp_path / "cells", ("todo",) * 3)))
    with pytest.raises(BadInput, match=r"no dataset.*targets=.*rois="):
        sources.load(asked(images=tmp_path / "cells" / "images"))


def test_several_folders_are_trained_on_together(tmp_path: Path) -> None:
    one, other = made_dataset(tmp_path / "one"), made_dataset(tmp_path / "other")
    expected = ["one/field_00", "one/field_01", "other/field_00", "other/field_01"]
    assert names(asked(images=f"{one};{other}")) == expected
    images, masks = f"{one / 'images'}; {other / 'images'}", f"{one / 'masks'}; {other / 'masks'}"
    assert len(names(asked(images=images, targets=masks))) == 6
    with pytest.raises(BadInput, match=r"images has 2 folders, targets 1"):
        sources.load(asked(images=images, targets=one / "masks"))
    with pytest.raises(BadInput, match="given twice"):
        sources.load(asked(images=f"{one};{one}"))


def test_parts_of_one_image_stay_on_one_side(tmp_path: Path) -> None:
    root = made_dataset(tmp_path / "tiles", ("done",) * 4)
    found = datasets.open_dataset(root)
    for number, entry in enumerate(found.entries):
        large = {"source": f"large{number % 2}.tif", "part": f"Y{number}"}
        found = found.with_entry(entry.model_copy(update=large))
    form.write(found)
    items = sources.load(asked(images=root)).items
    training, validation = dataset.split(items, 0.5, seed=0)
    assert {item.file for item in training}.isdisjoint({item.file for item in validation})
    for entry in found.entries:
        found = found.with_entry(entry.model_copy(update={"source": "only.tif"}))
    form.write(found)
    assert len({item.file for item in sources.load(asked(images=root)).items}) == 4


def test_the_classes_of_a_dataset_are_read_unless_they_are_not_wanted(tmp_path: Path) -> None:
    root = made_dataset(tmp_path / "cells", classes=("round", "long"))
    loaded = sources.load(asked(images=root))
    assert loaded.classes == ("round", "long")
    assert [item.classes.tolist() for item in loaded.items if item.classes is not None] == [[0, 1, 2, 2]] * 2
    assert sources.load(asked(images=root, classes="false")).classes == ()
    other = made_dataset(tmp_path / "other", classes=("a", "b", "c"))
    with pytest.raises(BadInput, match="differ in their classes"):
        sources.load(asked(images=f"{root};{other}"))


def test_roi_groups_are_classes_where_they_are_asked_for(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    drawn = tmp_path / "rois"
    drawn.mkdir()
    for path in masks.iterdir():
        traced = rois.from_labels(from_array(tifffile.imread(path).astype(np.int32)))
        traced.group[:] = (2, 1, 0)
        rois.write_zip(drawn / f"{path.stem}.zip", traced)
    loaded = sources.load(asked(images=images, rois=drawn, classes="true"))
    assert loaded.classes == ("class 1", "class 2")
    assert [item.classes.tolist() for item in loaded.items if item.classes is not None] == [[0, 2, 1, 0]] * 2
    with pytest.raises(BadInput, match="no object has a class"):
        sources.load(asked(images=images, targets=masks, classes="true"))


def test_a_mask_of_one_value_is_refused_by_name_or_split(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=3)
    for path in masks.iterdir():
        tifffile.imwrite(path, (tifffile.imread(path) > 0).astype(np.uint8) * 255)
    with pytest.raises(BadInput, match=r"field_00.tif.*Found a mask"):
        sources.load(asked(images=images, targets=masks))
    (first, _) = sources.load(asked(images=images, targets=masks, mask="split")).items
    assert 1 < first.labels.max() <= 3


def test_an_entry_without_a_file_of_classes_has_none(tmp_path: Path) -> None:
    root = made_dataset(tmp_path / "cells", classes=("round", "long"))
    found = datasets.open_dataset(root)
    assert isinstance(found.entries[0], Entry)
    found.classes_path("field_00").unlink()
    first, second = sources.load(asked(images=root)).items
    assert first.classes is None and second.classes is not None
