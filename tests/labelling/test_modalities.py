"""Models that look at several kinds of transmitted light: folders of a plate, files with all channels, every door."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

import talanoa
from helpers import drawn_plates, labellers
from talanoa import image as images
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image import lazy as image_lazy
from talanoa.labelling.data import modalities
from talanoa.labelling.data.field import middle_planes
from talanoa.labelling.record import LabellingRecord, Light, Stain, record_of
from talanoa.labelling.train import data, recipe
from talanoa.models import folder as model_folder
from talanoa.rois.given import Given
from talanoa.tasks import image_task
from talanoa.tasks.recipes import train
from talanoa.training.recipe import Loaded
from talanoa.training.request import TrainRequest

NAMES = [f"{row}{column:02d}_f1" for row in "AB" for column in range(1, 7)]
BOTH = (Light(name="phase"), Light(name="DIC"))


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return drawn_plates.two_lights(tmp_path / "plate", NAMES)


@cache
def fixed_plate() -> Path:
    """Write such a plate once; nobody changes it."""
    return drawn_plates.two_lights(Path(mkdtemp(prefix="talanoa-lights-")) / "plate", NAMES)


def as_files(plate: Path, folder: Path) -> Path:
    """Write each field of a plate as one file with the channels phase, DIC, dapi."""
    for name in NAMES:
        found = [tifffile.imread(plate / kind / f"{name}.tif") for kind in ("phase", "DIC", "dapi")]
        folder.mkdir(exist_ok=True)
        images.write(
            folder / f"{name}.tif", images.from_array(np.stack(found), "cyx", channel_names=("phase", "DIC", "dapi"))
        )
    return folder


def request(place: Path | None, **keys: Any) -> TrainRequest:
    given = {} if place is None else {"images": place}
    return parse(TrainRequest, {"method": "labelling", "name": "x", "test_share": 0, **given, **keys}).request


def load(place: Path | None, image: xr.DataArray | None = None, **keys: Any) -> Loaded:
    return data.load(request(place, **keys), QuietHost(), Given(image))


def test_folders_and_channels_are_read_as_the_same_fields(plate: Path, tmp_path: Path) -> None:
    of_folders = load(plate, transmitted="phase, DIC")
    of_files = load(as_files(plate, tmp_path / "files"), channel="1,2")
    for found in (of_folders, of_files):
        assert record_of(found.extra["labelling"]).lights == BOTH
        assert [stain.name for stain in record_of(found.extra["labelling"]).stains] == ["dapi"]
    for one, other in zip(of_folders.items, of_files.items, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.target, other.target)
    item = of_folders.items[0]
    assert item.image.shape == (2, 64, 64) and len(item.hashes) == 3
    for channel, shown in zip(item.image, middle_planes(item.image, item.lights), strict=True):
        np.testing.assert_array_equal(channel, shown)
    for channel, kind in zip(item.image, ("phase", "DIC"), strict=True):
        raw = tifffile.imread(plate / kind / f"{item.name}.tif").astype(float)
        np.testing.assert_allclose(channel, (raw - raw.min()) / np.ptp(raw), atol=1e-5)
    named = load(tmp_path / "files", transmitted="ph,BF", target_channels="3")  # the first channels, called so
    assert [light.name for light in record_of(named.extra["labelling"]).lights] == ["ph", "BF"]


def test_transmitted_light_that_is_not_asked_for_is_no_stain(plate: Path) -> None:
    found = record_of(load(plate, transmitted="phase").extra["labelling"])
    assert [light.name for light in found.lights] == ["phase"] and [stain.name for stain in found.stains] == ["dapi"]
    asked = record_of(load(plate, transmitted="phase", stains="DIC").extra["labelling"])
    assert [stain.name for stain in asked.stains] == ["DIC"]
    with pytest.raises(BadInput, match=r"2 folders are named like transmitted light .* or several for a network that"):
        load(plate)


def test_planes_are_chosen_for_each_kind_of_light(tmp_path: Path) -> None:
    light, stain = drawn_plates.field(0, (3, 300, 96))
    open_image = images.from_array(np.stack([light, light[::-1], np.stack([stain] * 3)]), "czyx")
    found = load(None, open_image, channel="1,2", planes="1,3; 2", depth=2)
    first, second = record_of(found.extra["labelling"]).lights
    assert (first.name, first.planes, first.stack) == ("channel 1", (1, 3), 3)
    assert (second.name, second.planes, second.stack) == ("channel 2", (2,), 3)
    shown = middle_planes(found.items[0].image, found.items[0].lights)
    np.testing.assert_array_equal(shown, found.items[0].image[1:])  # the second of two, and the only one
    part = found.items[0].image.shape[1]
    for channel, plane in zip(found.items[0].image, (light[0], light[2], light[1]), strict=True):
        raw = plane[:part].astype(float)
        np.testing.assert_allclose(channel, (raw - raw.min()) / np.ptp(raw), atol=1e-5)
    ranges = record_of(load(None, open_image, channel="1-2", planes="1-2;3", depth=2).extra["labelling"]).lights
    assert [light.planes for light in ranges] == [(1, 2), (3,)]  # as Predict Fluorescence reads them
    for wrong in ("3-1", "0", "1;;2", "every"):
        with pytest.raises(BadInput, match='planes: found .*; expected "all", or numbers from 1'):
            request(None, planes=wrong)
    with pytest.raises(BadInput, match="found 3 groups; expected 1, or one for each of 2 kinds of light"):
        load(None, open_image, channel="1,2", planes="1;2;3")
    both = request(None, channel="1,2", network="projection", depth=2)
    config = recipe.config_from(both, load(None, open_image, channel="1,2", depth=2), None)[1]
    assert (config.n_channel_in, config.planes) == (6, 3)
    with pytest.raises(BadInput, match="network=projection .* found channel 1 2, channel 2 1"):
        recipe.config_from(both, found, None)


def test_each_kind_of_light_is_made_even_and_normalised_by_itself(plate: Path) -> None:
    shades = {"phase": np.linspace(0.6, 1.4, 64)[:, None], "DIC": np.linspace(1.4, 0.6, 64)[None]}
    for kind, shade in shades.items():
        for path in (plate / kind).iterdir():
            drawn_plates.write(plate, kind, path.stem, (tifffile.imread(path) * shade).astype(np.uint16))
    even = load(plate, transmitted="phase,DIC", flat_field=True, normalize_by="plate")
    assert even.normalization is not None
    assert len(even.normalization["illumination"]) == 2 and len(even.normalization["levels"]["plate"]) == 2
    for channel, axis in ((0, 1), (1, 0)):
        slopes = []
        for found in (load(plate, transmitted="phase,DIC"), even):
            profile = np.mean([np.median(item.image[channel], axis=axis) for item in found.items], axis=0)
            slopes.append(abs(np.polyfit(np.arange(64), profile, 1)[0]) * 64)
        assert slopes[0] > 0.3 and slopes[1] < 0.25 * slopes[0]


def test_what_does_not_belong_together_is_refused_by_name(plate: Path, tmp_path: Path) -> None:
    (tmp_path / "DIC").mkdir()
    for keys, message in (
        ({"transmitted": "phase,bf"}, "has no folder bf with images"),
        ({"transmitted": "phase,phase"}, "a folder is named twice"),
        ({"transmitted": "phase,DIC", "stains": "DIC,dapi"}, "DIC: found as transmitted and as stains"),
        ({"channel": "1,2", "transmitted": "phase"}, "is a plate, .* Name the folders by transmitted"),
    ):
        with pytest.raises(BadInput, match=message):
            load(plate, **keys)
    files = as_files(plate, tmp_path / "files")
    for keys, message in (
        ({"channel": "1,4"}, r"has 3 channels; channel 4 was asked for"),
        ({"channel": "1,2", "target_channels": "2"}, "channel is 1,2, target_channels are 2; expected each channel"),
        ({"channel": "1,2", "transmitted": "phase"}, r"transmitted names 1 \(phase\), channel has 2 \(1, 2\)"),
        ({"channel": "1,2", "transmitted": "dapi,phase"}, "both called dapi"),
        ({"channel": "1,2,3"}, "3 channels, all of them transmitted light"),
    ):
        with pytest.raises(BadInput, match=message):
            load(files, **keys)
    with pytest.raises(BadInput, match=r"channel=1,2: found several channels; method=n2v looks at one"):
        parse(TrainRequest, {"method": "n2v", "name": "x", "images": files, "channel": "1,2"})
    (plate / "DIC" / "A02_f1.tif").unlink()
    with pytest.raises(BadInput, match=r"DIC lacks 1 image \(A02_f1\)"):
        load(plate, transmitted="phase,DIC")
    drawn_plates.write(plate, "DIC", "A02_f1", np.stack([drawn_plates.field(0, (64, 64))[0]] * 2))
    with pytest.raises(BadInput, match=r"DIC/A02_f1.tif has 2 planes, phase/A02_f1.tif 1; expected as many"):
        load(plate, transmitted="phase,DIC")


def test_files_beside_each_other_become_one_image(plate: Path) -> None:
    file = plate / "phase" / "B01_f1.tif"
    merged = modalities.read(file, ("phase", "dic"))  # the same kind of light, otherwise written
    assert merged.attrs["channel_names"] == ("phase", "DIC") and merged.attrs["source"] == str(file)
    parts = [tifffile.imread(plate / kind / "B01_f1.tif") for kind in ("phase", "DIC")]
    np.testing.assert_array_equal(merged.values[0, :, 0], parts)
    with image_lazy.open_image(plate / "DIC" / "B01_f1.tif") as one:  # from the second kind on: the same order
        lazy = modalities.completed(one, ("phase", "DIC"))
        assert lazy.form.shape == merged.shape and lazy.form.dtype == merged.dtype
        assert lazy.form.attrs["channel_names"] == ("phase", "DIC") and lazy.form.attrs["beside"] == (str(file),)
        found = lazy.fetch(0, slice(0, 2), (slice(0, 1), slice(3, 20), slice(5, 9)))
        np.testing.assert_array_equal(found, merged.values[0, :, :, 3:20, 5:9])
    assert modalities.read(file, ("phase",)).sizes["c"] == 1
    assert modalities.read(plate / "dapi" / "B01_f1.tif", ("phase", "DIC")).sizes["c"] == 1  # in no folder of a light
    (plate / "DIC").rename(plate / "Ph")
    turned = modalities.read(plate / "Ph" / "B01_f1.tif", ("phase", "Ph"))  # two of one kind: by their very names
    np.testing.assert_array_equal(turned.values, merged.values)
    (plate / "Ph").rename(plate / "DIC")
    (plate / "DIC" / "B01_f1.tif").unlink()
    with pytest.raises(
        BadInput, match=r"one of several kinds of light \(phase, DIC\).* found no image B01_f1 in .*DIC"
    ):
        modalities.read(file, ("phase", "DIC"))
    drawn_plates.write(plate, "DIC", "B01_f1", np.ones((60, 64), np.uint16))
    with pytest.raises(
        BadInput, match=r"DIC.B01_f1.tif is 64 x 60 pixels, 1 plane, 1 frame, .* expected the same size"
    ):
        modalities.read(file, ("phase", "DIC"))


def test_models_need_what_all_of_them_look_at() -> None:
    def record(*names: str) -> LabellingRecord:
        return LabellingRecord(lights=tuple(Light(name=name) for name in names), stains=(Stain(name="a"),))

    assert modalities.needed([record("phase"), record("DIC")]) == ("phase",)
    assert modalities.needed([record("phase"), record("Phase contrast", "DIC")]) == ("phase", "DIC")
    assert modalities.needed([record("bf", "Brightfield"), record("BF")]) == ("bf", "Brightfield")  # two of one kind
    assert modalities.needed([]) == ()


def test_a_plate_is_predicted_from_all_its_lights(plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = labellers.save(tmp_path / "both", lights=BOTH)
    file = plate / "phase" / "A03_f1.tif"
    keys: dict[str, Any] = {"model": str(model), "device": "cpu"}
    parts = np.stack([tifffile.imread(plate / kind / "A03_f1.tif") for kind in ("phase", "DIC")])
    expected = talanoa.predict_fluorescence(images.from_array(parts, "cyx"), **keys).image
    by_file = talanoa.predict_fluorescence(file, **keys, keep_input=True, out=tmp_path / "one")
    assert expected is not None and by_file.image is not None
    np.testing.assert_array_equal(by_file.image[:, 2], expected[:, 0])
    np.testing.assert_array_equal(by_file.image.values[0, :2, 0], parts)
    assert by_file.image.attrs["channel_names"] == ("phase", "DIC", "nucleus")
    assert talanoa.rerun(tmp_path / "one").identical
    drawn_plates.write(plate, "DIC", "A03_f1", parts[1] // 2 + parts[0] // 2)
    assert not talanoa.rerun(tmp_path / "one").identical
    drawn_plates.write(plate, "DIC", "A03_f1", parts[1])
    opened = images.read(file)
    opened.values[:] += 100  # as it is on the screen, not in the file
    by_image = talanoa.predict_fluorescence(opened, **keys)
    assert by_image.warnings[0] == f"Read from beside the open image: {plate / 'DIC' / 'A03_f1.tif'}."
    np.testing.assert_allclose(by_image.image, expected, atol=0.01)  # minimum and maximum become 0 and 1
    monkeypatch.setattr(image_task, "BUDGET", 0)  # every file is larger than memory
    reply = tasks.run(
        {"task": "predict", "image": str(plate / "phase"), "out": str(tmp_path / "all"), **keys}, QuietHost()
    )
    assert reply["status"] == "ok", reply["message"]
    assert sorted(path.name for path in (tmp_path / "all").iterdir() if path.is_dir()) == NAMES
    np.testing.assert_array_equal(images.read(tmp_path / "all" / "A03_f1" / "predicted.tif"), expected)
    with pytest.raises(BadInput, match=r"1 channel; model both looks at 2 kinds of light .*Merge Channels"):
        talanoa.predict_fluorescence(images.from_array(parts[0]), **keys)


def test_what_one_light_does_not_tell_is_learned_from_two(tmp_path: Path) -> None:
    small: dict[str, Any] = {"filters": 4, "depth": 1, "patch": 32, "batch": 4, "lr": 1e-2, "epochs": 4, "steps": 30}
    scores = {}
    for name, light in (("of two lights", "phase,DIC"), ("of one light", "phase")):
        made = train(
            request(fixed_plate(), **{**small, "name": name, "transmitted": light, "device": "cpu"}), QuietHost()
        )
        scores[name] = made.report["validation_scores"]["dapi"]["pcc"]
    assert scores["of two lights"] > 0.9 > 0.8 > scores["of one light"]
    model = model_folder.load("of two lights")
    report = (made.model_folder.parent / model.folder.name / "report.md").read_text(encoding="utf-8")
    assert "phase, 1 plane." in report and "DIC, 1 plane." in report
    judged = tasks.run(
        {"task": "evaluate", "model": "of two lights", "images": str(fixed_plate()), "segment": "dapi: none",
         "compare": "of one light", "pictures": 0, "bootstrap": 0, "device": "cpu"}, QuietHost(),
    )  # fmt: skip
    assert judged["status"] == "ok", judged["message"]
    pcc = {row["Judged"]: row["pixel pcc"] for row in judged["comparison"]}
    assert pcc["of two lights"] > 0.9 > 0.8 > pcc["of one light"]
    with pytest.raises(BadInput, match="of two lights looks at phase, DIC, in this order; found DIC, phase"):
        train(request(fixed_plate(), name="x", transmitted="DIC,phase", init="of two lights"), QuietHost())
