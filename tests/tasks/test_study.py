"""Studies: a grid of small trainings, each in a process of its own, resumed after an interruption."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers import segmenters, tiny
from helpers.evaluation.labelling_cases import NUCLEI, make_plate
from helpers.synthetic import write_pairs
from talanoa import image as images
from talanoa import tasks
from talanoa.cli import main
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.tasks.study import across, execute, plan, search, table
from talanoa.tasks.study.request import StudyRequest

SMALL = {"n_rays": 8, "grid": 2, "depth": 1, "filters": 4, "head": 8, "patch": 32, "batch": 2, "epochs": 1, "steps": 2}
PLAIN = {"images": "i", "targets": "m", "test": "t", "out": "o"}


def rows(out: Path) -> list[dict[str, str]]:
    with (out / table.TABLE).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def refusal(**keys: Any) -> str:
    with pytest.raises(BadInput) as caught:
        plan.cells_of(parse(StudyRequest, {**PLAIN, **keys}).request)
    return str(caught.value)


def test_the_cells_are_all_combinations_each_with_all_seeds() -> None:
    keys = {**PLAIN, "vary": {"patch": [64, 128], "lr": "1e-3"}, "repeats": 2, "seed": 7}
    cells = plan.cells_of(parse(StudyRequest, keys).request)
    assert [(cell.values["patch"], cell.values["lr"], cell.seed) for cell in cells] == [
        (64, 0.001, 7), (64, 0.001, 8), (128, 0.001, 7), (128, 0.001, 8),
    ]  # fmt: skip
    assert [cell.name for cell in cells] == ["cell-001", "cell-002", "cell-003", "cell-004"]
    assert cells[2].request["patch"] == 128 and cells[2].request["name"] == "cell-003"


def test_a_grid_that_makes_no_sense_is_refused() -> None:
    assert 'found "pathc"' in refusal(vary="pathc=3") and 'Did you mean "patch"' in refusal(vary="pathc=3")
    assert "expected key=value,value" in refusal(vary="patch")
    assert "given twice" in refusal(vary="patch=1; patch=2")
    assert "lr" in refusal(vary="lr=1e-3,hello")
    assert "resume" in refusal(vary="lr=1e-3", resume=True)


def test_a_study_is_gone_on_with_and_not_repeated(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 4, size=48, count=3)
    test = tmp_path / "test"
    write_pairs(test, 2, size=48, count=3)
    out = tmp_path / "study"
    keys = {"task": "study", "images": str(images), "targets": str(masks), "test": str(test), "out": str(out)}
    keys |= {**SMALL, "device": "cpu", "vary": "n_images=1,2", "mixed_precision": False}
    stopping = tiny.RecordingHost(stop=True)
    assert tasks.run(keys, stopping)["status"] == "cancelled"
    cells = plan.cells_of(parse(StudyRequest, {key: keys[key] for key in keys if key != "task"}).request)
    kept = {"seconds": 1.5, "peak_memory": 2e9, "epochs": 1, "best_epoch": 1, "scores": {"F1 at IoU 0.5": 0.125}}
    (out / plan.CELLS / f"{cells[0].name}.json").write_text(json.dumps(kept), encoding="utf-8")
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    first, second = rows(out)
    assert (first["F1 at IoU 0.5"], first["seconds"], first["peak_memory_mb"]) == ("0.125", "1.5", "2000.0")
    assert second["n_images"] == "2" and 0 <= float(second["F1 at IoU 0.5"]) <= 1
    assert 50 < float(second["peak_memory_mb"]) < 50_000 and float(second["seconds"]) > 0
    model = json.loads((out / "home" / "models" / "cell-002" / "model.json").read_text(encoding="utf-8"))
    assert len(model["training"]["training_images"]) == 2
    assert Image.open(out / "study.png").width > 800 and (out / "study.svg").read_text(encoding="utf-8")
    changed = tasks.run({**keys, "vary": "n_images=1,3"}, QuietHost())
    assert changed["status"] == "error" and "vary was 'n_images=1,2', now 'n_images=1,3'" in changed["message"]


def test_a_cell_that_cannot_be_trained_does_not_end_the_study(tmp_path: Path) -> None:
    done = [
        (plan.Cell("cell-001", {"patch": 64, "lr": None}, 42, {}), {"error": "patch: too large."}),
        (
            plan.Cell("cell-002", {"patch": 128, "lr": 0.1}, 42, {}),
            {"seconds": 60, "peak_memory": 1e9, "epochs": 2, "best_epoch": 1, "scores": {"SSIM": 0.5, "PSNR": 20}},
        ),
    ]
    table.write(tmp_path, done)
    first, second = rows(tmp_path)
    assert first["error"] == "patch: too large." and first["SSIM"] == ""
    assert second["SSIM"] == "0.5" and table.quality_of(done) == "SSIM"
    assert (tmp_path / "study.png").is_file()


def test_trainings_that_fail_are_told_and_tried_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, masks = write_pairs(tmp_path / "set", 3, size=48, count=3)
    write_pairs(tmp_path / "test", 2, size=48, count=3)
    out = tmp_path / "study"
    keys = {**SMALL, "images": images, "targets": masks, "test": tmp_path / "test", "out": out, "device": "cpu"}
    given = ["study", *(f"--{key}={value}" for key, value in keys.items()), "--vary=patch=32,64", "--quiet"]
    kept = {"seconds": 1, "peak_memory": 1e9, "epochs": 1, "best_epoch": 1, "scores": {"F1 at IoU 0.5": 0.25}}
    hidden = images.rename(tmp_path / "hidden")
    assert main(given) == 2
    told = capsys.readouterr().err
    assert "None of the 2 trainings" in told and str(out / "study.csv") in told and (out / "study.csv").is_file()
    assert "study.png" not in told and not (out / "study.png").exists() and "set" in rows(out)[1]["error"]
    (out / plan.CELLS / "cell-001.json").write_text(json.dumps(kept), encoding="utf-8")
    assert main(given) == 3
    assert "1 could not be done (cell-002)" in capsys.readouterr().out and (out / "study.png").is_file()
    hidden.rename(images)
    assert main(given) == 0
    assert rows(out)[1]["error"] == "" and "the best" in capsys.readouterr().out


def test_a_process_that_crashes_ends_its_own_cell_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {**PLAIN, "out": str(tmp_path / "out"), "vary": {"patch": [32, 64]}}
    (tmp_path / "broken.py").write_text("import os; os._exit(9)", encoding="utf-8")
    real = execute.subprocess.Popen
    script = [execute.sys.executable, str(tmp_path / "broken.py")]
    monkeypatch.setattr(execute.subprocess, "Popen", lambda command, **more: real(script, **more))
    _, done = execute.run(parse(StudyRequest, keys).request, QuietHost())
    assert ["ended with code 9" in result["error"] for _, result in done] == [True, True]
    assert [row["cell"] for row in rows(tmp_path / "out")] == ["cell-001", "cell-002"]


def result_of(cell: plan.Cell, score: float) -> dict[str, Any]:
    kept = {"seconds": 60, "peak_memory": 1e9, "epochs": 1, "best_epoch": 1, "training_images": 3}
    return {**kept, "values": cell.values, "scores": {"Jaccard": score}}


def write_results(out: Path, cells: list[plan.Cell], scores: list[float]) -> None:
    for cell, score in zip(cells, scores, strict=False):
        path = out / plan.CELLS / f"{cell.name}.json"
        path.write_text(json.dumps(result_of(cell, score)), encoding="utf-8")


def test_transferred_against_from_scratch_with_some_images_and_all(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 4, size=64, count=3)
    write_pairs(tmp_path / "test", 2, size=64, count=3)
    out, init = tmp_path / "study", segmenters.labelling_model().name
    keys = {"method": "segmentation", "images": str(tmp_path / "set"), "test": str(tmp_path / "test"), "out": str(out)}
    keys |= {"patch": 32, "batch": 2, "epochs": 1, "steps": 2, "device": "cpu", "transfer": "frozen", "repeats": 2}
    keys |= {"vary": f"n_images=1,all; init=none,{init}"}
    asked = parse(StudyRequest, keys).request
    cells = plan.cells_of(asked)
    assert [(cell.values["n_images"], cell.values["init"], cell.seed) for cell in cells[:3]] == [
        (1, None, 42), (1, None, 43), (1, init, 42),
    ]  # fmt: skip
    assert [cell.request.get("transfer") for cell in cells[1:3]] == [None, "frozen"]
    assert "n_images" not in cells[4].request and cells[4].values["n_images"] is None
    plan.begin(asked)
    write_results(out, cells[:7], [0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.81])
    reply = tasks.run({"task": "study", **keys}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    found = rows(out)
    assert [row["n_images"] for row in found] == ["1"] * 4 + ["3"] * 4
    assert [row["init"] for row in found[:3]] == ["none", "none", init] and 0 <= float(found[-1]["Jaccard"]) <= 1
    model = json.loads((out / "home" / "models" / "cell-008" / "model.json").read_text(encoding="utf-8"))
    assert model["training"]["transfer"]["encoder"] == "frozen" and model["training"]["cost"]["seconds"] > 0
    assert init in (out / "study.svg").read_text(encoding="utf-8") or Image.open(out / "study.png").width > 800


def searched(out: Path, **keys: Any) -> StudyRequest:
    given = {**PLAIN, "method": "segmentation", "vary": "lr=1e-4..1e-2; filters=8,16,32; batch=2..6", "out": str(out)}
    return parse(StudyRequest, {**given, "search": "optuna", "trials": 25, "seed": 3, **keys}).request


def test_a_search_finds_what_is_best_and_chooses_the_same_again(tmp_path: Path) -> None:
    def chosen(request: StudyRequest) -> list[dict[str, Any]]:
        values = []
        for cells, tell in search.rounds(request):
            values += [cell.values for cell in cells]
            one = cells[0].values  # best: filters 16, batch 5
            tell([result_of(cell, 1 - abs(one["filters"] - 16) / 32 - abs(one["batch"] - 5) / 10) for cell in cells])
        return values

    first = chosen(searched(tmp_path))
    assert chosen(searched(tmp_path)) == first != chosen(searched(tmp_path, seed=4))
    assert len(first) == 25 and all(1e-4 <= each["lr"] <= 1e-2 and each["batch"] in range(2, 7) for each in first)
    late = first[15:]
    assert sum(each["filters"] == 16 for each in late) > len(late) / 2  # by chance a third
    assert min(each["lr"] for each in first) < 5e-4  # drawn on a logarithmic scale


def test_repeats_of_a_trial_share_its_values_and_failures_do_not_stop_it(tmp_path: Path) -> None:
    request = searched(tmp_path, trials=3, repeats=2)
    names = []
    for number, (cells, tell) in enumerate(search.rounds(request)):
        assert cells[0].values == cells[1].values and (cells[0].seed, cells[1].seed) == (3, 4)
        names += [cell.name for cell in cells]
        tell([{"error": "patch: too large."}] * 2 if number == 0 else [result_of(cell, 0.5) for cell in cells])
    assert names == [f"cell-{number:03d}" for number in range(1, 7)]


def test_a_search_goes_on_with_what_is_finished(tmp_path: Path) -> None:
    request = searched(tmp_path / "out", trials=4)
    out = plan.begin(request)
    for number, (cells, tell) in enumerate(search.rounds(request)):
        write_results(out, cells, [0.5 + number / 10])
        tell([result_of(cells[0], 0.5 + number / 10)])
    keys = request.model_dump(exclude_unset=True)
    reply = tasks.run({"task": "study", **keys}, QuietHost())
    assert reply["status"] == "ok" and "the best Jaccard, 0.800, is that of cell-004" in reply["message"]
    assert Image.open(out / "study.png").width > 800 and len(rows(out)) == 4
    other = json.loads((out / plan.CELLS / "cell-002.json").read_text(encoding="utf-8"))
    other["values"]["batch"] += 1
    (out / plan.CELLS / "cell-002.json").write_text(json.dumps(other), encoding="utf-8")
    refused = tasks.run({"task": "study", **keys}, QuietHost())
    assert refused["status"] == "error" and "another version of optuna" in refused["message"]


def test_searches_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    assert "expected values, or search=optuna" in refusal(vary="lr=1e-4..1e-2")
    assert "expected one range" in refusal(vary="lr=1e-2..1e-4", search="optuna")
    assert "expected one range" in refusal(vary="lr=1e-4..1e-2,3", search="optuna")
    with pytest.raises(BadInput, match="lr"):
        search.check(searched(tmp_path, vary="lr=1e-4..5"))
    with pytest.raises(BadInput, match="filters"):
        search.check(searched(tmp_path, vary="filters=8,many"))


def test_a_model_of_each_phenotype_is_tested_on_every_phenotype(tmp_path: Path) -> None:
    plate, test = make_plate(tmp_path / "plate", fields=1), make_plate(tmp_path / "test", fields=1)
    out = tmp_path / "study"
    small = {"filters": 2, "depth": 1, "patch": 32, "batch": 2, "epochs": 1, "steps": 2, "device": "cpu"}
    keys = {"task": "study", "method": "labelling", "images": str(plate), "test": str(test), "out": str(out), **small}
    reply = tasks.run({**keys, "across": "phenotype", "segment": NUCLEI}, QuietHost())
    assert reply["status"] == "ok" and "matrix.csv" in reply["message"], reply["message"]
    assert [row["error"] for row in rows(out)] == ["", ""]
    assert [row["trained_on"] for row in rows(out)] == ["compact", "spread"]
    with (out / "matrix.csv").open(encoding="utf-8", newline="") as stream:
        found = [row for row in csv.DictReader(stream) if row["score"] == "nucleus PCC"]
    for trained, line in zip(rows(out), found, strict=True):
        for part in ("compact", "spread"):
            assert line[part] == trained[f"nucleus PCC on {part}"] and -1 <= float(line[part]) <= 1
    model = json.loads((out / "home" / "models" / "cell-001" / "model.json").read_text(encoding="utf-8"))
    used = {*model["training"]["training_images"], *model["training"]["validation_images"]}
    assert {name[:3] for name in used} <= {"A02", "A04", "A06", "A08", "A10"}  # the wells of that phenotype
    assert Image.open(out / "matrix.png").width > 300


def test_parts_of_plates_that_make_no_matrix_are_refused(tmp_path: Path) -> None:
    plate = make_plate(tmp_path / "plate", fields=1)
    other = make_plate(tmp_path / "other", fields=1)
    (other / "wells.csv").write_text("well,phenotype\nA01,round\nA02,flat\n", encoding="utf-8")
    keys = {"method": "labelling", "targets": None, "images": str(plate)}
    assert "expected the same ones" in refusal(**keys, test=str(other), across="phenotype")
    assert "expected the same ones" in refusal(**keys, test=str(other), across="plate")
    assert "two different factors" in refusal(**keys, test=str(other), across="scale", scales="1")
    assert "expected labelling" in refusal(across="plate", vary="lr=1e-3")
    assert "vary is missing" in refusal()


def test_plates_are_enlarged_with_their_pixel_size(tmp_path: Path) -> None:
    plate = make_plate(tmp_path / "plate", fields=1)
    keys = {"method": "labelling", "images": str(plate), "test": str(plate), "out": "o", "across": "scale"}
    request = parse(StudyRequest, {**keys, "scales": "1, 1.5"}).request
    parts = across.make(request, tmp_path, QuietHost())
    assert list(parts["train"]) == ["1x", "1.5x"]
    same, large = (images.read(Path(parts["test"][name]) / "nucleus" / "A01_f1.tif") for name in ("1x", "1.5x"))
    assert large.sizes["x"] == 1.5 * same.sizes["x"]
    assert large.attrs["pixel_size"][1] == pytest.approx(same.attrs["pixel_size"][1] / 1.5)
    assert float(large.values.mean()) == pytest.approx(float(same.values.mean()), rel=1e-3)
    assert (Path(parts["train"]["1.5x"]) / "wells.csv").read_text(encoding="utf-8").count("compact") == 5
