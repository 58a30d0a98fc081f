"""The menu in a real window: choose, fill the dialog, see results, record, replay, cancel, be told what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.gui

GERMAN = "-Duser.language=de -Duser.country=DE -Duser.region=DE"


@pytest.mark.parametrize(("typed", "options"), [("0.55", ""), ("0,55", GERMAN)], ids=["english", "german"])
def test_segment_from_the_menu_and_replay_the_recorded_line(play: Any, typed: str, options: str) -> None:
    seen = play("segment_from_the_menu", PROBABILITY=typed, TALANOA_TEST_JAVA=options)
    objects = seen["labels"]
    assert objects > 3
    assert "tiny" in seen["offered"]
    # the user's own ROI stays the first
    assert seen["rois"] == objects + 1
    assert seen["names"][1:] == [f"T0001_L{k:05d}" for k in range(1, objects + 1)]
    assert seen["same_as_masks"]
    assert seen["rows"] == objects
    assert {"Label", "Area", "Mean", "Probability"} <= set(seen["headings"])
    assert len(seen["recorded"]) == 1
    assert seen["recorded"][0].startswith(f'run("Segment Objects", "model=tiny prob_thresh={typed} norm_low=1.0 ')
    assert "nms_thresh" not in seen["recorded"][0]
    assert seen["replayed"]
    assert not seen["dialogs"]
    # a second run on the image takes the place of the first
    assert seen["again"] == seen["names"]
    assert seen["rois_after"] == objects + 1
    assert seen["rows_after"] == objects
    assert seen["remembered"] == typed


@pytest.mark.parametrize("scenario", ["cancel_by_escape", "cancel_by_button"])
def test_a_cancelled_job_leaves_nothing(play: Any, scenario: str) -> None:
    seen = play(scenario)
    assert not seen["labels"]
    assert seen["rois"] == seen["rows"] == 0
    assert seen.get("next", 1) > 0


def test_errors_are_told_in_a_dialog_or_the_log_and_end_the_macro(play: Any) -> None:
    seen = play("errors")
    assert "No image is open" in seen["no_image"]
    assert "RGB" in seen["rgb"] and "channel=1" in seen["rgb"]
    assert seen["kept"] == "1"
    assert 'Unknown key "prob_tresh"' in seen["log"] and 'Did you mean "prob_thresh"?' in seen["log"]
    assert "before" in seen["log"] and "after" not in seen["log"].splitlines()
    assert not seen["macro_state"]
    assert seen["log_after"].rstrip().endswith("again")


def test_commands_of_the_menu_run_beside_a_macro_that_segments(play: Any) -> None:
    seen = play("others_meanwhile")
    assert seen["ran_beside"]
    assert "title large.tif labels" in seen["log"]


def test_results_are_reachable_in_batch_mode(play: Any) -> None:
    seen = play("batch_mode")
    facts = dict(line.split(" ", 1) for line in seen["log"].splitlines())
    objects = int(facts["max"])
    assert facts["active"] == f"discs.tif labels images 2 rows {objects} rois {objects}"
    assert facts["area"].endswith("T0001_L00001")
    assert seen["windows"] == []


def test_the_manager_goes_to_the_plane_of_the_object_shown_or_not(play: Any) -> None:
    seen = play("rois_on_hyperstacks")
    for batch in ("true", "false"):
        places = {tuple(row) for row in seen[f"hyper {batch}"]}
        assert {(name[:5], z, t) for name, z, t in places} == {("T0001", "3", "1"), ("T0002", "3", "2")}
        frames, slices = range(1, 5), range(1, 4)
        expected = [[f"T{t:04d}_Z{z:03d}_L00001", str(z), str(t)] for t in frames for z in slices]
        assert seen[f"tz {batch}"] == expected
        assert seen[f"z {batch}"] == [[f"T0001_Z{z:03d}_L00001", str(z), "1"] for z in slices]
        assert seen[f"t {batch}"] == [[f"T{t:04d}_L00001", "1", str(t)] for t in frames]


def test_a_model_trained_from_the_menu_is_offered(play: Any) -> None:
    seen = play("train_from_the_menu")
    assert "would take about" in seen["before"] and "2 epochs of 10 steps" in seen["before"]
    assert "Model mine is trained" in seen["said"]
    assert "mine" in seen["offered"]
    assert (seen["work"] / "home" / "models" / "mine" / "model.json").is_file()


def test_rois_labels_and_doctor(play: Any) -> None:
    seen = play("rois_and_labels")
    assert seen["identical"]
    assert seen["replaced"] and seen["appended"]
    assert "ImageJ" in seen["doctor"] and "Torch" in seen["doctor"]
