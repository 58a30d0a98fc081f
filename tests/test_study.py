"""Studies: a grid of small trainings, each in a process of its own, resumed after an interruption."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny
from judge.stain_cases import NUCLEI, make_plate
from synthetic import write_pairs
from talanoa import image as images
from talanoa import tasks
from talanoa.errors import BadInput
from talanoa.host import QuietHost
from talanoa.requests import parse
from talanoa.requests_study import StudyRequest
from talanoa.studies import across, plan, table

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
