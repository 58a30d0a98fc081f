"""What a user sees next to the results, in a real ImageJ window: nothing of another run, image or plugin."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.gui


def test_tables_hold_one_kind_and_unit_and_windows_do_not_cover_the_image(play: Any) -> None:
    seen = play("tables_and_windows")
    assert seen["covered"] == 0
    assert seen["selection"] == [92, 91]
    assert seen["objects"] == seen["rows"] == seen["rows_after"] > 3
    assert seen["other"] == ["µm"]
    assert seen["theirs"] == [1, seen["objects"]]


def test_the_label_image_of_a_second_run_takes_the_place_of_the_first(play: Any) -> None:
    seen = play("second_run")
    assert seen["after_two"] == ["discs.tif", "discs.tif labels"]
    assert seen["after_three"] == ["discs.tif", "discs.tif labels", "mine"]


def test_other_outlines_are_hidden_while_thresholds_are_adjusted(play: Any) -> None:
    seen = play("other_outlines")
    assert seen["before"] == seen["after"] > 3
    assert not seen["others"] and seen["outlines"] == seen["found"]
    assert seen["overlay"] == 1


def test_fields_of_another_image_are_not_kept(play: Any) -> None:
    seen = play("fields_of_another_image")
    assert seen["channel"] == "2" and seen["objects"] > 3
    assert seen["channel_of_other"] == seen["image"] == ""
    assert "file.tif was taken" in seen["log"] and "not the open image discs.tif" in seen["log"]


def test_a_training_ends_neither_by_quitting_nor_by_escape_without_a_question(play: Any) -> None:
    seen = play("quit_and_escape")
    assert "Training of mine is not finished" in seen["question"]
    assert not seen["window"] and "went on" not in seen["log"].splitlines()


def test_the_status_is_cut_in_front_of_what_stands_over_it(play: Any) -> None:
    seen = play("status_under_a_field")
    assert seen["fits"] and seen["text"].endswith(" ...")
    assert seen["whole"].startswith(seen["text"][:-4]) and "probability" in seen["whole"]
