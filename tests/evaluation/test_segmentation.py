"""The task `evaluate`: scores by hand, every kind of input, and one set of numbers in all files."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import talanoa
from helpers import tiny
from helpers.evaluation.cases import evaluate, faulty, make_set, refusal, write
from talanoa import cli, rois, tasks
from talanoa import image as images
from talanoa.cli import codes
from talanoa.evaluation import candidates
from talanoa.evaluation.segmentation import explain
from talanoa.evaluation.segmentation.summary import OBJECT_METRICS

NOT_SHOWN = ["Judged"]


def overall(reply: dict, level: str, metric: str, iou: str = "", how: str = "pooled") -> dict:
    """Return one score of a reply."""
    (found,) = [
        row
        for row in reply["overall"]
        if (row["Level"], row["Metric"], row["IoU"], row["How"]) == (level, metric, iou, how)
    ]
    return found


def test_scores_of_two_images_by_hand(tmp_path: Path) -> None:
    true = np.zeros((20, 20), np.uint16)
    true[2:6, 2:6], true[2:6, 10:14], true[12:16, 2:6] = 1, 2, 3
    found = np.zeros_like(true)
    found[2:6, 2:6], found[2:6, 12:16], found[12:16, 12:16] = 7, 8, 9  # exact, half moved (IoU 1/3), invented
    empty = np.zeros_like(true)
    write(tmp_path / "truth", a=true, b=empty)
    write(tmp_path / "found", a=found, b=empty)
    reply = evaluate(prediction=str(tmp_path / "found"), truth=str(tmp_path / "truth"))
    assert reply["status"] == "ok" and reply["kind"] == "objects" and reply["report"] is None
    table = reply["table"].set_index("Image")
    assert table.loc["a", ["TP", "FP", "FN", "True", "Predicted"]].tolist() == [1, 2, 2, 3, 3]
    assert table.loc["a", "F1"] == pytest.approx(1 / 3) and table.loc["a", "AP"] == 1 / 5
    assert table.loc["a", "Pixel IoU"] == pytest.approx(24 / 72) and table.loc["b", "Pixel IoU"] == 1
    assert np.isnan(table.loc["b", "F1"])
    assert overall(reply, "object", "f1", "0.5")["Value"] == pytest.approx(1 / 3)
    assert overall(reply, "object", "f1", "0.5", "mean")["N"] == 1
    assert overall(reply, "object", "accuracy", "0.5-0.95")["Value"] == pytest.approx(1 / 5)
    assert overall(reply, "pixel", "iou", "", "mean")["Value"] == pytest.approx((1 / 3 + 1) / 2)
    assert overall(reply, "count", "true", how="")["Value"] == 3
    assert "F1 0.333" in reply["message"] and "1 of 2 images have no true object: b." in " ".join(reply["warnings"])


def test_a_lower_object_iou_finds_more(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    counts = [
        int(evaluate(prediction=str(tmp_path / "found"), truth=keys["truth"], iou=iou)["table"]["TP"].sum())
        for iou in (0.1, 0.5, 0.9)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_the_truth_itself_is_perfect_under_other_numbers_and_order(tmp_path: Path) -> None:
    _, labels = tiny.discs(3)
    other = np.concatenate([[0], np.random.default_rng(0).permutation(labels.max()) + 40])[labels].astype(np.uint16)
    write(tmp_path / "truth", a=labels, b=labels.T)
    write(tmp_path / "found", a=other, b=other.T)
    reply = evaluate(prediction=str(tmp_path / "found"), truth=str(tmp_path / "truth"))
    for metric in OBJECT_METRICS:
        assert overall(reply, "object", metric, "0.95")["Value"] == 1
    assert overall(reply, "errors", "split")["Value"] == overall(reply, "errors", "merged")["Value"] == 0


def test_a_model_is_judged_as_it_segments(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    reply = evaluate(model=tiny.MODEL, device="cpu", **keys)
    labels = {f"field{k}": tiny.discs(100 + k) for k in range(3)}
    found = {
        name: talanoa.segment(image, tiny.MODEL, device="cpu").labels.values[0, 0, 0]
        for name, (image, _) in labels.items()
    }
    again = evaluate(
        prediction=str(write(tmp_path / "again", **{k: v.astype(np.uint16) for k, v in found.items()})), **keys
    )
    pd.testing.assert_frame_equal(reply["table"], again["table"])
    assert reply["message"].startswith("discs: F1 ") and overall(reply, "object", "f1", "0.5")["Value"] > 0.9


def test_folders_of_rois_results_and_single_files_are_the_same_to_it(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 2)
    expected = evaluate(prediction=str(tmp_path / "found"), **keys)["table"]
    for name in ("field0", "field1"):
        labels = images.read_labels(tmp_path / "truth" / f"{name}.tif")
        (tmp_path / "rois").mkdir(exist_ok=True)
        rois.write_zip(tmp_path / "rois" / f"{name}_RoiSet.zip", rois.from_labels(labels))
        write(tmp_path / "results" / name, labels=tifffile.imread(tmp_path / "found" / f"{name}.tif"))
    by_rois = evaluate(prediction=str(tmp_path / "results"), truth=str(tmp_path / "rois"), images=keys["images"])
    pd.testing.assert_frame_equal(by_rois["table"], expected)
    without_images = evaluate(prediction=str(tmp_path / "found"), truth=str(tmp_path / "rois"))
    pd.testing.assert_frame_equal(without_images["table"], expected)
    one = evaluate(
        prediction=str(tmp_path / "found" / "field0.tif"), truth=str(tmp_path / "rois" / "field0_RoiSet.zip")
    )
    assert one["table"]["TP"].item() == expected.set_index("Image").loc["field0", "TP"]


def test_stacks_are_judged_in_3d_and_slice_by_slice_for_a_model_of_planes(tmp_path: Path) -> None:
    planes = [tiny.discs(seed) for seed in (5, 6)]
    stack, truth = (np.stack([plane[k] for plane in planes]) for k in (0, 1))
    for folder, values in (("images", stack), ("truth", truth)):
        (tmp_path / folder).mkdir()
        about = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
        tifffile.imwrite(tmp_path / folder / "s.tif", values, imagej=True, resolution=(2, 2), metadata=about)
    keys = {"truth": str(tmp_path / "truth"), "images": str(tmp_path / "images")}
    by_slice = evaluate(model=tiny.MODEL, device="cpu", **keys)
    assert by_slice["table"]["Image"].sort_values().tolist() == ["s Z001", "s Z002"]
    assert by_slice["table"]["True"].tolist() == [8, 8] and (by_slice["table"]["F1"] > 0.8).all()
    assert "True area (µm²)" in by_slice["table"]
    whole = evaluate(prediction=str(write(tmp_path / "found", s=truth)), **keys)
    assert whole["table"]["Image"].tolist() == ["s"] and whole["table"]["F1"].item() == 1
    assert whole["table"]["True volume (µm³)"].item() == pytest.approx((truth > 0).sum() * 0.5)


def test_frames_of_a_time_lapse_are_images_of_one_file(tmp_path: Path) -> None:
    truth = np.stack([tiny.discs(seed)[1] for seed in (1, 2, 3)])
    for folder, values in (("truth", truth), ("found", np.stack([faulty(each, 0) for each in truth]))):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "film.tif", values, imagej=True, metadata={"axes": "TYX"})
    reply = evaluate(prediction=str(tmp_path / "found"), truth=str(tmp_path / "truth"))
    assert sorted(reply["table"]["Image"]) == ["film T0001", "film T0002", "film T0003"]
    assert "Only 1 image" in reply["warnings"][0]
    drawn = rois.from_labels(images.read_labels(tmp_path / "truth" / "film.tif"))
    rois.write_zip(tmp_path / "film_RoiSet.zip", drawn)
    by_rois = evaluate(prediction=str(tmp_path / "found" / "film.tif"), truth=str(tmp_path / "film_RoiSet.zip"))
    pd.testing.assert_frame_equal(by_rois["table"], reply["table"])
    images.write_labels(tmp_path / "film.ome.zarr", images.read_labels(tmp_path / "truth" / "film.tif"))
    by_zarr = evaluate(prediction=str(tmp_path / "found" / "film.tif"), truth=str(tmp_path / "film.ome.zarr"))
    pd.testing.assert_frame_equal(by_zarr["table"], reply["table"])


def test_models_and_folders_side_by_side_with_a_paired_test(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 7)
    reply = evaluate(model=tiny.MODEL, compare=f"{tmp_path / 'found'}", device="cpu", out=str(tmp_path / "out"), **keys)
    assert {row["Judged"] for row in reply["overall"]} == {"discs", "found"}
    tests = {(row["Level"], row["Metric"]): row for row in reply["comparison"]}
    row = tests["object", "f1"]
    assert row["Compared"] == "found" and row["Difference"] < 0 and row["Worse"] == row["Images"] == 7
    assert row["Wilcoxon p"] == pytest.approx(2 / 2**7) and row["High"] < 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Side by side" in page and "comparison.csv" in {path.name for path in (tmp_path / "out").iterdir()}


def test_two_people(tmp_path: Path) -> None:
    make_set(tmp_path)
    one, other = str(tmp_path / "truth"), str(tmp_path / "found")
    reply = evaluate(annotator=other, truth=one, out=str(tmp_path / "out"))
    turned = evaluate(annotator=one, truth=other)
    for level, metric, iou in (("object", "f1", "0.5"), ("object", "panoptic_quality", "0.5"), ("pixel", "dice", "")):
        assert overall(reply, level, metric, iou)["Value"] == pytest.approx(
            overall(turned, level, metric, iou)["Value"]
        )
    assert reply["message"].startswith("Two people agree: F1 ")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Agreement of two people" in page and "first person" in page and "Not made" in page


def test_a_dataset_and_the_classes_of_its_objects(tmp_path: Path) -> None:
    _, labels = tiny.discs(1)
    data = tmp_path / "data"
    for name in ("a", "b"):
        write(data / "images", **{name: tiny.discs(1)[0]})
        write(data / "masks", **{name: labels})
        write(tmp_path / "found" / "masks", **{name: labels})
        for place, rows in ((data, "1,1\n2,1\n3,2"), (tmp_path / "found", "1,1\n2,2\n3,2")):
            (place / "classes").mkdir(exist_ok=True)
            (place / "classes" / f"{name}.csv").write_text(f"label,class\n{rows}\n", encoding="utf-8")
    states = [{"name": name, "status": "done"} for name in ("a", "b")] + [{"name": "c", "status": "todo"}]
    about = {"version": 1, "name": "data", "classes": ["round", "long", "rare"], "images": states}
    (data / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    reply = evaluate(prediction=str(tmp_path / "found"), truth=str(data), out=str(tmp_path / "out"))
    assert reply["status"] == "ok", reply["message"]
    assert overall(reply, "class round", "recall", "0.5")["Value"] == 1 / 2
    assert overall(reply, "class long", "precision", "0.5")["Value"] == 1 / 2
    assert np.isnan(overall(reply, "class rare", "f1", "0.5")["Value"])
    told = " ".join(reply["warnings"])
    assert 'No object of the class "rare"' in told and "1 images of data are not annotated yet" in told
    assert "Objects by true class" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    ben = data / "annotators" / "ben"
    shutil.copytree(tmp_path / "found", ben)
    (ben / "states.json").write_text(json.dumps({"version": 1, "images": states[:1]}), encoding="utf-8")
    people = evaluate(annotator="ben", truth=str(data), unpaired="skip")
    assert people["message"].startswith("Two people agree: F1 1.000") and people["table"]["Image"].tolist() == ["a"]
    strange = data / "classes" / "a.csv"
    strange.write_text("label,class\n1,7\n", encoding="utf-8")
    said = refusal(evaluate(prediction=str(tmp_path / "found"), truth=str(data)))
    assert "a: found a class above 3; the dataset has round, long, rare" in said


def test_the_classes_that_a_model_predicts() -> None:
    objects = pd.DataFrame({"Frame": [1, 1, 2], "Label": [1, 2, 1], "Class": [2, 1, 0]})
    assert candidates._classes(objects, 2) == [{1: 2, 2: 1}, {1: 0}]
    assert candidates._classes(objects.drop(columns="Class"), 2) == ()


def test_one_set_of_numbers_in_table_csv_and_json(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    reply = evaluate(prediction=str(tmp_path / "found"), out=str(tmp_path / "out"), **keys)
    out = tmp_path / "out"
    by_csv = pd.read_csv(out / "images.csv").drop(columns=NOT_SHOWN)
    pd.testing.assert_frame_equal(by_csv, reply["table"])
    everything = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    by_json = pd.DataFrame(everything["images"]).drop(columns=NOT_SHOWN)
    pd.testing.assert_frame_equal(by_json, reply["table"])
    scores = pd.read_csv(out / "overall.csv", keep_default_na=False, na_values={"Value": "", "Low": "", "High": ""})
    assert scores["Value"].tolist() == pytest.approx([row["Value"] for row in reply["overall"]], nan_ok=True)
    each = pd.read_csv(out / "thresholds.csv").query("IoU == 0.5").set_index("Image")
    pd.testing.assert_series_equal(each["F1"].sort_index(), by_csv.set_index("Image")["F1"].sort_index())
    assert {path.stem for path in (out / "overlays").iterdir()} == {"field0", "field1", "field2"}
    record = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert record["task"] == "evaluate" and record["request"]["seed"] == 42 and "report.html" in record["files"]


def test_python_and_the_command_line_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = make_set(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    words = [f"--{key}={value}" for key, value in keys.items()]
    assert cli.main(["evaluate", "--prediction", "found", "--bootstrap=50", *words]) == codes.OK
    found = talanoa.evaluate(prediction=tmp_path / "found", bootstrap=50, out=tmp_path / "python", **keys)
    assert found.folder is not None and found.report == found.folder / "report.html"
    for name in ("images.csv", "overall.csv", "thresholds.csv"):
        assert (tmp_path / "evaluation" / name).read_bytes() == (found.folder / name).read_bytes()
    with pytest.raises(talanoa.BadInput, match="exists already"):
        talanoa.evaluate(prediction=tmp_path / "found", out=tmp_path / "python", **keys)


def test_the_reply_is_plain_json_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = make_set(tmp_path, 2)
    words = [f"--{key}={value}" for key, value in keys.items()]
    found = f"--prediction={tmp_path / 'found'}"
    assert cli.main(["evaluate", "--json", "--bootstrap=0", found, f"--out={tmp_path / 'out'}", *words]) == codes.OK
    reply = json.loads(capsys.readouterr().out)
    assert reply["kind"] == "objects" and len(reply["table"]) == 2 and Path(reply["report"]).is_file()
    assert {row["Low"] for row in reply["overall"] if row["Level"] == "object"} == {None}


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    keys = {**make_set(tmp_path, 2), "prediction": str(tmp_path / "found"), "out": str(tmp_path / "out")}
    reply = tasks.run({"task": "evaluate", **keys}, tiny.RecordingHost(stop=True))
    assert reply["status"] == "cancelled" and not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_every_score_of_a_report_is_explained(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 2)
    reply = evaluate(prediction=str(tmp_path / "found"), **keys)
    for row in reply["overall"]:
        what = explain.meaning(row["Level"], row["Metric"])
        assert what.sentence.endswith((".", "?", ")")) or what.sentence, row
        assert what.wish


def test_names_that_do_not_pair_are_listed(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    (tmp_path / "found" / "field1.tif").rename(tmp_path / "found" / "feld1.tif")
    said = refusal(evaluate(prediction=str(tmp_path / "found"), **keys))
    assert (
        "1 of 3 images of the ground truth lack a prediction" in said and "field1" in said and "unpaired=skip" in said
    )
    reply = evaluate(prediction=str(tmp_path / "found"), unpaired="skip", **keys)
    assert len(reply["table"]) == 2 and "field1. They were left out." in reply["warnings"][0]
    none = refusal(evaluate(prediction=str(write(tmp_path / "x", other=np.ones((4, 4), np.uint8))), **keys))
    assert "No name of the ground truth" in none


@pytest.mark.parametrize(
    "values, message",
    [
        (np.ones((50, 60), np.uint16), r"60 x 50 pixels.*96 x 96 pixels"),
        (np.ones((96, 96, 3), np.uint8), "colour"),
        (np.full((96, 96), 1.5, np.float32), "fractions such as 1.5"),
        ((tiny.discs(100)[1] > 0).astype(np.uint8) * 255, "mask=.?split"),
    ],
)
def test_masks_that_cannot_be_used(tmp_path: Path, values: np.ndarray, message: str) -> None:
    keys = make_set(tmp_path, 1)
    write(tmp_path / "found", field0=values)
    said = refusal(evaluate(prediction=str(tmp_path / "found"), **keys))
    assert "field0" in said
    assert re.search(message, said), said


def test_the_parts_of_a_binary_mask_count_where_that_is_asked_for(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 1)
    mask = (tiny.discs(100)[1] > 0).astype(np.uint8) * 255
    reply = evaluate(prediction=str(write(tmp_path / "binary", field0=mask)), mask="split", **keys)
    assert reply["table"]["F1"].item() == 1
    floats = evaluate(prediction=str(write(tmp_path / "float", field0=tiny.discs(100)[1].astype(np.float32))), **keys)
    assert floats["table"]["F1"].item() == 1


def test_what_is_missing_or_contradicts_itself(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 1)
    found = str(tmp_path / "found")
    assert "neither model" in refusal(evaluate(**keys))
    assert "found both" in refusal(evaluate(model=tiny.MODEL, prediction=found, **keys))
    assert "images is missing" in refusal(evaluate(model=tiny.MODEL, truth=keys["truth"]))
    assert "itself" in refusal(evaluate(prediction=keys["truth"], truth=keys["truth"]))
    assert "found nothing at" in refusal(evaluate(prediction=found, truth=str(tmp_path / "nowhere")))
    assert "no label image" in refusal(evaluate(prediction=found, truth=str(tmp_path)))
    empty = write(tmp_path / "empty", field0=np.zeros((96, 96), np.uint16))
    assert "None of the 1 images of the ground truth holds an object" in refusal(
        evaluate(prediction=found, truth=str(empty))
    )
    nothing = evaluate(prediction=str(empty), **keys)
    assert nothing["table"]["F1"].item() == 0 and nothing["table"]["Pixel IoU"].item() == 0
