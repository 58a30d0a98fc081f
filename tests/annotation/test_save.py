"""Saving: mask, ROIs and classes belong together, whatever happens in between, and can be taken back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from helpers import annotating
from helpers.annotating import ask, done, files, refused, truth
from talanoa import image as images
from talanoa import rois, tasks
from talanoa.annotation import autosave, objects, save
from talanoa.core import lock
from talanoa.core.host import QuietHost
from talanoa.rois import objects as roi_objects
from talanoa.segmentation.dataset import journal
from talanoa.segmentation.dataset.folder import open_dataset, read_classes


def test_mask_and_rois_give_the_labels_that_were_drawn(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path)
    before = files(root / "images")
    reply = done("save", root, image="field_1", rois=truth(root, "field_1"), who="Anna")
    expected = images.read_labels(tmp_path / "truth" / "field_1.tif")
    mask = images.read_labels(root / "masks" / "field_1.tif")
    np.testing.assert_array_equal(mask, expected)
    assert images.read(root / "masks" / "field_1.tif").dtype == np.uint16
    assert mask.attrs["pixel_size"] == (1, 0.5, 0.5) and mask.attrs["unit"] == "µm"
    np.testing.assert_array_equal(
        roi_objects.labels_of(root / "rois" / "field_1.zip", (1, 96, 96))[0], expected.values[0, 0]
    )
    assert reply["status_text"] == "1 of 3" and reply["next"]["name"] == "field_0"
    assert reply["saved"]["objects"] == 6 and reply["progress"] == {"done": 1, "total": 3, "skipped": 0}
    entry = open_dataset(root).entry("field_1")
    assert (entry.status, entry.who, entry.objects) == ("done", "Anna", 6)
    assert files(root / "images") == before


def test_drawn_outlines_stay_as_drawn_where_they_give_the_mask(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    coords = np.array([[[10.2, 10.7], [10.3, 30.1], [28.9, 25.5]], [[40.5, 40.5], [41, 70.25], [60, 50]]], np.float32)
    drawn = rois.rename(rois.from_polygons(coords), ["mother", "0050-0050"], np.zeros((2, 3)))
    kept = done("save", root, image="field_0", rois=drawn)["rois"]
    assert np.array_equal(kept.xy, drawn.xy) and kept.names == ("T0001_L00001", "T0001_L00002")
    read = rois.read_zip(root / "rois" / "field_0.zip").rois
    np.testing.assert_allclose(read.xy, drawn.xy, atol=1e-5)
    np.testing.assert_array_equal(
        rois.to_labels(read, (1, 1, 96, 96)).labels, images.read_labels(root / "masks" / "field_0.tif").values
    )


def test_the_later_roi_wins_and_the_overlap_is_said(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    one, two = annotating.square(96, (10, 10, 20, 20)), annotating.square(96, (20, 20, 20, 20))
    reply = done("save", root, image="field_0", rois=rois.concatenate([one, two]))
    assert any("1 pairs of ROIs overlap in 100 pixels" in text for text in reply["warnings"])
    mask = images.read_labels(root / "masks" / "field_0.tif").values[0, 0, 0]
    assert (mask == 1).sum() == 300 and (mask == 2).sum() == 400 and mask[25, 25] == 2


def test_border_objects_are_dropped_from_mask_and_rois_alike(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    drawn = annotating.square(96, (0, 10, 20, 20), (40, 40, 20, 20), (70, 80, 10, 16))
    reply = done("save", root, image="field_0", rois=drawn, border="drop")
    assert reply["rois"].names == ("T0001_L00002",)
    assert "2 objects that touch the image border were left out." in reply["warnings"]
    assert np.unique(images.read_labels(root / "masks" / "field_0.tif")).tolist() == [0, 2]


def test_classes_follow_the_groups(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2, classes="interphase,mitosis")
    drawn = truth(root, "field_0")
    grouped = dataclasses.replace(drawn, group=np.array([1, 2, 1, 0, 2, 1], np.uint8))
    reply = done("save", root, image="field_0", rois=grouped)
    assert read_classes(root / "classes" / "field_0.csv") == {1: 1, 2: 2, 3: 1, 4: 0, 5: 2, 6: 1}
    assert (root / "classes" / "field_0.csv").read_text().startswith("label,class\n")
    assert "1 of 6 objects have no class." in reply["warnings"]
    assert rois.read_zip(root / "rois" / "field_0.zip").rois.group.tolist() == [1, 2, 1, 0, 2, 1]
    beyond = dataclasses.replace(drawn, group=np.full(6, 3, np.uint8))
    assert "groups 3; expected 1 to 2" in refused("save", root, image="field_1", rois=beyond)
    assert not (root / "masks" / "field_1.tif").exists()


def test_no_objects_must_be_confirmed(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    assert "empty=true" in refused("save", root, image="field_0")
    assert "empty=true" in refused("save", root, image="field_0", rois=rois.empty())
    reply = done("save", root, image="field_0", empty=True)
    assert reply["saved"]["objects"] == 0 and reply["status_text"] == "1 of 2"
    assert not images.read_labels(root / "masks" / "field_0.tif").any()
    assert [entry.name for entry in open_dataset(root).annotated()] == ["field_0"]
    assert done("next", root, image="field_0")["rois"] is None


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.pad(np.ones((9, 9), np.uint8), 10), "has the size 1 x 1 x 29 x 29, the image 1 x 1 x 96 x 96"),
        (np.full((96, 96), 0.5, np.float32), "Found fractions such as 0.5"),
    ],
)
def test_label_images_that_are_none_are_refused(tmp_path: Path, array: np.ndarray, expected: str) -> None:
    root = annotating.dataset(tmp_path, 1)
    images.write(tmp_path / "mask.tif", images.from_array(array, "yx"))
    text = refused("save", root, image="field_0", labels=str(tmp_path / "mask.tif"))
    assert expected in text
    assert not list((root / "masks").iterdir())


def test_a_mask_is_split_into_its_parts_when_asked(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    mask = np.zeros((96, 96), np.uint8)
    mask[10:20, 10:20] = mask[50:60, 50:60] = 255
    images.write(tmp_path / "mask.tif", images.from_array(mask, "yx"))
    assert "mask.tif: Found a mask" in refused("save", root, image="field_0", labels=str(tmp_path / "mask.tif"))
    reply = done("save", root, image="field_0", labels=str(tmp_path / "mask.tif"), mask="split")
    assert reply["saved"]["objects"] == 2


def test_a_colour_picture_is_no_mask(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    picture = images.from_array(np.zeros((96, 96, 3), np.uint8), "yxs")
    images.write(tmp_path / "mask.tif", picture)
    assert "RGB" in refused("save", root, image="field_0", labels=str(tmp_path / "mask.tif"))


def test_undo_brings_back_every_byte(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2, classes="a,b")
    states = [files(root)]
    for rows in (slice(0, 3), slice(0, 5), slice(0, 6)):
        done("save", root, image="field_0", rois=truth(root, "field_0")[rows])
        states.append(files(root))
    done("save", root, image="field_1", rois=truth(root, "field_1"))
    for count, state in ((6, states[3]), (6, states[2]), (5, states[1]), (3, states[0])):
        reply = done("undo", root)
        assert files(root) == state
        assert len(reply["rois"]) == reply["undone"]["objects"] == count
    assert reply["undo"] == 0 and reply["next"]["name"] == "field_0"
    assert "no save to take back" in refused("undo", root)
    assert autosave.same(done("restore", root, image="field_0")["rois"], truth(root, "field_0")[:3])


def test_only_the_last_saves_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_UNDO", 3)
    root = annotating.dataset(tmp_path, 1)
    for _ in range(5):
        reply = done("save", root, image="field_0", rois=truth(root, "field_0"))
    assert reply["undo"] == 3


STEPS: list[tuple[Any, str]] = [
    (images, "write_labels"),
    (rois, "write_zip"),
    (save, "_write_classes"),
    (save, "_keep"),
    (journal, "_begin"),
]


@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_save_that_fails_before_it_began_changes_nothing(
    tmp_path: Path, module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = annotating.dataset(tmp_path, 1, classes="a,b")
    done("save", root, image="field_0", rois=truth(root, "field_0")[:2])
    before = files(root)

    def fail(*given: object, **more: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        assert "the power is gone" in refused("save", root, image="field_0", rois=truth(root, "field_0"))
    assert files(root) == before
    assert done("status", root)["undo"] == 1
    assert not list((root / ".talanoa").glob("begun-*"))


class Crash(BaseException):
    """A process that ends at once: nothing that the code does afterwards counts."""


def crash_at(step: int) -> Callable[..., None]:
    """Return a replacement for a rename that ends the process at its n-th call, before it happens."""
    calls = iter(range(1000))
    real = journal._replace

    def rename(source: Path, target: Path) -> None:
        if next(calls) == step:
            raise Crash
        real(source, target)

    return rename


@pytest.mark.parametrize("action", ["save", "undo"])
@pytest.mark.parametrize("step", range(6))
def test_a_save_that_was_interrupted_is_completed_when_the_dataset_is_opened(
    tmp_path: Path, step: int, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the step at which the process ends: mask and ROIs always tell the same."""
    root = annotating.dataset(tmp_path, 2, classes="a,b")
    keys = {"image": "field_0", "rois": truth(root, "field_0")} if action == "save" else {}
    done("save", root, image="field_0", rois=truth(root, "field_0")[:2])
    if action == "undo":
        done("save", root, image="field_0", rois=truth(root, "field_0"))
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_replace", crash_at(step))
        with contextlib.suppress(Crash):
            ask(action, root, **keys)
    expected = 6 if action == "save" else 2
    assert open_dataset(root).entry("field_0").objects == expected
    mask = images.read_labels(root / "masks" / "field_0.tif")
    labels = roi_objects.labels_of(root / "rois" / "field_0.zip", (1, 96, 96))[0]
    np.testing.assert_array_equal(mask.values[0, 0], labels)
    assert len(np.unique(mask)) - 1 == len(read_classes(root / "classes" / "field_0.csv")) == expected
    assert done("status", root)["undo"] == (2 if action == "save" else 1)
    assert not list((root / ".talanoa").glob("begun-*")) and not (root / ".talanoa" / "commit").exists()
    done("undo", root)


