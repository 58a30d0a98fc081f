"""Plates: which files belong together, and splits that share nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from talanoa.core.errors import BadInput
from talanoa.labelling.data import plates
from talanoa.labelling.data.plates import View, well_of
from talanoa.labelling.data.split import SHARES, split


def write(plate: Path, folder: str, names: list[str]) -> None:
    (plate / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        tifffile.imwrite(plate / folder / f"{name}.tif", np.zeros((4, 4), np.uint8))


NAMES = ["A01_f1", "A01_f2", "B02_f1"]


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    for folder in ("Phase", "dapi", "er", "masks"):
        write(tmp_path / "plate", folder, NAMES)
    (tmp_path / "plate" / "notes").mkdir()
    (tmp_path / "plate" / "wells.csv").write_text("well,phenotype\nA1,wild type\nB02,mutant\n", encoding="utf-8")
    return tmp_path / "plate"


def test_transmitted_light_and_stains_are_told_by_their_folders(plate: Path) -> None:
    views = plates.find([plate])
    assert [view.name for view in views] == NAMES
    assert list(views[0].stains) == ["dapi", "er"] and views[2].stains["er"] == plate / "er" / "B02_f1.tif"
    assert views[0].lights == (plate / "Phase" / "A01_f1.tif",)
    assert [(view.well, view.phenotype) for view in views] == [("A01", "wild type")] * 2 + [("B02", "mutant")]
    assert list(plates.find([plate], stains=["er"])[0].stains) == ["er"]
    assert list(plates.find([plate], ["dapi"], ["er"])[0].stains) == ["er"]


def test_missing_files_are_listed(plate: Path) -> None:
    (plate / "er" / "A01_f2.tif").unlink()
    write(plate, "dapi", ["C03_f1"])
    with pytest.raises(BadInput, match=r"Phase lacks 1 image \(C03_f1\), which dapi has; er lacks 1 image \(A01_f2\)"):
        plates.find([plate])


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"transmitted": ["DIC"]}, "no folder DIC"),
        ({"stains": ["golgi"]}, "no folder golgi .* there are: dapi, er, masks"),
    ],
)
def test_folders_that_are_not_there(plate: Path, keys: dict[str, object], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        plates.find([plate], **keys)  # type: ignore[arg-type]


def test_plates_have_to_be_alike(plate: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", "BF", ["x"])
    write(tmp_path / "other", "dapi", ["x"])
    with pytest.raises(BadInput, match="other stains"):
        plates.find([plate, tmp_path / "other"])
    assert len(plates.find([plate, tmp_path / "other"], stains=["dapi"])) == 4
    write(plate, "brightfield", NAMES)
    with pytest.raises(BadInput, match=r"2 folders are named like transmitted light \(Phase, brightfield\)"):
        plates.find([plate])


@pytest.mark.parametrize(
    ("name", "well"),
    [
        ("A01_spread_f02", "A01"),
        ("scan B3 f1", "B03"),
        ("plate2-P24", "P24"),
        ("image7", ""),
        ("Q01", ""),
        ("xA01", ""),
    ],
)
def test_wells_in_names(name: str, well: str) -> None:
    assert well_of(name) == well


def views(wells: int, fields: int, kinds: int = 1) -> list[View]:
    made = []
    for k in range(wells):
        well = f"{chr(65 + k // 12)}{k % 12 + 1:02d}"
        made += [View(f"{well}_f{f}", Path("p"), (Path("t"),), {}, well, str(k % kinds)) for f in range(fields)]
    return made


@pytest.mark.parametrize("by", ["image", "well"])
def test_parts_share_nothing_and_have_their_shares(by: str) -> None:
    given = views(50, 2)
    parts = split(given, by, seed=3)  # type: ignore[arg-type]
    keys = {part: {view.name if by == "image" else view.well for view in found} for part, found in parts.items()}
    assert not keys["train"] & keys["test"] and not keys["train"] & keys["validation"]
    assert sum(map(len, parts.values())) == len(given)
    for part, share in SHARES.items():
        assert len(parts[part]) == pytest.approx(share * len(given), abs=2)
    assert parts == split(given, by, seed=3) != split(given, by, seed=4)  # type: ignore[arg-type]


def test_every_part_has_every_phenotype() -> None:
    parts = split(views(60, 1, kinds=3), "well", {"train": 0.6, "validation": 0.2, "test": 0.2})
    for found in parts.values():
        counts = np.unique([view.phenotype for view in found], return_counts=True)[1]
        assert len(counts) == 3 and np.ptp(counts) <= 2


def test_few_wells_still_give_each_part_one() -> None:
    assert {part: len(found) for part, found in split(views(3, 1), "well").items()} == dict.fromkeys(SHARES, 1)
    with pytest.raises(BadInput, match="There are 2 wells; expected at least 3"):
        split(views(2, 5), "well")
    nameless = [View("a", Path("p"), (Path("t"),), {}), View("b", Path("p"), (Path("t"),), {})]
    with pytest.raises(BadInput, match="2 of 2 file names hold no well"):
        split(nameless, "well")
