"""Judging restored images: scores that agree with the metrics, every kind of input, one set of numbers in all files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import talanoa
from helpers import restorers, tiny
from helpers.evaluation.cases import evaluate, refusal, write
from helpers.evaluation.cases import make_set as make_objects
from helpers.evaluation.restoration_cases import make_set
from talanoa import image as images
from talanoa.evaluation.restoration.metrics import METRICS, WITHOUT
from talanoa.image.ops.orientations import SAME_SIZE, turned, turned_back
from talanoa.measure.metrics.disagreement import disagreement
from talanoa.measure.metrics.psnr import psnr, psnr_of_type, scale_invariant_psnr
from talanoa.measure.metrics.ssim import ssim
from talanoa.tasks.sample.noisy import Camera, draw


def overall(reply: dict, level: str, metric: str) -> dict:
    """Return one score of the first candidate."""
    return next(row for row in reply["overall"] if (row["Level"], row["Metric"]) == (level, metric))


def notes(reply: dict) -> str:
    return " ".join(reply["warnings"])


def test_every_number_is_that_of_the_metrics(tmp_path: Path) -> None:
    reply = evaluate(**make_set(tmp_path), prediction=str(tmp_path / "good"), leaks=False)
    assert reply["status"] == "ok" and reply["kind"] == "image", reply["message"]
    table = reply["table"].set_index("Image")
    assert len(table) == 3
    for name, row in table.iterrows():
        low, high, good = (tifffile.imread(tmp_path / part / f"{name}.tif") for part in ("low", "high", "good"))
        for level, image in (("input", low), ("prediction", good)):
            assert row[f"SSIM, {level}"] == pytest.approx(ssim(high, image), rel=1e-9)
            assert row[f"PSNR (dB), {level}"] == pytest.approx(psnr(high, image), rel=1e-9)
            assert row[f"PSNR of the type (dB), {level}"] == pytest.approx(psnr_of_type(high, image), rel=1e-9)
            expected = scale_invariant_psnr(high, image)
            assert row[f"PSNR, scale-invariant (dB), {level}"] == pytest.approx(expected, rel=1e-9)
    mean = overall(reply, "prediction", "psnr")
    assert mean["Value"] == pytest.approx(table["PSNR (dB), prediction"].mean())
    assert mean["Low"] <= mean["Value"] <= mean["High"] and mean["N"] == 3
    assert "SSIM" in reply["message"] and "(input" in reply["message"]
    assert "Only 3 images" in notes(reply)


def test_the_better_one_wins_whichever_way_a_score_runs(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 6)
    reply = evaluate(
        **keys, prediction=str(tmp_path / "blurred"), compare=str(tmp_path / "good"), kind="image", leaks=False
    )
    for row in reply["comparison"]:
        if row["Compared"] == "good" and row["Metric"] != "resolution":
            assert (row["With"], row["Better"], row["Worse"]) == ("blurred", 6, 0), row
            assert (row["Difference"] > 0) == (row["Metric"] != "nrmse")
            assert row["Wilcoxon p"] == pytest.approx(2 / 2**6)
    against_input = [row for row in reply["comparison"] if row["With"] == "input"]
    assert {row["Compared"] for row in against_input} == {"blurred"}
    assert "disagreement" in {row["Level"] for row in reply["overall"]}  # two candidates


def test_other_units_are_told_and_do_not_change_the_fitted_scores(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    for path in (tmp_path / "good").iterdir():
        write(tmp_path / "scaled", **{path.stem: tifffile.imread(path) * np.float32(0.01) - 1})
    one, other = (evaluate(**keys, prediction=str(tmp_path / each), leaks=False) for each in ("good", "scaled"))
    for metric in ("ssim_fitted", "scale_invariant_psnr", "pearson"):
        first, second = (overall(reply, "prediction", metric)["Value"] for reply in (one, other))
        assert second == pytest.approx(first, rel=1e-4)
    assert overall(other, "prediction", "ssim")["Value"] < 0.5
    assert "other intensities" in notes(other) and "other intensities" not in notes(one)


def test_a_shift_is_told(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 1)
    good = tifffile.imread(tmp_path / "good" / "cells0.tif")
    write(tmp_path / "shifted", cells0=np.roll(good, (3, -2), (0, 1)))
    told = notes(evaluate(**keys, prediction=str(tmp_path / "shifted"), leaks=False))
    assert "cells0: the prediction must be moved by x +2.0, y -3.0 pixels" in told


def test_without_truth_structure_in_the_residual_is_found(tmp_path: Path) -> None:
    make_set(tmp_path)
    low = str(tmp_path / "low")
    reply = evaluate(images=low, prediction=str(tmp_path / "blurred"), out=str(tmp_path / "out"))
    assert reply["kind"] == "image" and "structure left in input - prediction in 3 of 3 images" in reply["message"]
    assert not any(column.startswith(("SSIM", "PSNR")) for column in reply["table"])
    assert overall(reply, "residual", "detail")["Value"] > 0.05
    good = evaluate(images=low, prediction=str(tmp_path / "good"))
    assert "in 0 of 3 images" in good["message"], good["message"]
    assert "Without truth no score says" in notes(good)


def test_faults_of_the_noisy_images_are_told(tmp_path: Path) -> None:
    sample = draw((128, 128), seed=0, camera=Camera(stripes=15))
    write(tmp_path / "low", a=sample.low)
    write(tmp_path / "found", a=sample.high)
    assert "a: The noise forms horizontal lines" in notes(
        evaluate(images=str(tmp_path / "low"), prediction=str(tmp_path / "found"))
    )


def test_stacks_frames_and_channels_are_images_of_one_file(tmp_path: Path) -> None:
    sample = draw((4, 48, 48), seed=1)
    for part, values in (("low", sample.low), ("high", sample.high), ("found", sample.high + 1)):
        (tmp_path / part).mkdir()
        movie = images.from_array(
            np.stack([values, values[::-1]])[:, None], "tczyx", pixel_size=(1, 0.2, 0.2), unit="µm"
        )
        images.write(tmp_path / part / "stack.tif", movie)
    reply = evaluate(
        images=str(tmp_path / "low"),
        truth=str(tmp_path / "high"),
        prediction=str(tmp_path / "found"),
        out=str(tmp_path / "out"),
    )
    assert sorted(reply["table"]["Image"]) == ["stack T0001", "stack T0002"]
    expected = ssim(sample.high, sample.high + 1)
    assert reply["table"]["SSIM, prediction"].tolist() == pytest.approx([expected] * 2, abs=1e-9)
    everything = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert everything["unit"] == "µm" and everything["kind"] == "image"


def test_one_set_of_numbers_in_all_files(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    out = tmp_path / "out"
    reply = evaluate(**keys, prediction=str(tmp_path / "good"), out=str(out), pictures=2)
    table = pd.read_csv(out / "images.csv")
    pd.testing.assert_frame_equal(table.drop(columns="Judged"), reply["table"], check_dtype=False)
    everything = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert len(everything["overall"]) == len(reply["overall"]) == len(pd.read_csv(out / "overall.csv"))
    assert len(list((out / "overlays").iterdir())) == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    for metric in METRICS:
        assert metric.name in page
    record = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert record["kind"] == "image" and set(record["files"]) >= {"report.html", "comparison.csv"}
    found = talanoa.evaluate(**keys, prediction=str(tmp_path / "good"), bootstrap=0)
    pd.testing.assert_frame_equal(found.images, reply["table"])


def test_bad_input_is_refused_with_its_name(tmp_path: Path) -> None:
    keys = make_set(tmp_path)
    good, low = str(tmp_path / "good"), keys["images"]
    assert "neither truth nor images" in refusal(evaluate(prediction=good))
    assert "low is images itself" in refusal(evaluate(**keys, prediction=low))
    assert "one folder" in refusal(evaluate(images=low, truth=low, prediction=good, kind="image"))
    assert "annotate objects" in refusal(evaluate(annotator=good, truth=keys["truth"], kind="image"))
    write(tmp_path / "same", **{path.stem: tifffile.imread(path) for path in Path(low).iterdir()})
    assert "the truth is the noisy image itself" in refusal(
        evaluate(images=low, truth=str(tmp_path / "same"), prediction=good)
    )
    first = tifffile.imread(tmp_path / "good" / "cells0.tif")
    write(tmp_path / "short", cells0=first)
    assert "2 of 3 images of the ground truth lack a restored image" in refusal(
        evaluate(**keys, prediction=str(tmp_path / "short"))
    )
    assert len(evaluate(**keys, prediction=str(tmp_path / "short"), unpaired="skip")["table"]) == 1
    write(tmp_path / "cut", cells0=first[:-1], cells1=first, cells2=first)
    message = refusal(evaluate(**keys, prediction=str(tmp_path / "cut")))
    assert "cells0 in cut is 96 x 95 pixels" in message and "96 x 96" in message
    broken = first.copy()
    broken[0, 0] = np.nan
    write(tmp_path / "broken", cells0=broken, cells1=first, cells2=first)
    assert "1 of 9216 pixels are NaN" in refusal(evaluate(**keys, prediction=str(tmp_path / "broken")))
    assert "only one is judged" in refusal(evaluate(**keys, prediction=good, disagreement="models"))
    assert "expected a model" in refusal(evaluate(**keys, prediction=good, disagreement="turns"))


def test_a_constant_truth_has_no_scores(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 2)
    write(tmp_path / "high", cells0=np.full((96, 96), 7, np.uint16))
    reply = evaluate(**keys, prediction=str(tmp_path / "good"), kind="image", out=str(tmp_path / "out"))
    table = reply["table"].set_index("Image")
    assert np.isnan(table.loc["cells0", "SSIM, prediction"]) and table.loc["cells1", "SSIM, prediction"] > 0.5
    assert "cells0: the truth has one intensity everywhere" in notes(reply)
    assert overall(reply, "prediction", "ssim")["N"] == 1


def test_the_kind_follows_from_model_and_files(tmp_path: Path) -> None:
    objects = make_objects(tmp_path / "objects", 1)
    assert evaluate(prediction=str(tmp_path / "objects" / "found"), **objects)["kind"] == "objects"
    keys = make_set(tmp_path, 1)
    assert "makes objects; expected kind=objects" in refusal(evaluate(model=tiny.MODEL, **keys, kind="image"))
    assert "truth is missing" in refusal(evaluate(model=tiny.MODEL, images=keys["images"]))
    assert "one that restores images" in refusal(
        evaluate(prediction=str(tmp_path / "good"), compare=tiny.MODEL, **keys)
    )


def test_result_folders_are_read(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 2)
    expected = evaluate(**keys, prediction=str(tmp_path / "good"))["table"]
    for path in (tmp_path / "good").iterdir():
        write(tmp_path / "results" / path.stem, restored=tifffile.imread(path))
    pd.testing.assert_frame_equal(evaluate(**keys, prediction=str(tmp_path / "results"))["table"], expected)
    single = evaluate(
        images=str(tmp_path / "low" / "cells0.tif"),
        truth=str(tmp_path / "high" / "cells0.tif"),
        prediction=str(tmp_path / "results" / "cells0"),
    )
    assert single["table"]["SSIM, prediction"].item() == expected.set_index("Image").loc["cells0", "SSIM, prediction"]


def test_numbers_without_truth_have_a_meaning() -> None:
    for meaning in WITHOUT.values():
        assert meaning.name and meaning.sentence.endswith(".") and meaning.wish


def test_a_model_is_judged_as_it_restores(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 2)
    model = str(restorers.save(tmp_path / "model"))
    reply = evaluate(model=model, **keys, device="cpu", leaks=False)
    assert reply["status"] == "ok" and reply["kind"] == "image", reply["message"]
    for name in ("cells0", "cells1"):
        image = images.read(tmp_path / "low" / f"{name}.tif")
        write(tmp_path / "made", **{name: talanoa.restore(image, model, device="cpu").image.values.squeeze()})
    elsewhere = evaluate(prediction=str(tmp_path / "made"), **keys, leaks=False)
    pd.testing.assert_frame_equal(reply["table"], elsewhere["table"])
    assert reply["record"]["models"][0]["name"] == "model"
    assert "images is missing" in refusal(evaluate(model=model, truth=keys["truth"]))
    assert "expected kind=image" in refusal(evaluate(model=model, **keys, kind="objects"))


def test_disagreement_is_the_spread_over_turns_and_over_models(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 1)
    model = str(restorers.save(tmp_path / "model"))
    reply = evaluate(model=model, images=keys["images"], device="cpu", out=str(tmp_path / "out"))
    image = images.read(tmp_path / "low" / "cells0.tif")
    made = [
        turned_back(talanoa.restore(image.copy(data=turned(image.values, way)), model, device="cpu").image.values, way)
        for way in SAME_SIZE
    ]
    expected = disagreement(made)
    assert expected.mean() > 0
    assert overall(reply, "disagreement", "mean")["Value"] == pytest.approx(float(expected.mean()), rel=1e-3)
    assert "four ways" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    low = keys["images"]
    same = evaluate(images=low, prediction=str(tmp_path / "good"), compare=str(tmp_path / "good"), kind="image")
    assert overall(same, "disagreement", "mean")["Value"] < 1e-12


def test_images_of_the_training_are_found(tmp_path: Path) -> None:
    keys = make_set(tmp_path, 3)
    trained = write(tmp_path / "trained", other=tifffile.imread(tmp_path / "low" / "cells1.tif"))
    reply = evaluate(**keys, prediction=str(tmp_path / "good"), train=str(trained), out=str(tmp_path / "out"))
    assert [leak["test"] for leak in reply["leaks"]] == ["cells1"]
    assert "1 of 3 test images are, in part" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_stack_that_becomes_a_plane_is_compared_as_its_projection(tmp_path: Path) -> None:
    sample = draw((5, 64, 64), seed=3)
    write(tmp_path / "high", a=sample.high.max(axis=0))
    write(tmp_path / "found", a=sample.high.max(axis=0) + 1.5)
    (tmp_path / "low").mkdir()
    images.write(tmp_path / "low" / "a.tif", images.from_array(sample.low, "zyx"))
    low, high, found = (str(tmp_path / part) for part in ("low", "high", "found"))
    reply = evaluate(images=low, truth=high, prediction=found)
    expected = ssim(sample.high.max(axis=0), sample.low.max(axis=0))
    assert reply["table"]["SSIM, input"].item() == pytest.approx(expected)
    assert "maximum projection" in notes(reply)


def test_one_channel_is_restored_and_judged(tmp_path: Path) -> None:
    sample = draw((64, 64), seed=2)
    (tmp_path / "low").mkdir()
    two = np.stack([np.full_like(sample.low, 7), sample.low])
    images.write(tmp_path / "low" / "a.tif", images.from_array(two, "cyx"))
    write(tmp_path / "high", a=sample.high)
    keys = {"images": str(tmp_path / "low"), "truth": str(tmp_path / "high"), "device": "cpu"}
    model = str(restorers.save(tmp_path / "model"))
    reply = evaluate(model=model, channel=2, **keys)
    assert reply["table"]["SSIM, input"].item() == pytest.approx(ssim(sample.high, sample.low))
    assert "one intensity" not in notes(reply)  # of the other channel nothing is said
    assert "channel" in refusal(evaluate(model=model, **keys))


def test_all_channels_are_judged_each_by_itself(tmp_path: Path) -> None:
    fields = [draw((64, 64), seed=seed) for seed in (2, 3)]
    for kind in ("low", "high"):
        (tmp_path / kind).mkdir()
        both = np.stack([getattr(each, kind) for each in fields])
        images.write(tmp_path / kind / "a.tif", images.from_array(both, "cyx"))
    keys = {"images": str(tmp_path / "low"), "truth": str(tmp_path / "high"), "device": "cpu"}
    reply = evaluate(model=str(restorers.save(tmp_path / "model")), channel="all", **keys)
    table = reply["table"].set_index("Image")
    assert list(table.index) == ["a C1", "a C2"]
    for name, field in zip(table.index, fields, strict=True):
        assert table.loc[name, "SSIM, input"] == pytest.approx(ssim(field.high, field.low))
    two = str(restorers.save(tmp_path / "two", n_channel_in=2, n_channel_out=2))
    assert "the model takes 2 channels at once" in refusal(evaluate(model=two, channel="all", **keys))


def test_all_channels_are_refused_for_objects(tmp_path: Path) -> None:
    keys = make_objects(tmp_path)
    reply = evaluate(**keys, prediction=keys["truth"], channel="all")
    assert "channel=all is for models that restore" in refusal(reply)


def test_a_projection_is_judged_beside_the_plane(tmp_path: Path) -> None:
    sample = draw((6, 48, 48), seed=4)
    write(tmp_path / "high", a=sample.high.max(axis=0))
    (tmp_path / "low").mkdir()
    images.write(tmp_path / "low" / "a.tif", images.from_array(sample.low, "zyx"))
    keys = {"images": str(tmp_path / "low"), "truth": str(tmp_path / "high"), "device": "cpu"}
    model = restorers.save(tmp_path / "model", "care_projection")
    reply = evaluate(model=str(model), out=str(tmp_path / "out"), **keys)
    made = talanoa.restore(str(tmp_path / "low" / "a.tif"), str(model), device="cpu").image.values[0, 0, 0]
    truth = sample.high.max(axis=0)
    assert reply["table"]["SSIM, prediction"].item() == pytest.approx(ssim(truth, made))
    assert reply["table"]["SSIM, input"].item() == pytest.approx(ssim(truth, sample.low.max(axis=0)))
    assert (tmp_path / "out" / "report.html").is_file()