def test_what_was_not_saved_is_offered_after_a_crash(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    drawn = truth(root, "field_0")
    assert done("next", root)["autosave"] is None
    kept = done("autosave", root, image="field_0", rois=drawn[:4])["autosave"]
    assert kept["objects"] == 4 and not list((root / "masks").iterdir())
    assert done("next", root)["autosave"] == kept
    assert done("status", root)["autosave"] == [kept]
    assert autosave.same(done("restore", root, image="field_0")["rois"], drawn[:4])
    done("save", root, image="field_0", rois=drawn)
    assert done("next", root, image="field_0")["autosave"] is None
    done("autosave", root, image="field_0", rois=drawn)  # one that comes late, with what is saved
    assert done("next", root, image="field_0")["autosave"] is None
    done("autosave", root, image="field_0", rois=drawn[1:])
    assert done("next", root, image="field_0")["autosave"]["objects"] == 5
    done("autosave", root, image="field_0", rois=rois.empty())
    assert done("next", root, image="field_0")["autosave"] is None
    assert "no unsaved work" in refused("restore", root, image="field_0")


def test_another_process_that_goes_on_writing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "WAIT", 0)
    root = annotating.dataset(tmp_path, 1)
    (root / ".talanoa").mkdir(exist_ok=True)
    with lock.hold(root / ".talanoa", "annotation"):
        assert "Another annotation writes into" in refused("skip", root, image="field_0")
    done("skip", root, image="field_0")


