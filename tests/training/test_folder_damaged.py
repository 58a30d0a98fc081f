"""Damaged files of a folder: a training or an evaluation names all of them, an import or a ranking goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import annotating, drawn_plates, tiny
from helpers.evaluation.cases import evaluate, make_set, refusal
from talanoa import tasks
from talanoa.annotation.ranking import rank
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.rois import damaged
from talanoa.segmentation.dataset import folder as datasets


def spoil(*paths: Path) -> None:
    """Damage files: the first ones are cut, the last one is empty."""
    for path in paths[:-1]:
        path.write_bytes(path.read_bytes()[:100])
    paths[-1].write_bytes(b"")


def training(**keys: Any) -> str:
    """Return the message of a training that must be refused."""
    return refusal(tasks.run({"task": "train", "name": "never", "device": "cpu", "epochs": 1, **keys}, QuietHost()))


def test_a_training_names_all_damaged_files(tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 5)
    images, masks = Path(keys["images"]), Path(keys["targets"])
    spoil(images / "discs1.tif", masks / "discs2.tif", images / "discs4.tif")
    told = training(**keys)
    assert "3 files cannot be read" in told
    assert all(name in told for name in ("images/discs1.tif", "masks/discs2.tif", "images/discs4.tif"))
    for method, more in (("care", {}), ("n2v", {"targets": None})):
        told = training(method=method, **{**keys, **more})
        assert "images/discs1.tif, " in told and "images/discs4.tif" in told and "discs3" not in told


def test_one_damaged_file_is_told_as_it_is_and_other_errors_too(tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 3)
    spoil(Path(keys["images"]) / "discs1.tif")
    told = training(**keys)
    assert "discs1.tif" in told and "files cannot be read" not in told
    (Path(keys["images"]) / "discs1.tif").write_bytes((Path(keys["images"]) / "discs0.tif").read_bytes())
    assert "channel=4" in training(**keys, channel=4)


def test_a_plate_names_all_damaged_files(tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    for number in range(4):
        for kind, values in zip(("phase", "nucleus"), drawn_plates.field(number), strict=True):
            drawn_plates.write(plate, kind, f"A0{number + 1}_f1", values)
    some = sorted((plate / "nucleus").iterdir())
    spoil(some[0], some[-1])
    told = training(method="labelling", images=str(plate), stains="nucleus")
    assert "2 files cannot be read" in told and some[0].name in told and some[-1].name in told


@pytest.mark.parametrize("model", [True, False])
def test_an_evaluation_names_all_damaged_files(tmp_path: Path, model: bool) -> None:
    keys = make_set(tmp_path, 4)
    spoil(tmp_path / "truth" / "field1.tif", tmp_path / "images" / "field3.tif")
    judged = {"model": tiny.MODEL} if model else {"prediction": str(tmp_path / "found")}
    told = refusal(evaluate(**keys, **judged, leaks=False))
    assert "2 files cannot be read: truth/field1.tif, images/field3.tif" in told


def test_an_evaluation_of_restored_images_names_all_damaged_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abcd":
        clean = tiny.discs(ord(name))[0]
        for kind in ("noisy", "truth", "found"):
            (tmp_path / kind).mkdir(exist_ok=True)
            tifffile.imwrite(
                tmp_path / kind / f"{name}.tif", clean + rng.integers(0, 50, clean.shape).astype(np.uint16)
            )
    spoil(tmp_path / "noisy" / "b.tif", tmp_path / "found" / "d.tif")
    keys = {"images": str(tmp_path / "noisy"), "truth": str(tmp_path / "truth"), "prediction": str(tmp_path / "found")}
    told = refusal(evaluate(kind="image", **keys, leaks=False))
    assert "2 files cannot be read: noisy/b.tif, found/d.tif" in told


def test_an_import_goes_on_after_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.annotation.importers import pairing

    root = annotating.dataset(tmp_path, 4)
    given = tmp_path / "given"
    given.mkdir()
    for k in range(4):
        (given / f"field_{k}.tif").write_bytes((tmp_path / "truth" / f"field_{k}.tif").read_bytes())
    spoil(given / "field_1.tif")
    real = pairing.read

    def read(path: Path, *more: Any) -> Any:
        if path.name == "field_2.tif":
            raise KeyError("what no reader foresaw")
        return real(path, *more)

    monkeypatch.setattr(pairing, "read", read)
    reply = annotating.done("import", root, file=str(given))
    assert reply["failures"] == ["field_1.tif", "field_2.tif"] and reply["status_text"] == "2 of 4"
    assert any("field_2.tif was not imported" in text and "KeyError" in text for text in reply["warnings"])


def test_a_ranking_goes_on_after_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        tifffile.imwrite(tmp_path / "images" / f"field{seed}.tif", tiny.discs(seed)[0])
    dataset = datasets.create(tmp_path)
    spoil(tmp_path / "images" / "field1.tif")
    host = tiny.RecordingHost()
    assert set(rank(dataset, dataset.entries, tiny.MODEL, "cpu", host)) == {"field0", "field2"}
    assert any("Not ranked: field1" in text for text in host.warnings)
    spoil(tmp_path / "images" / "field0.tif", tmp_path / "images" / "field2.tif")
    with pytest.raises(BadInput, match="None of the 3 images can be read"):
        rank(dataset, dataset.entries, tiny.MODEL, "cpu", host)


def test_an_error_that_no_file_is_the_cause_of_passes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", tiny.discs(1)[0])
    for error in (BadInput("other"), Cancelled("stopped"), KeyError("odd")):
        with (
            pytest.raises(type(error)) as caught,
            damaged.all_named([tmp_path / "a.tif", None], [tmp_path / "none.tif"]),
        ):
            raise error
        assert caught.value is error
