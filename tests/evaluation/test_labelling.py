"""Judging predicted stains: numbers known by hand, gain and offset, empty images, groups, overlaps, cell cycle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage, stats

from helpers import labellers
from helpers.evaluation.cases import evaluate, refusal
from helpers.evaluation.labelling_cases import CELLS, NUCLEI, make_plate, predict_plate, stained, write
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.evaluation.labelling import cycle, segmenting
from talanoa.evaluation.labelling.measures import objects_of, pixel_scores
from talanoa.evaluation.labelling.store import Channel
from talanoa.labelling.record import Stain


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plate(tmp_path_factory.mktemp("plates") / "plate")


def judged(plate: Path, prediction: Path, **keys: Any) -> tasks.Reply:
    reply = evaluate(prediction=str(prediction), images=str(plate), **{"segment": NUCLEI, "pictures": 0, **keys})
    assert reply["status"] == "ok" and reply["kind"] == "stains", reply["message"]
    return reply


def score(reply: tasks.Reply, measure: str, metric: str, group: str = "all", per: str = "image", **more: str) -> dict:
    wanted = {"Measure": measure, "Metric": metric, "Group": group, "Per": per, **more}
    return next(row for row in reply["overall"] if all(row[key] == value for key, value in wanted.items()))


def test_truth_judged_against_itself_is_perfect(plate: Path, tmp_path: Path) -> None:
    same = predict_plate(plate, tmp_path / "same", lambda plane: plane)
    reply = judged(plate, same, stains="nucleus")
    for measure in ("count", "area", "total", "mean"):
        assert score(reply, measure, "pearson")["Value"] == pytest.approx(1)
        assert score(reply, measure, "spearman")["Value"] == pytest.approx(1)
        assert score(reply, measure, "bias")["Value"] == pytest.approx(0, abs=1e-9)
    for metric, value in (("pcc", 1), ("ssim", 1), ("mse", 0), ("jaccard", 1)):
        assert score(reply, "pixel", metric)["Value"] == pytest.approx(value, abs=1e-9)


def test_counts_and_areas_are_those_drawn(plate: Path, tmp_path: Path) -> None:
    reply = judged(plate, predict_plate(plate, tmp_path / "same", lambda plane: plane))
    table = reply["table"].set_index("Image")
    disc = int((np.hypot(*np.mgrid[-6:7, -6:7]) <= 6).sum())
    for name, row in table.iterrows():
        cells = CELLS[int(str(name)[1:3]) - 1]
        assert row["True objects"] == cells and row["Empty"] == (cells == 0)
        assert row["True area (µm²)"] == pytest.approx(cells * disc * 0.25)
    full = sum(n > 0 for n in CELLS)
    assert score(reply, "count", "true")["Value"] == pytest.approx(sum(CELLS) / full)
    assert score(reply, "count", "true", per="well") == {
        **score(reply, "count", "true", per="well"), "Value": pytest.approx(2 * sum(CELLS) / full), "N": full,
    }  # fmt: skip


def test_gain_and_offset_are_the_bias_and_the_calibration_takes_them_away(plate: Path, tmp_path: Path) -> None:
    reply = judged(plate, predict_plate(plate, tmp_path / "dim", lambda plane: 0.5 * plane + 30))
    true, bias = score(reply, "mean", "true")["Value"], score(reply, "mean", "bias")["Value"]
    assert bias == pytest.approx(0.5 * true + 30 - true, rel=1e-6)
    assert score(reply, "mean", "pearson")["Value"] == pytest.approx(1)
    assert score(reply, "mean_calibrated", "bias")["Value"] == pytest.approx(0, abs=1e-2)
    assert score(reply, "total_calibrated", "bias")["Value"] == pytest.approx(0, abs=20)
    assert score(reply, "pixel", "mse")["Value"] > 0.01
    assert score(reply, "pixel", "mse_calibrated")["Value"] == pytest.approx(0, abs=1e-6)
    assert score(reply, "count", "bias")["Value"] == 0  # each is segmented on its own scale


def test_the_line_of_an_image_does_not_come_from_its_own_well() -> None:
    channel, rng = Channel(), np.random.default_rng(1)
    for gain in (1.0, 2.0):
        plane = rng.random((8, 8)).astype(np.float32)
        channel.add(plane, gain * plane)
    assert channel.line_without(np.array([True, False])) == pytest.approx((2, 0), abs=1e-6)
    assert channel.line_without(np.array([False, True])) == pytest.approx((1, 0), abs=1e-6)
    assert channel.line_without(np.array([True, True])) == (1.0, 0.0)


def test_empty_images_are_told_apart_and_in_no_other_score(plate: Path, tmp_path: Path) -> None:
    def with_invented(plane: np.ndarray) -> np.ndarray:
        made = plane.copy()
        if plane.max() < 150:
            made[20:32, 20:32] += 300
        return made

    reply = judged(plate, predict_plate(plate, tmp_path / "made", with_invented))
    assert score(reply, "pixel", "invented", "empty")["Value"] == 1
    assert score(reply, "pixel", "clean", "empty")["Value"] == 0
    assert score(reply, "pixel", "jaccard", "empty")["Value"] == 0
    assert score(reply, "pixel", "pcc", "empty")["N"] == 4
    assert score(reply, "pixel", "pcc")["Value"] == pytest.approx(1) and score(reply, "pixel", "pcc")["N"] == 16
    assert "4 of 20 images are empty" in " ".join(reply["warnings"])
    clean = judged(plate, predict_plate(plate, tmp_path / "same", lambda plane: plane))
    assert score(clean, "pixel", "jaccard", "empty")["Value"] == 1  # two empty masks


def test_phenotypes_are_groups_of_their_own(plate: Path, tmp_path: Path) -> None:
    reply = judged(plate, predict_plate(plate, tmp_path / "same", lambda plane: plane))
    groups = {row["Group"]: row["N"] for row in reply["overall"] if row["Metric"] == "pcc"}
    assert groups == {"all": 16, "phenotype spread": 8, "phenotype compact": 8, "empty": 4}


def test_several_plates_are_groups_with_a_prediction_each(plate: Path, tmp_path: Path) -> None:
    other = make_plate(tmp_path / "other", fields=1)
    first = predict_plate(plate, tmp_path / "p1", lambda plane: plane)
    second = predict_plate(other, tmp_path / "p2", lambda plane: ndimage.gaussian_filter(plane, 2))
    reply = evaluate(images=[str(plate), str(other)], prediction=[str(first), str(second)], segment=NUCLEI)
    assert reply["status"] == "ok", reply["message"]
    good = score(reply, "pixel", "pcc", "plate plate")["Value"]
    assert good == pytest.approx(1) and score(reply, "pixel", "pcc", "plate other")["Value"] < 0.999


def test_correlations_are_scipy_s(plate: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = predict_plate(plate, tmp_path / "noisy", lambda plane: plane + rng.normal(0, 40, plane.shape))
    reply = judged(plate, noisy)
    table = reply["table"].query("Empty == 0")
    true, predicted = table["True area (µm²)"], table["Predicted area (µm²)"]
    assert score(reply, "area", "pearson")["Value"] == pytest.approx(stats.pearsonr(true, predicted).statistic)
    assert score(reply, "area", "spearman")["Value"] == pytest.approx(stats.spearmanr(true, predicted).statistic)
    difference = predicted - true
    limit = score(reply, "area", "limit_high")
    assert limit["Value"] == pytest.approx(difference.mean() + 1.96 * difference.std(ddof=1))
    assert limit["Low"] < limit["Value"] < limit["High"] or limit["Low"] <= limit["High"]
    means = score(reply, "pixel", "pcc")
    assert means["Value"] == pytest.approx(table["PCC"].mean()) and means["Low"] < means["Value"] < means["High"]


def test_measures_of_a_tiny_image_by_hand() -> None:
    labels = np.array([[1, 1, 0], [0, 0, 2]], np.int32)
    intensities = np.array([[1, 3, 100], [100, 100, 5]], np.float32)
    found = objects_of(labels, intensities, 0.25)
    assert (found.count, found.area, found.total, found.mean) == (2, 0.75, 9, 3)
    assert found.calibrated((2.0, 1.0)).total == 2 * 9 + 3
    both = found + found
    assert (both.count, both.total, both.mean) == (4, 18, 3)
    assert np.isnan(objects_of(np.zeros((2, 3), np.int32), intensities, 1).mean)
    plane = np.arange(400, dtype=np.float32).reshape(20, 20)
    scores = pixel_scores(plane, plane + 10, plane, (0.0, 100.0))
    assert scores["mse"] == pytest.approx(0.01) and scores["mse_calibrated"] == 0 and scores["pcc"] == pytest.approx(1)


def test_overlap_of_two_stains_and_its_wrong_part(tmp_path: Path) -> None:
    plate, made = tmp_path / "plate", tmp_path / "made"
    for well in range(3):
        base = np.zeros((64, 64), np.float32) + np.random.default_rng(well).normal(0, 0.5, (64, 64))
        er, nucleus, moved = base.copy(), base.copy(), base.copy()
        er[10:40, 10:40] += 100
        nucleus[30:50, 30:50] += 100  # shares 10 x 10 pixels
        moved[25:45, 25:45] += 100  # shares 15 x 15
        name = f"A0{well + 1}_f1"
        for folder, stain in ((plate, nucleus), (made, moved)):
            write(folder / "nucleus", name, stain)
            write(folder / "er", name, er)
    recipe = "block=41 min_area=20 offset=0.3"
    reply = judged(plate, made, segment=f"nucleus: nuclei {recipe}; er: nuclei {recipe}", leaks=False)
    there = {key: score(reply, "overlap", key)["Value"] for key in ("true", "predicted", "wrong", "bias")}
    assert there["true"] == pytest.approx(100 * 0.25) and there["predicted"] == pytest.approx(225 * 0.25)
    assert there["bias"] == pytest.approx(125 * 0.25) and there["wrong"] == pytest.approx(125 / 225)


def test_gfp_is_split_where_objects_touch() -> None:
    plane = np.zeros((64, 64), np.float32)
    rows, columns = np.mgrid[:64, :64]
    for x in (22, 41):
        plane[(rows - 32) ** 2 + (columns - x) ** 2 <= 100] = 1
    found = segmenting.read("", ["gfp", "gfp2"], ["gfp2"], None)  # type: ignore[arg-type]
    split = found["gfp"].objects(plane, plane, None, None)
    assert split.max() == 2
    plain = segmenting.read("gfp: gfp", ["gfp"], [], None)["gfp"]  # type: ignore[arg-type]
    assert plain.objects(plane, plane, None, None).max() == 1
    assert found["gfp2"].mask and found["gfp2"].objects(plane, 0.9 * plane, None, None).max() == 2
    assert found["gfp2"].objects(plane, 0.7 * plane, None, None).max() == 0  # cut at 0.8


@pytest.mark.parametrize(
    ("stain", "recipe"),
    [("DAPI", "nuclei"), ("Hoechst", "nuclei"), ("ER", "er"), ("Golgi", "golgi"), ("GFP", "gfp watershed=0.75"),
     ("membrane", "none"), ("fibers", "none")],
)  # fmt: skip
def test_a_stain_s_name_suggests_its_recipe(stain: str, recipe: str) -> None:
    assert segmenting.default_for(stain, False) == recipe


def test_the_cell_cycle_is_counted_object_by_object() -> None:
    true = np.zeros((40, 40), np.int32)
    for k in range(4):
        true[2:8, 2 + 9 * k : 8 + 9 * k] = k + 1
    predicted = true.copy()
    predicted[predicted == 4] = 0  # missed
    dna, dim = np.zeros((2, 40, 40), np.float32)
    for label, amount in ((1, 1.0), (2, 1.1), (3, 2.0), (4, 2.2)):
        dna[true == label] = amount
    dim[:] = dna
    dim[true == 3] = 1.2  # a doubled nucleus that is predicted as a single one
    cells = cycle.Cells(cycle.Reporters("nucleus"), 0.5)
    cells.add(true, predicted, [dna], [dim])
    table = cells.table()
    assert table is not None
    assert table[1:, 1:].tolist() == [[2, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert cycle.accuracy(table) == pytest.approx(2 / 3)
    green = cycle.told(true, np.arange(1, 5), [np.ones_like(dna), 2 * np.ones_like(dna)])
    assert green == pytest.approx(np.ones(4))  # log2 of twice as much


def test_every_file_has_the_same_numbers(plate: Path, tmp_path: Path) -> None:
    made = predict_plate(plate, tmp_path / "made", lambda plane: ndimage.gaussian_filter(plane, 1.5))
    reply = judged(plate, made, cycle="nucleus", pictures=2, out=str(tmp_path / "out"))
    out = tmp_path / "out"
    table = pd.read_csv(out / "overall.csv")
    everything = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert len(table) == len(reply["overall"]) == len(everything["overall"])
    for row, stored, replied in zip(table.to_dict("records"), everything["overall"], reply["overall"], strict=True):
        assert row["Value"] == pytest.approx(replied["Value"], nan_ok=True, rel=1e-12)
        if stored["Value"] is not None:
            assert stored["Value"] == pytest.approx(replied["Value"], rel=1e-12)
    assert everything["kind"] == "stains" and everything["segmentations"] == {"nucleus": NUCLEI.partition(": ")[2]}
    assert (out / "cycle.csv").is_file() and len(list((out / "overlays").glob("*.png"))) == 2
    assert Path(reply["report"]).is_file()


def test_composites_and_channels_are_read_by_their_names(plate: Path, tmp_path: Path) -> None:
    for path in sorted((plate / "nucleus").iterdir()):
        plane = tifffile.imread(path)
        (tmp_path / "made").mkdir(exist_ok=True)
        tifffile.imwrite(
            tmp_path / "made" / path.name, np.stack([0 * plane, plane]).astype(np.float32), imagej=True,
            metadata={"axes": "CYX", "Labels": ["er", "nucleus"]},
        )  # fmt: skip
    reply = evaluate(
        kind="stains", prediction=str(tmp_path / "made"), images=str(plate), stains="nucleus", segment=NUCLEI
    )
    assert reply["status"] == "ok", reply["message"]
    assert score(reply, "pixel", "pcc")["Value"] == pytest.approx(1)


def test_what_does_not_fit_is_refused(plate: Path, tmp_path: Path) -> None:
    made = predict_plate(plate, tmp_path / "made", lambda plane: plane)
    keys = {"prediction": str(made), "images": str(plate)}
    assert "one of nucleus" in refusal(evaluate(**keys, segment="nuclei: nuclei"))
    assert "watershed" in refusal(evaluate(**keys, segment="nucleus: nuclei watershed=deep"))
    assert "none of the recipes nuclei, er" in refusal(evaluate(**keys, segment="nucleus: nukei"))
    assert "no folder er" in refusal(evaluate(**keys, stains="er"))
    assert "one stain of DNA" in refusal(evaluate(**keys, cycle="er"))
    assert "expected a model" in refusal(evaluate(**keys, scales="0.7,1.3"))
    assert "0.1 to 10" in refusal(evaluate(**keys, scales="0"))
    assert "truth itself" in refusal(evaluate(prediction=str(plate), images=str(plate)))
    small = predict_plate(plate, tmp_path / "small", lambda plane: plane[:50])
    assert "same size" in refusal(evaluate(prediction=str(small), images=str(plate)))
    next((made / "nucleus").iterdir()).unlink()
    assert "lack" in refusal(evaluate(**keys))
    skipped = evaluate(**keys, unpaired="skip")
    assert skipped["status"] == "ok" and len(skipped["table"]) == 19


def test_a_constant_prediction_is_judged_without_a_crash(plate: Path, tmp_path: Path) -> None:
    flat = predict_plate(plate, tmp_path / "flat", lambda plane: np.full_like(plane, 7))
    reply = judged(plate, flat)
    assert np.isnan(score(reply, "pixel", "pcc")["Value"])
    assert score(reply, "count", "predicted")["Value"] == 0
    assert np.isfinite(stained(0, 0)).all()


def test_a_model_is_judged_with_its_calibration_and_at_other_scales(plate: Path, tmp_path: Path) -> None:
    stains = [Stain(name=name, low=100, high=500, gain=0.5, offset=0.1) for name in ("other", "nucleus")]
    model = labellers.save(tmp_path / "model", stains, inverting=True, depth=1)
    keys = {"images": str(plate), "stains": "nucleus", "segment": NUCLEI, "pictures": 0}
    reply = evaluate(model=str(model), scales="0.7, 1.3", **keys)
    assert reply["status"] == "ok" and reply["kind"] == "stains", reply["message"]
    assert score(reply, "count", "pearson")["Value"] == pytest.approx(1)  # the light is the stain turned dark
    assert score(reply, "pixel", "pcc")["Value"] > 0.95
    for measure in ("true", "predicted"):
        plain, line = score(reply, "mean", measure)["Value"], score(reply, "mean_calibrated", measure)["Value"]
        expected = plain if measure == "true" else 0.5 * plain + 0.1 * 400 + 100 - 0.5 * 100
        assert line == pytest.approx(expected, rel=1e-5)
    names = [row["Judged"] for row in reply["comparison"]]
    assert names == ["model", "model at 0.7x", "model at 1.3x"]
    counts = [row["count pearson"] for row in reply["comparison"]]
    assert counts[0] == pytest.approx(1) and min(counts) > 0.9
    predicted = tasks.run(
        {"task": "predict", "image": str(plate / "phase"), "model": str(model), "out": str(tmp_path / "made")},
        QuietHost(),
    )
    assert predicted["status"] == "ok", predicted["message"]
    folder = evaluate(prediction=str(tmp_path / "made"), kind="stains", **keys)
    assert folder["status"] == "ok", folder["message"]
    for metric in ("pcc", "jaccard"):  # the composites on the disk are what the model predicts
        assert score(folder, "pixel", metric)["Value"] == pytest.approx(
            score(reply, "pixel", metric)["Value"], abs=1e-5
        )


def test_fields_without_any_true_stain_are_named(tmp_path: Path) -> None:
    plate = make_plate(tmp_path / "plate", fields=1)
    same = predict_plate(plate, tmp_path / "same", lambda plane: plane)
    told = " ".join(judged(plate, same)["warnings"])
    assert "none of the true stains" not in told
    lonely = [f"B{number:02d}_f1" for number in range(1, 8)]
    for name in lonely:
        write(plate / "phase", name, stained(0, 0))
    model = labellers.save(tmp_path / "model", [Stain(name="nucleus", low=100, high=500)], inverting=True, depth=1)
    for keys in ({"prediction": str(same)}, {"model": str(model)}):
        reply = evaluate(**keys, images=str(plate), segment="nucleus: none", pictures=0)
        assert reply["status"] == "ok" and len(reply["table"]) == len(CELLS), reply["message"]
        (note,) = [text for text in reply["warnings"] if "none of the true stains" in text]
        assert note.startswith("plate: 7 of 17 fields have none of the true stains, and are left out: B01_f1, B02_f1, ")
        assert note.endswith("B05_f1 and 2 more.")


def test_a_stain_that_shows_nothing_in_any_image_is_told(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "plate" / "nucleus", f"A0{number + 1}_f1", stained(4, number, noise=5))
        write(tmp_path / "made" / "nucleus", f"A0{number + 1}_f1", stained(9, number, noise=3))
    reply = judged(tmp_path / "plate", tmp_path / "made", leaks=False)
    (note,) = [text for text in reply["warnings"] if "are empty" in text]
    assert note.startswith("nucleus: 5 of 5 images are empty; there is nothing to judge a prediction by. Check that")
    assert "nucleus: empty in all images" in reply["message"]
    assert reply["table"]["Empty"].all() and (reply["table"]["True objects"] == 0).all()
