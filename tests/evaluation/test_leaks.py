"""The leak check finds what is planted, whole, cropped, turned or noisy, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers import synthetic, tiny
from helpers.evaluation.cases import evaluate, write
from talanoa.core.files import file_sha256
from talanoa.core.host import QuietHost
from talanoa.evaluation import leaks, same_field

TRAINED = {f"train{seed}": synthetic.nuclei(160, 22, seed)[0] for seed in range(6)}


def look(tmp_path: Path, **tests: np.ndarray) -> leaks.LeakCheck:
    """Look for test images among the training images."""
    train = write(tmp_path / "train", **TRAINED)
    folder = write(tmp_path / "test", **tests)
    return leaks.check({path.stem: path for path in folder.iterdir()}, {}, [train], QuietHost())


def test_independent_images_are_no_leak(tmp_path: Path) -> None:
    tests = {f"test{seed}": synthetic.nuclei(160, 22, seed)[0] for seed in range(20, 26)}
    found = look(tmp_path, **tests)
    assert found.leaks == () and (found.tested, found.trained) == (6, 6)
    assert "registration against 6 images" in found.how


def test_planted_images_are_found(tmp_path: Path) -> None:
    base = TRAINED["train2"]
    other = synthetic.nuclei(160, 22, 30)[0]
    noise = np.random.default_rng(0).normal(0, 6, base.shape)
    joined = np.concatenate([TRAINED["train4"][:, 80:], other[:, :80]], axis=1)
    found = look(
        tmp_path,
        same=base,
        sixteen=base.astype(np.uint16),
        noisy=np.clip(base + noise, 0, 255).astype(np.uint8),
        brighter=np.clip(base * 0.7 + 20, 0, 255).astype(np.uint8),
        crop=TRAINED["train3"][40:, 20:130],
        turned=np.rot90(TRAINED["train1"][:120, :120]),
        mirrored=TRAINED["train5"][:, ::-1],
        half=joined,
        other=other,
    )
    partners = {leak.test: (leak.train, leak.kind) for leak in found.leaks}
    assert partners.pop("same")[1] == "same file"
    assert partners.pop("sixteen") == ("train2", "same pixels")
    assert partners.pop("noisy") == partners.pop("brighter") == ("train2", "near-duplicate")
    assert partners.pop("crop") == ("train3", "overlap")
    assert partners.pop("turned") == ("train1", "overlap")
    assert partners.pop("mirrored") == ("train5", "near-duplicate")
    assert partners.pop("half") == ("train4", "overlap")
    assert not partners
    details = {leak.test: leak.detail for leak in found.leaks}
    assert "by about 20 and 40 pixels" in details["crop"] and "mirrored" in details["mirrored"]
    assert "by about 80 and 0 pixels" in details["half"] and "50% of" in details["half"]


def test_the_record_of_the_model_tells(tmp_path: Path) -> None:
    folder = write(tmp_path, a=TRAINED["train0"], b=TRAINED["train1"], c=TRAINED["train2"])
    hashes = {name: [file_sha256(folder / f"{name}.tif"), ""] for name in "ab"}
    record = {"training_images": {"a": hashes["a"]}, "validation_images": {"b": hashes["b"]}}
    found = leaks.check({name: folder / f"{name}.tif" for name in "abc"}, record, [], QuietHost())
    assert [(leak.test, leak.part) for leak in found.leaks] == [("a", "training"), ("b", "validation")]
    assert found.seen == ["a", "b"] and "2 images in the model's record" in found.how


def test_the_folder_that_the_model_recorded_is_searched(tmp_path: Path) -> None:
    train = write(tmp_path / "train", **TRAINED)
    test = write(tmp_path / "test", crop=TRAINED["train3"][30:, 30:])
    record = {"request": {"images": f"{tmp_path / 'gone'}; {train}"}}
    found = leaks.check({"crop": test / "crop.tif"}, record, [], QuietHost())
    assert [(leak.test, leak.train) for leak in found.leaks] == [("crop", "train3")]


def test_results_of_a_model_carry_its_record(tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 2)
    for number in range(2):
        found = write(tmp_path / "results" / f"discs{number}", labels=tiny.discs(number)[1])
        hashes = {"discs0": [file_sha256(tmp_path / "images" / "discs0.tif"), ""]}
        record = {
            "format": 1,
            "method": "stardist",
            "config": {},
            "thresholds": {},
            "training": {"training_images": hashes},
        }
        (found / "model.json").write_text(json.dumps(record), encoding="utf-8")
    reply = evaluate(prediction=str(tmp_path / "results"), images=keys["images"], truth=keys["targets"])
    assert [(leak["test"], leak["kind"]) for leak in reply["leaks"]] == [("discs0", "same file")]


def test_nothing_known_is_said_so(tmp_path: Path) -> None:
    folder = write(tmp_path, a=TRAINED["train0"])
    found = leaks.check({"a": folder / "a.tif"}, {}, [], QuietHost())
    assert found.leaks == () and found.trained == 0 and found.how.startswith("Not checked")


def test_the_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "MOST_PAIRS", 100)
    assert leaks._plan(2, 6, 0)[1:] == (8, "")
    pairs, ways, note = leaks._plan(5, 20, 0)
    assert len(pairs) == 100 and ways == 1 and "not turned" in note
    pairs, ways, note = leaks._plan(50, 20, 0)
    assert len(pairs) == len(set(pairs)) == 100 and "100 of 1000 pairs" in note


@pytest.mark.parametrize("shift", [(0, 0), (13, -22), (-30, 5)])
def test_the_shift_of_two_crops_is_found(shift: tuple[int, int]) -> None:
    field = synthetic.nuclei(220, 40, 8)[0]
    y, x = shift
    one = same_field.thumbnail(field[40:168, 40:168], 1)
    other = same_field.thumbnail(field[40 + y : 168 + y, 40 + x : 168 + x], 1)
    found = same_field.best_overlap(one, other)
    assert found.shift == shift and found.correlation > 0.95
    assert found.share == pytest.approx((128 - abs(y)) * (128 - abs(x)) / 128**2)


def test_an_evaluation_on_training_images_says_so(tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 2)
    truth = Path(keys["targets"])
    reply = evaluate(
        model=tiny.MODEL, images=keys["images"], truth=str(truth), train=keys["images"], device="cpu",
        out=str(tmp_path / "out"),
    )  # fmt: skip
    assert len(reply["leaks"]) == 2 and "2 of 2 test images are" in " ".join(reply["warnings"])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Read this first: these are images of the training" in page
    tifffile.imwrite(tmp_path / "images" / "new.tif", tiny.discs(77)[0])
    tifffile.imwrite(truth / "new.tif", tiny.discs(77)[1])
    (tmp_path / "train").mkdir()
    for number in range(2):
        (tmp_path / "train" / f"t{number}.tif").write_bytes((tmp_path / "images" / f"discs{number}.tif").read_bytes())
    mixed = evaluate(
        model=tiny.MODEL, images=keys["images"], truth=str(truth), train=str(tmp_path / "train"), device="cpu",
        out=str(tmp_path / "mixed"),
    )  # fmt: skip
    assert {leak["test"] for leak in mixed["leaks"]} == {"discs0", "discs1"}
    assert "2 of 3 test images are, in part" in (tmp_path / "mixed" / "report.html").read_text(encoding="utf-8")
