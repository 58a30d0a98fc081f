"""Checking: each fault is found where it was put, and a clean annotation has none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import annotating, synthetic
from helpers.annotating import done, refused
from talanoa import image as images
from talanoa import rois
from talanoa.annotation.check import COLUMNS, check
from talanoa.annotation.neighbours import contacts

SIZE = 96


def ellipse(y: float, x: float, height: float, width: float, turn: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    v, u = rows - y, columns - x
    a, b = v * np.cos(turn) - u * np.sin(turn), v * np.sin(turn) + u * np.cos(turn)
    return (a / height) ** 2 + (b / width) ** 2 <= 1


def labelled(*masks: np.ndarray) -> rois.RoiSet:
    labels = np.zeros((SIZE, SIZE), np.int32)
    for number, mask in enumerate(masks, 1):
        labels[mask] = number
    return rois.from_labels(images.from_array(labels, "yx"))


USUAL = [ellipse(y, x, 8, 8) for y, x in ((12, 12), (12, 40), (12, 68), (40, 12), (40, 68), (68, 12))]
LIKE = images.from_array(np.zeros((SIZE, SIZE), np.uint8), "yx")


def kinds(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return {kind: indices}."""
    return {str(kind): list(rows["indices"]) for kind, rows in table.groupby("kind", sort=False)}


def test_a_clean_annotation_has_no_finding() -> None:
    table = check(labelled(*USUAL), LIKE)
    assert len(table) == 0 and tuple(table.columns) == COLUMNS
    assert len(check(rois.empty(), LIKE)) == 0
    for seed in range(3):
        truth = synthetic.nuclei(size=128, count=8, seed=seed)[1]
        found = kinds(check(rois.from_labels(images.from_array(truth, "yx"))))
        assert set(found) <= {"touching", "divided"}


def test_each_fault_is_found() -> None:
    two = ellipse(68, 44, 8, 8) | ellipse(68, 58, 8, 8)
    drawn = labelled(*USUAL, two, ellipse(85, 85, 1.5, 1.5))
    assert kinds(check(drawn, LIKE)) == {"merged": ["6"], "tiny": ["7"]}
    assert check(drawn, LIKE)["fix"].tolist() == ["split", "delete"]
    assert kinds(check(drawn, LIKE, convex=0.5, tiny=1)) == {}


def test_a_very_large_object_looks_merged_however_round() -> None:
    found = check(labelled(*USUAL, ellipse(66, 60, 16, 16)), LIKE)
    assert kinds(found) == {"merged": ["6"]} and found["value"][0] == pytest.approx(4, rel=0.1)


def test_overlaps_name_both_and_what_is_covered_can_go() -> None:
    drawn = rois.concatenate([labelled(*USUAL), labelled(ellipse(20, 12, 8, 8)), labelled(ellipse(68, 12, 9, 9))])
    found = check(drawn, LIKE)
    overlaps = found[found["kind"] == "overlap"]
    assert overlaps["indices"].tolist() == ["0,6", "5,7"] and overlaps["fix"].tolist() == ["merge", "delete"]
    assert overlaps["value"][0] == (USUAL[0] & ellipse(20, 12, 8, 8)).sum()


def test_what_is_outside_or_reaches_beyond_the_image() -> None:
    drawn = labelled(*USUAL)
    moved = dataclasses.replace(drawn[0], xy=drawn[0].xy + np.float32(200), names=("far",))
    cut = dataclasses.replace(drawn[1], xy=drawn[1].xy + np.array([52, 0], np.float32), names=("cut",))
    found = check(rois.concatenate([drawn[2:], moved, cut]), LIKE)
    assert kinds(found) == {"outside": ["4"], "clipped": ["5"]} and found["fix"].tolist() == ["delete", "clip"]
    assert kinds(check(rois.concatenate([drawn[2:], moved, cut]))) == {}


