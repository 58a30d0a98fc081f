"""The dataset folder: made, opened, refused, kept."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from helpers import annotating, synthetic
from helpers.annotating import ask, done, refused
from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.segmentation.dataset import folder
from talanoa.segmentation.dataset.folder import open_dataset


def test_a_new_dataset_says_what_it_is(tmp_path: Path) -> None:
    reply = done("new", tmp_path / "cells", classes="interphase, mitosis", pixel_size=0.25, unit="um", who="Anna")
    found = open_dataset(tmp_path / "cells")
    assert (found.name, found.classes, found.pixel_size, found.unit) == (
        "cells",
        ("interphase", "mitosis"),
        (0.25, 0.25, 0.25),
        "µm",
    )
    assert found.author == "Anna" and found.created.endswith("Z") and found.entries == ()
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == ["dataset.json", "images", "masks", "rois"]
    assert reply["status_text"] == "0 of 0" and reply["folder"] == str(tmp_path / "cells")
    assert open_dataset(tmp_path / "cells" / "dataset.json") == found


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "is not empty" in refused("new", tmp_path)
    assert "Found a file at" in refused("new", tmp_path / "thesis.txt")
    done("new", tmp_path / "set")
    before = annotating.files(tmp_path)
    assert "is a dataset already" in refused("new", tmp_path / "set")
    assert annotating.files(tmp_path) == before


def test_a_tree_of_images_and_masks_is_taken_over_as_it_is(tmp_path: Path) -> None:
    synthetic.write_pairs(tmp_path / "tree", 3, size=64, count=3)
    (tmp_path / "tree" / "masks" / "field_02.tif").unlink()
    before = annotating.files(tmp_path / "tree")
    plain = open_dataset(tmp_path / "tree")
    assert [entry.status for entry in plain.entries] == ["done", "done", "todo"]
    assert [entry.name for entry in plain.annotated()] == ["field_00", "field_01"]
    assert "3 images that were there" in done("new", tmp_path / "tree")["message"]
    after = annotating.files(tmp_path / "tree")
    assert after.pop("dataset.json") and after == before
    assert done("next", tmp_path / "tree")["next"]["name"] == "field_02"


def test_rois_alone_are_an_annotation(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    done("save", root, image="field_1", rois=annotating.truth(root, "field_1"))
    (root / "dataset.json").unlink()
    (root / "masks" / "field_1.tif").unlink()
    assert [entry.name for entry in open_dataset(root).annotated()] == ["field_1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "cannot be read"),
        ("[]", "has the version None; expected 1"),
        ('{"version": 2, "images": []}', "has the version 2; expected 1. A later Talanoa"),
        ('{"version": 1, "images": [{"name": "../../thesis"}]}', "images.0.name"),
        ('{"version": 1, "images": [{"name": "a", "status": "perhaps"}]}', "images.0.status"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    done("new", tmp_path / "set")
    (tmp_path / "set" / "dataset.json").write_text(content)
    assert expected in refused("status", tmp_path / "set")
    assert (tmp_path / "set" / "dataset.json").read_text() == content


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    assert "There is no folder" in refused("status", tmp_path / "nowhere")
    assert "expected a dataset folder" in refused("status", tmp_path)
    assert "dataset is missing" in refused("status")


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    content = json.loads((root / "dataset.json").read_text())
    content["microscope"] = {"objective": 40}
    content["images"][0]["well"] = "A1"
    (root / "dataset.json").write_text(json.dumps(content))
    done("skip", root, image="field_1")
    kept = json.loads((root / "dataset.json").read_text())
    assert kept["microscope"] == {"objective": 40} and kept["images"][0]["well"] == "A1"
    assert kept["images"][1]["status"] == "skipped"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_that_cannot_be_written_is_said(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    root = annotating.dataset(tmp_path, 2)
    before = annotating.files(root)
    reply = done("next", root)

    def refuse(self: Path, *given: object, **more: object) -> None:
        raise OSError(code, "refused", str(self))

    with monkeypatch.context() as patch:
        for name in ("mkdir", "write_text", "write_bytes"):
            patch.setattr(Path, name, refuse)
        for action in ("save", "skip", "autosave"):
            text = refused(action, root, image="field_0", rois=annotating.truth(root, "field_0"))
            assert "cannot be written" in text or "disk is full" in text
        assert ask("next", root)["next"] == reply["next"]
        assert "cannot be written" in refused("new", tmp_path / "other") or code == errno.ENOSPC
    assert annotating.files(root) == before


def test_class_names_are_checked(tmp_path: Path) -> None:
    assert "found a twice" in refused("new", tmp_path / "set", classes="a,b,a")
    assert not (tmp_path / "set").exists()
    assert "pixel_size" in refused("new", tmp_path / "set", pixel_size=0)


def test_classes_files_are_read(tmp_path: Path) -> None:
    assert folder.read_classes(tmp_path / "none.csv") == {}
    (tmp_path / "a.csv").write_text("label,class\n1,2\n7,0\n")
    assert folder.read_classes(tmp_path / "a.csv") == {1: 2, 7: 0}
    (tmp_path / "b.csv").write_text("label,class\n1,mitosis\n")
    with pytest.raises(BadInput, match="two columns of numbers"):
        folder.read_classes(tmp_path / "b.csv")


def test_two_images_of_one_name_in_a_tree_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("a.tif", "a.png"):
        images.write(tmp_path / "images" / name, images.from_array(np.zeros((4, 4), np.uint8), "yx"))
    with pytest.raises(BadInput, match="share one name"):
        open_dataset(tmp_path)