def test_several_processes_save_at_the_same_time(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 3)
    running = []
    for name in ("field_0", "field_1", "field_2"):
        rois.write_zip(tmp_path / f"{name}.zip", truth(root, name))
        words = ["save", str(root), f"--image={name}", f"--rois={tmp_path / name}.zip"]
        running.append(subprocess.Popen([sys.executable, "-m", "talanoa", "annotate", *words], stdout=subprocess.PIPE))
    for process in running:
        process.communicate()
        assert process.returncode == 0
    assert len(open_dataset(root).annotated()) == 3 and done("status", root)["undo"] == 3
    assert sorted(path.name for path in (root / ".talanoa").iterdir()) == ["undo"]


def test_a_second_person_has_a_set_of_their_own(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    done("save", root, image="field_0", rois=truth(root, "field_0"), who="Anna")
    before = files(root)
    second = {"annotator": "ben"}
    assert done("next", root, **second)["next"]["name"] == "field_0"
    reply = done("save", root, image="field_0", rois=truth(root, "field_0")[:3], **second)
    assert reply["status_text"] == "1 of 2" and reply["next"]["name"] == "field_1"
    after = files(root)
    assert {name: after[name] for name in before} == before
    assert sorted(after.keys() - before.keys()) == [
        "annotators/ben/masks/field_0.tif",
        "annotators/ben/rois/field_0.zip",
        "annotators/ben/states.json",
    ]
    assert open_dataset(root).entry("field_0").objects == 6 and open_dataset(root, "ben").entry("field_0").who == "ben"
    assert open_dataset(root).annotators() == ["ben"]
    done("save", root, image="field_1", rois=truth(root, "field_1"), **second)
    done("save", root, image="field_1", rois=truth(root, "field_1"))
    judged = tasks.run({"task": "evaluate", "truth": str(root), "annotator": "ben"}, QuietHost())
    assert judged["status"] == "ok" and "on 2 images with 12 objects" in judged["message"]
    done("undo", root, **second)
    done("undo", root, **second)
    assert open_dataset(root, "ben").todo() == list(open_dataset(root, "ben").entries)
    assert done("status", root)["status_text"] == "2 of 2"
    assert "annotator" in refused("status", root, annotator="../elsewhere")


def test_the_open_image_names_what_is_saved(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    picture = images.read(root / "images" / "field_1.tif")
    assert done("save", root, imp=picture, rois=truth(root, "field_1"))["saved"]["name"] == "field_1"
    other = picture.copy()
    other.attrs["name"] = "mine.tif"
    assert 'no image "mine"' in refused("save", root, imp=other, rois=truth(root, "field_1"))


def in_stack(names: list[str] | None = None) -> tuple[rois.RoiSet, xr.DataArray]:
    """Return outlines in 3 slices of two objects, and the image."""
    labels = np.zeros((3, 40, 40), np.int32)
    labels[:, 5:15, 5:15] = 1
    labels[1:, 20:35, 20:35] = 2
    form = images.from_array(labels, "zyx", pixel_size=(2, 1, 1), unit="µm", name="stack")
    drawn = rois.from_labels(form)
    return (drawn if names is None else rois.rename(drawn, names, drawn.position)), form


@pytest.mark.parametrize(
    "names",
    [
        ["0001-0010-0010", "0002-0010-0010", "0002-0027-0027", "0003-0010-0010", "0003-0027-0027"],
        ["left", "left-1", "right", "left-2", "right-1"],
        None,
    ],
    ids=["automatic", "named", "ours"],
)
def test_outlines_of_a_stack_become_objects(names: list[str] | None) -> None:
    drawn, form = in_stack(names)
    found = objects.from_rois(drawn, form)
    np.testing.assert_array_equal(found.labels.values, form.values)
    assert found.count == 2
    assert found.rois.names == (
        "T0001_Z001_L00001",
        "T0001_Z002_L00001",
        "T0001_Z002_L00002",
        "T0001_Z003_L00001",
        "T0001_Z003_L00002",
    )
    np.testing.assert_array_equal(rois.to_labels(found.rois, like=form).labels.values, form.values)


def test_outlines_of_one_object_in_one_slice_become_one_roi() -> None:
    labels = np.zeros((2, 30, 30), np.int32)
    labels[0, 2:8, 2:8], labels[0, 12:18, 2:8], labels[1, 2:18, 2:8] = 1, 2, 3
    form = images.from_array(labels, "zyx")
    drawn = rois.from_labels(form)
    named = rois.rename(drawn, ["cell", "cell-1", "cell-2"], drawn.position)
    found = objects.from_rois(named, form)
    assert found.count == 1 and len(found.rois) == 2
    np.testing.assert_array_equal(found.labels.values > 0, labels[None, None] > 0)
    np.testing.assert_array_equal(rois.to_labels(found.rois, like=form).labels.values, found.labels.values)


def test_frames_of_a_time_lapse_are_kept_apart(tmp_path: Path) -> None:
    labels = np.zeros((3, 40, 40), np.int32)
    for t in range(3):
        labels[t, 5 + t : 15 + t, 5:15] = 1
    form = images.from_array(labels, "tyx", name="movie.tif")
    done("new", tmp_path / "set")
    done("pick", tmp_path / "set", imp=images.from_array(labels.astype(np.uint8), "tyx", name="movie.tif"))
    reply = done("save", tmp_path / "set", image="movie", rois=rois.from_labels(form))
    assert reply["saved"]["objects"] == 3
    assert reply["rois"].names == ("T0001_L00001", "T0002_L00001", "T0003_L00001")
    np.testing.assert_array_equal(images.read_labels(tmp_path / "set" / "masks" / "movie.tif"), form)


@pytest.mark.parametrize(
    "plan",
    [
        {"moves": {"mask.tif": "../../stolen.tif"}, "remove": []},
        {"moves": {"mask.tif": "/etc/stolen.tif"}, "remove": []},
        {"moves": {"../mask.tif": "masks/field_0.tif"}, "remove": []},
        {"moves": {}, "remove": ["../thesis.txt"]},
        {"moves": {}, "remove": ["images/field_0.tif"]},
        {"moves": {}, "remove": [], "drop": "../../images"},
        {"moves": 5},
    ],
)
def test_a_dataset_from_a_stranger_touches_no_other_file(tmp_path: Path, plan: dict[str, Any]) -> None:
    root = annotating.dataset(tmp_path, 1)
    (tmp_path / "thesis.txt").write_text("mine")
    commit = root / ".talanoa" / "commit"
    commit.mkdir(parents=True)
    (commit / "mask.tif").write_bytes(b"x")
    (commit / "plan.json").write_text(json.dumps({"entry": {"name": "field_0"}, "keep": "", "drop": "", **plan}))
    before = files(tmp_path)
    assert "cannot be used" in refused("status", root)
    assert files(tmp_path) == before


def test_a_hyperstack_keeps_its_frames_slices_and_channels_apart(tmp_path: Path) -> None:
    labels = np.zeros((2, 1, 3, 40, 40), np.int32)
    labels[0, 0, :, 5:15, 5:15] = 1
    labels[1, 0, 1:, 20:35, 20:35] = 2
    form = images.from_array(labels, "tczyx")
    picture = images.from_array(np.repeat(labels, 2, axis=1).astype(np.uint8), "tczyx", name="four.tif")
    done("new", tmp_path / "set")
    done("pick", tmp_path / "set", imp=picture)
    drawn = rois.from_labels(form)
    named = rois.rename(drawn, [f"{z:04d}-0010-0010" for z in range(len(drawn))], drawn.position + np.array([2, 0, 0]))
    reply = done("save", tmp_path / "set", image="four", rois=named)
    assert reply["saved"]["objects"] == 2
    np.testing.assert_array_equal(images.read_labels(tmp_path / "set" / "masks" / "four.tif") > 0, labels > 0)
    again = rois.read_zip(reply["saved"]["rois"]).rois
    np.testing.assert_array_equal(
        rois.to_labels(again, like=picture).labels, images.read_labels(reply["saved"]["mask"]).values
    )


@pytest.mark.parametrize("position", [(0, 0, 0), (2, 1, 1), (0, 2, 0)])
def test_rois_drawn_on_any_channel_of_a_plane_count(tmp_path: Path, position: tuple[int, int, int]) -> None:
    done("new", tmp_path / "set")
    done("pick", tmp_path / "set", imp=images.from_array(np.zeros((3, 50, 50), np.uint8), "cyx", name="two.tif"))
    square = annotating.square(50, (5, 5, 10, 10), (30, 30, 10, 10))
    drawn = rois.rename(square, ["0005-0005", "0030-0030"], np.array([[0, 0, 0], position]))
    reply = done("save", tmp_path / "set", image="two", rois=drawn)
    assert reply["saved"]["objects"] == 2 and reply["rois"].names == ("T0001_L00001", "T0001_L00002")


def test_a_dataset_on_a_disk_that_cannot_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after an interrupted save: then it says so, because mask and ROIs may differ."""
    root = annotating.dataset(tmp_path, 2)
    done("save", root, image="field_0", rois=truth(root, "field_0")[:2])
    with monkeypatch.context() as patch, contextlib.suppress(Crash):
        patch.setattr(journal, "_replace", crash_at(1))
        ask("save", root, image="field_0", rois=truth(root, "field_0"))

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_replace", refuse)
        assert "was interrupted and cannot be completed: Permission denied" in refused("status", root)
    assert open_dataset(root).entry("field_0").objects == 6


def volume() -> xr.DataArray:
    """Return two objects in five slices."""
    labels = np.zeros((5, 40, 40), np.int32)
    labels[:, 5:17, 5:17], labels[1:, 22:36, 20:36] = 1, 2
    return images.from_array(labels, "zyx")


def same_objects(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(one)) == len(np.unique(other)) == pairs.shape[1]


def test_an_outline_drawn_by_hand_fills_the_gap_of_a_proposed_object() -> None:
    """Proposals have our names, what is added by hand the names that ImageJ gives."""
    form = volume()
    drawn = rois.from_labels(form)
    by_hand = [k for k in range(len(drawn)) if drawn.names[k] in ("T0001_Z003_L00001", "T0001_Z005_L00002")]
    names = [f"000{drawn.position[k, 1]}-0010-0010" if k in by_hand else drawn.names[k] for k in range(len(drawn))]
    found = objects.from_rois(rois.rename(drawn, names, drawn.position), form)
    assert same_objects(found.labels.values, form.values) and found.count == 2


def test_a_new_object_drawn_by_hand_stays_one_of_its_own() -> None:
    form = volume()
    drawn = rois.from_labels(form)
    second = [f"000{z}-0030-0030" for z in range(2, 6)]
    names = [name if name.endswith("1") else second.pop(0) for name in drawn.names]
    found = objects.from_rois(rois.rename(drawn, names, drawn.position), form)
    assert same_objects(found.labels.values, form.values)


def test_proposals_that_were_added_twice_are_other_objects() -> None:
    """ImageJ tells names that are taken apart by an ending."""
    form = volume()
    first = rois.from_labels(form)
    moved = dataclasses.replace(first, xy=first.xy + np.array([18, 0], np.float32))[first.label == 1]
    again = rois.rename(moved, [f"{name}-1" for name in moved.names], moved.position)
    found = objects.from_rois(rois.concatenate([first, again]), form)
    assert found.count == 3


def test_gaps_are_said_when_saving() -> None:
    form = volume()
    drawn = rois.from_labels(form)
    kept = drawn[drawn.position[:, 1] != 2]
    names = [f"000{z}-0010-00{k}" for k, z in enumerate(kept.position[:, 1], 10)]
    notes = objects.from_rois(rois.rename(kept, names, kept.position), form).notes
    assert len(notes) == 1 and notes[0].startswith("7 outlines were joined to 2 objects. 1 of them lack an outline")