def test_names_holes_parts_and_outlines_around_nothing() -> None:
    ring = ellipse(68, 50, 9, 9) & ~ellipse(68, 50, 3, 3)
    parted = ellipse(40, 40, 5, 5) | ellipse(88, 88, 4, 4)
    drawn = labelled(*USUAL, ring, parted)
    speck = rois.pack(np.array([[30.1, 30.1], [30.3, 30.1], [30.3, 30.3]]), [0, 3], [0, 1], ["speck"])
    drawn = rois.concatenate([drawn, speck])
    drawn = rois.rename(drawn, ["a", "b", "a", "", "c", "d", "ring", "parted", "speck"], drawn.position)
    found = kinds(check(drawn, LIKE))
    assert found.pop("merged", None) is not None  # the one in two parts is not convex
    assert found == {"empty": ["8"], "parts": ["7"], "hole": ["6"], "duplicate": ["2,0"], "unnamed": ["3"]}


def test_touching_objects_and_the_length_of_their_contact() -> None:
    drawn = annotating.square(
        96, (10, 10, 20, 20), (10, 30, 20, 20), (60, 10, 20, 20), (60, 60, 20, 20), (30, 60, 20, 20)
    )
    found = check(drawn, LIKE)
    assert kinds(found) == {"touching": ["0,1"]} and found["value"].tolist() == [20]
    assert contacts(np.array([[1, 1, 2], [3, 0, 2], [3, 3, 2]], np.int32)) == {(1, 2): 1, (1, 3): 1, (2, 3): 1}


@pytest.mark.parametrize("turn", [0.0, 0.6, 1.2, np.pi / 2, 2.4])
def test_two_plates_side_by_side_look_just_divided(turn: float) -> None:
    """Two narrow objects, long axes parallel, beside each other: as chromosomes after a division, in any direction."""
    apart = np.array([np.cos(turn), -np.sin(turn)]) * 5.2
    pair = [ellipse(60 + sign * apart[0], 60 + sign * apart[1], 3.5, 8, turn) for sign in (-1, 1)]
    assert kinds(check(labelled(*USUAL, *pair), LIKE)).get("divided") == ["6,7"]


def test_other_neighbours_do_not_look_just_divided() -> None:
    row = [ellipse(80, 30, 3.5, 8), ellipse(80, 47, 3.5, 8)]  # one behind the other, along their axes
    usual = [ellipse(60, 50, 8, 8), ellipse(60, 67, 8, 8)]  # of usual size
    far = [ellipse(72, 80, 3, 6), ellipse(88, 80, 3, 6)]
    found = kinds(check(labelled(*USUAL, *row, *usual, *far), LIKE))
    assert "divided" not in found


def test_gaps_in_stacks() -> None:
    labels = np.zeros((5, SIZE, SIZE), np.int32)
    for z in (0, 1, 3):
        labels[z][USUAL[0]] = 1
    labels[:][:, USUAL[2]] = 2
    drawn = rois.from_labels(images.from_array(labels, "zyx"))
    found = check(drawn, images.from_array(labels.astype(np.uint8), "zyx"))
    assert kinds(found) == {"gap": ["2,5"]} and found["value"][0] == 3 and "slice 3" in found["hint"][0]
    names = [f"{z:04d}-0012-00{k}" for z, k in zip(drawn.position[:, 1], range(10, 18), strict=True)]
    assert kinds(check(rois.rename(drawn, names, drawn.position))) == {"gap": ["2,5"]}


def test_classes_are_checked_where_the_dataset_has_some(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1, classes="a,b")
    drawn = dataclasses.replace(labelled(*USUAL), group=np.array([1, 2, 0, 1, 3, 1], np.uint8))
    reply = done("check", root, image="field_0", rois=drawn)
    assert kinds(reply["table"]) == {"class": ["2", "4"]}
    assert reply["message"] == "2 findings: 2 class"
    assert done("check", rois=drawn)["message"] == "0 findings"
    assert "There are no ROIs" in refused("check", root, image="field_0")
