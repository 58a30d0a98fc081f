"""What a labelling training reads: plates, files with all channels, the open image; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from helpers import drawn_plates
from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.labelling.data.field import TRAINING, VALIDATION
from talanoa.labelling.record import record_of
from talanoa.labelling.train import data, recipe
from talanoa.rois.given import Given
from talanoa.training.recipe import Loaded
from talanoa.training.request import TrainRequest

NAMES = [f"{row}{column:02d}_f1" for row in "ABC" for column in (1, 2, 3, 4)]


def request(place: Path | None, **keys: Any) -> TrainRequest:
    given = {} if place is None else {"images": place}
    return parse(TrainRequest, {"method": "labelling", "name": "x", **given, **keys}).request


def load(place: Path | None, image: xr.DataArray | None = None, **keys: Any) -> Loaded:
    return data.load(request(place, **keys), QuietHost(), Given(image))


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return drawn_plates.discs(tmp_path / "plate", NAMES)


def test_a_plate_is_split_by_image_and_the_test_is_named_but_not_read(plate: Path) -> None:
    found = load(plate, validation=0.1)
    roles = {role: {item.name for item in found.items if item.role == role} for role in (TRAINING, VALIDATION)}
    test = set(found.extra["test_images"])
    assert [len(part) for part in (*roles.values(), test)] == [9, 1, 2]
    assert roles[TRAINING] | roles[VALIDATION] | test == set(NAMES)
    assert load(plate, test_share=0).extra["test_images"] == {}
    (plate / "phase" / f"{min(test)}.tif").write_bytes(b"no image")
    again = load(plate, validation=0.1)
    np.testing.assert_array_equal(again.items[0].target, found.items[0].target)


def test_images_and_stains_are_in_the_networks_units_and_come_back(plate: Path) -> None:
    found = load(plate, test_share=0, stain_low=5, stain_high=95)
    item = found.items[0]
    stain = record_of(found.extra["labelling"]).stains[0]
    raw = tifffile.imread(plate / "dapi" / f"{item.name}.tif").astype(np.float32)
    inside = (raw > stain.low) & (raw < stain.high)
    np.testing.assert_allclose(stain.to_intensities(item.target[0])[inside], raw[inside], rtol=1e-4)
    assert item.target.min() == 0 and item.target.max() == 1
    light = tifffile.imread(plate / "phase" / f"{item.name}.tif").astype(np.float32)
    np.testing.assert_allclose(item.image[0], (light - light.min()) / np.ptp(light), atol=1e-6)
    trained = np.concatenate([each.target.ravel() for each in found.items if each.role == TRAINING])
    assert (trained == 0).mean() == pytest.approx(0.05, abs=0.01)


def test_levels_of_each_image_are_its_own_extremes(plate: Path) -> None:
    drawn_plates.write(plate, "dapi", NAMES[0], np.tile(np.arange(96, dtype=np.uint16), (96, 1)))  # ten times darker
    shared, own = load(plate, test_share=0), load(plate, test_share=0, stain_levels="image")
    name = next(k for k, item in enumerate(own.items) if item.name == NAMES[0])
    assert shared.items[name].target.max() < 0.15 and own.items[name].target.max() == 1
    assert record_of(own.extra["labelling"]).stains[0].high > 800


def test_files_with_all_channels_are_read_as_the_same_plate(plate: Path, tmp_path: Path) -> None:
    for name in NAMES:
        pair = [tifffile.imread(plate / kind / f"{name}.tif") for kind in ("dapi", "phase")]
        (tmp_path / "files").mkdir(exist_ok=True)
        picture = images.from_array(
            np.stack(pair), "cyx", channel_names=("DAPI", "Ph"), pixel_size=(0.5, 0.5), unit="µm"
        )
        images.write(tmp_path / "files" / f"{name}.tif", picture)
    folder, files = load(plate), load(tmp_path / "files", channel=2)
    assert [item.name for item in files.items] == [item.name for item in folder.items]
    for one, other in zip(folder.items, files.items, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.target, other.target)
    record = record_of(files.extra["labelling"])
    assert record.stains[0].name == "DAPI" and record.lights[0].name == "transmitted"
    assert files.items[0].pixel_size == pytest.approx(0.5) and files.items[0].unit == "µm"
    assert record_of(load(tmp_path / "files", channel=2, stains="nuclei").extra["labelling"]).stains[0].name == "nuclei"
    with pytest.raises(BadInput, match="target_channels are 2; expected each channel once"):
        load(tmp_path / "files", channel=2, target_channels=2)
    with pytest.raises(BadInput, match=r"has 2 channels; channel 3 was asked for"):
        load(tmp_path / "files", target_channels="3")


def stack(planes: int, size: tuple[int, int] = (300, 96)) -> xr.DataArray:
    """Return an open hyperstack (c, z, y, x): a stain and transmitted light."""
    light, stain = drawn_plates.field(0, (planes, *size))
    return images.from_array(
        np.stack([light, np.stack([stain // (k + 1) for k in range(planes)])]), "czyx", name="open.tif"
    )


def test_the_open_hyperstack_is_cut_apart_with_a_gap_that_the_network_looks_across() -> None:
    found = load(None, stack(3), depth=2, planes="1,3", project="2", normalization="zscore")
    training, validation = found.items
    assert (training.role, validation.role) == (TRAINING, VALIDATION)
    halo = max(recipe.config_from(request(None, depth=2), found, None)[1].halo)
    assert training.shape[0] + halo + validation.shape[0] == 300 and validation.shape == (64, 96)
    light, raw = stack(3).values[0]
    assert training.image.shape[0] == 2
    part = light[2, : training.shape[0]].astype(float)
    np.testing.assert_allclose(training.image[1], (part - part.mean()) / part.std(), atol=1e-4)
    record = record_of(found.extra["labelling"])
    assert record.lights[0].planes == (1, 3) and record.lights[0].stack == 3
    expected = record.stains[0].to_units(raw[1, -64:])
    np.testing.assert_array_equal(validation.target[0], expected)
    assert found.extra["split"] == "by region" and found.normalization == {"kind": "zscore_image"}


def test_an_open_image_that_is_too_small_to_cut_apart_says_how_large_it_has_to_be() -> None:
    with pytest.raises(BadInput, match="100 x 90 pixels; expected at least .* a gap of"):
        load(None, stack(1, (90, 100)))
    with pytest.raises(BadInput, match="no image is open"):
        load(None)


@pytest.mark.parametrize("kind", ["minmax", "percentile", "zscore"])
def test_images_of_a_plate_keep_their_brightness_when_normalised_together(plate: Path, kind: str) -> None:
    light = tifffile.imread(plate / "phase" / f"{NAMES[0]}.tif")
    drawn_plates.write(plate, "phase", NAMES[0], light // 2)  # a dark image
    together = load(plate, test_share=0, normalization=kind, normalize_by="plate")
    apart = load(plate, test_share=0, normalization=kind)
    dark = next(k for k, item in enumerate(together.items) if item.name == NAMES[0])
    others = np.mean([item.image.mean() for item in together.items])
    assert together.items[dark].image.mean() < others - 0.2
    assert apart.items[dark].image.mean() > together.items[dark].image.mean() + 0.2
    assert together.normalization is not None and list(together.normalization["levels"]) == ["plate"]


def test_a_plate_is_normalised_by_its_controls(plate: Path) -> None:
    light = tifffile.imread(plate / "phase" / f"{NAMES[0]}.tif")
    drawn_plates.write(plate, "phase", NAMES[0], light * 4)
    found = load(plate, normalize_by="plate", controls="A1")
    assert found.normalization is not None
    assert found.normalization["levels"]["plate"] == ((float(light.min()) * 4, float(light.max()) * 4),)
    with pytest.raises(BadInput, match="controls=H09: .* no image of these wells; its file names hold A01, A02"):
        load(plate, normalize_by="plate", controls="H09")


def test_uneven_light_is_made_even(plate: Path) -> None:
    shade = np.linspace(0.5, 1.5, 96)[:, None]
    for name in NAMES:
        drawn_plates.write(plate, "phase", name, (drawn_plates.field(NAMES.index(name))[0] * shade).astype(np.uint16))
    slopes = []
    for even in (False, True):
        found = load(plate, test_share=0, flat_field=even)
        rows = np.mean([np.median(item.image[0], axis=1) for item in found.items], axis=0)
        slopes.append(abs(np.polyfit(np.arange(96), rows, 1)[0]) * 96)
        assert found.normalization is not None and ("illumination" in found.normalization) is even
    assert slopes[0] > 0.3 > 5 * slopes[1]
    with pytest.raises(BadInput, match="flat_field: found 9 training"):
        load(plate, flat_field=True)


def test_a_stain_is_prepared_as_it_is_asked_for(plate: Path) -> None:
    for name in NAMES:
        drawn_plates.write(plate, "er", name, tifffile.imread(plate / "dapi" / f"{name}.tif") + 7)
    found = load(plate, test_share=0, prepare="rolling_ball=30; er: clip=90", stains="er,dapi")
    er, dapi = record_of(found.extra["labelling"]).stains
    assert (er.name, er.prepare.clip, er.prepare.rolling_ball) == ("er", 90, 30)
    assert (dapi.prepare.clip, dapi.prepare.rolling_ball) == (None, 30)
    assert list(found.items[0].steps["er"]) == ["projected", "rolling ball", "clipped"]
    mask = load(plate, test_share=0, prepare="er: binarise", stains="er")
    assert set(np.unique(mask.items[0].target)) == {0, 1} and record_of(mask.extra["labelling"]).stains[0].mask
    with pytest.raises(BadInput, match="prepare: found the stain 'golgi'; expected one of er, dapi"):
        load(plate, stains="er,dapi", prepare="golgi: clip=90")
    with pytest.raises(BadInput, match="Preparation of a stain: blur is no step. Steps are project, rolling_ball"):
        load(plate, prepare="blur=3")
    with pytest.raises(BadInput, match="Preparation of a stain: clip=120: .*less than 100"):
        load(plate, prepare="er: clip=120")


@pytest.mark.parametrize("correct", [False, True])
def test_a_stain_that_is_shifted_on_the_whole_plate(tmp_path: Path, correct: bool) -> None:
    source = drawn_plates.drawn()
    for path in sorted((source / "phase").iterdir()):
        drawn_plates.write(tmp_path, "phase", path.stem, tifffile.imread(path))
        stain = tifffile.imread(source / "er" / path.name)
        drawn_plates.write(tmp_path, "er", path.stem, np.roll(stain, (5, 0), (0, 1)))
    (tmp_path / "wells.csv").write_bytes((source / "wells.csv").read_bytes())
    found = load(tmp_path, test_share=0, registration="correct" if correct else "report")
    (offset,) = found.extra["offsets"].values()
    assert offset == pytest.approx([-5, 0], abs=0.6)
    assert ("was moved by" if correct else "is shifted against") in found.items[0].notes[-1]
    untouched = load(source, test_share=0, stains="er")
    assert untouched.extra["offsets"] == {}
    plain = untouched.items[0]
    expected = plain.target[:, : 128 - 5] if correct else np.roll(plain.target, 5, 1)
    np.testing.assert_allclose(found.items[0].target, expected, atol=0.02)


def _put(kind: str, values: np.ndarray) -> Callable[[Path], None]:
    """Return what writes an image in the place of one of the plate."""
    return lambda plate: drawn_plates.write(plate, kind, NAMES[3], values)


def _all_dark(plate: Path) -> None:
    for name in NAMES:
        drawn_plates.write(plate, "dapi", name, np.zeros((96, 96), np.uint16))


LIGHT = drawn_plates.field(3)[0]
BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "size": (
        _put("dapi", np.ones((90, 96), np.uint16)),
        "dapi/A04_f1.tif is 96 x 90 pixels, phase/A04_f1.tif 96 x 96 pixels; expected the same size",
    ),
    "blank": (_put("phase", np.full((96, 96), 9, np.uint16)), "phase/A04_f1.tif is blank"),
    "saturated": (_put("phase", np.minimum(LIGHT, 950)), "phase/A04_f1.tif is saturated: .*highest value, 950"),
    "nan": (_put("dapi", np.full((96, 96), np.nan, np.float32)), "dapi/A04_f1.tif contains 9216 NaN"),
    "missing": (lambda plate: (plate / "dapi" / f"{NAMES[3]}.tif").unlink(), r"dapi lacks 1 image \(A04_f1\)"),
    "same": (_put("dapi", LIGHT), "hold the same pixels"),
    "planes": (
        _put("phase", np.stack([LIGHT, LIGHT])),
        r"A04_f1 has 2 planes of transmitted light, .* 1; expected as many",
    ),
    "dark": (_all_dark, "dapi: .* all training images are 0; expected a stain"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_cannot_be_learned_from_is_refused_by_name(plate: Path, fault: str) -> None:
    spoil, message = BROKEN[fault]
    spoil(plate)
    with pytest.raises(BadInput, match=message):
        load(plate, test_share=0, planes="all")


def test_wells_have_to_be_enough_and_planes_to_be_there(plate: Path) -> None:
    with pytest.raises(BadInput, match=r"planes=1,4: phase/.* has 1 plane, no plane 4"):
        load(plate, planes="1,4")
    for path in [*plate.rglob("*.tif")]:
        if not path.stem.startswith("A01"):
            path.rename(path.with_stem(f"A01_f{NAMES.index(path.stem) + 1}"))
    with pytest.raises(BadInput, match="There is 1 well; expected at least 2 to split by well"):
        load(plate, split_by="well")
    with pytest.raises(BadInput, match="planes: found '0'; expected \"all\", or numbers"):
        request(plate, planes="0")


def test_two_plates_with_the_same_names_are_told_apart(plate: Path, tmp_path: Path) -> None:
    drawn_plates.discs(tmp_path / "other", NAMES)
    both = load(Path(f"{plate}; {tmp_path / 'other'}"), split_by="plate", test_share=0, validation=0.4)
    assert {item.name.split("/")[0] for item in both.items if item.role == VALIDATION} in ({"plate"}, {"other"})
    assert len({item.name for item in both.items}) == 24
