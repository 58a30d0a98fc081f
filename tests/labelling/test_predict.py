"""Prediction of stains: windows, planes and channels, several models, intensities; what a model does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from helpers import labellers, restorers, tiny
from helpers.labellers import ER, NUCLEUS, PHASE, phase
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.record import array_sha256
from talanoa.core.request import parse
from talanoa.image.form import from_array
from talanoa.image.ops import orientations
from talanoa.image.ops.normalize import fit
from talanoa.labelling import models as several
from talanoa.labelling.predict import predict_stains
from talanoa.labelling.record import Light, Stain
from talanoa.labelling.request import PredictRequest
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.runtime.frames import Made
from talanoa.models.runtime.windows import Windows

GOLGI = Stain(name="golgi")
HALO = 31  # of two poolings


def run(image: Any, *folders: Path, dims: str | None = None, host: Any = None, **keys: Any) -> Made:
    data = image if isinstance(image, xr.DataArray) else from_array(image, dims)
    names = "; ".join(map(str, folders))
    request = parse(PredictRequest, {"model": names, "device": "cpu", "backend": "torch", **keys}).request
    return predict_stains(data, several.load(names), request, host or QuietHost())


def values(found: Made) -> np.ndarray:
    return found.image.values.squeeze()


def network_says(folder: Path, inputs: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    """Return what the network itself answers (stains, y, x) to planes (c, y, x) with the levels of others."""
    import torch

    model = model_folder.load(str(folder))
    normalised = fit(inputs if of is None else of[None], model.normalization).apply(inputs)
    with torch.no_grad():
        return np.asarray(model.network()(torch.from_numpy(normalised[None]))[0][0])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return labellers.save(tmp_path / "stains", (NUCLEUS, ER))


def test_a_prediction_is_what_the_network_says_in_calibrated_intensities(model: Path) -> None:
    image = phase(96, 128)
    found, says = values(run(image, model)), network_says(model, image[None])
    assert np.ptp(says[0]) > 0.05
    nucleus, er = (1.25 * says[0] - 0.05) * 2000 + 100, says[1] * 800 + 50
    assert np.allclose(found[0], nucleus, atol=1e-4 * 2000) and np.allclose(found[1], er, atol=1e-4 * 800)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize(
    "shape, config", [((203, 187), {}), ((150, 221), {"depth": 3}), ((260, 250), {"network": "pix2pix", "depth": 3})]
)
def test_tiles_and_wide_borders_give_what_the_whole_gives(
    shape: tuple[int, int], config: dict[str, Any], backend: str, tmp_path: Path
) -> None:
    folder, image = labellers.save(tmp_path / "m", (NUCLEUS, ER), **config), phase(*shape)
    halo = max(methods.get("labelling").config(**model_folder.load(str(folder)).config).halo)
    whole = run(image, folder, tiles=1, backend=backend)
    contrast = np.ptp(values(whole), axis=(1, 2), keepdims=True)
    cut = run(image, folder, tiles=6, backend=backend)
    assert whole.record["used"]["tiles"] == 1 and cut.record["used"]["tiles"] >= 6
    window = (2 * halo + 24) // 8 * 8
    bordered = run(image, folder, window=window, border=halo, backend=backend)
    assert bordered.record["used"]["tiles"] is None and window < max(shape)
    for found in (cut, bordered):
        assert (np.abs(values(found) - values(whole)) <= 1e-5 * contrast.clip(1)).all()


def test_blended_windows_lie_between_those_that_see_a_pixel(tmp_path: Path) -> None:
    folder, image = labellers.save(tmp_path / "m", (Stain(name="dye"),)), phase(150, 150)
    windows, lowest, highest = Windows(64, 12), np.full(image.shape, np.inf), np.full(image.shape, -np.inf)
    ends = np.array([image.min(), image.max()])  # all windows have the levels of the whole image
    for tile in Windows(64, 12, blend=True).plan(image.shape, (4, 4)):
        (top, bottom), (left, right) = tile.read
        part = np.pad(image, ((0, 2), (0, 2)), mode="reflect")[top:bottom, left:right]
        says = network_says(folder, part[None], ends)[0, : 150 - top, : 150 - left]
        inside = tuple(slice(*span) for span in tile.core)
        lowest[inside] = np.minimum(lowest[inside], says)
        highest[inside] = np.maximum(highest[inside], says)
    blended = values(run(image, folder, window=64, border=12, blend=True))
    assert (blended >= lowest - 1e-5).all() and (blended <= highest + 1e-5).all()
    assert np.abs(values(run(image, folder, window=64, border=12)) - blended).max() > 1e-3
    assert (highest - lowest).max() > 0.1 and windows.step(4) == 40


def test_blended_windows_fade_in_without_a_step() -> None:
    windows = Windows(96, 20, blend=True)
    for tile in windows.plan((300, 300), (8, 8)):
        y, x = (windows.weight(tile, (300, 300), (8, 8)).max(axis=axis) for axis in (1, 0))
        for weights, (start, stop) in ((y, tile.core[0]), (x, tile.core[1])):
            assert np.abs(np.diff(weights)).max() <= np.pi / 2 / 40 + 1e-6
            assert (start == 0 or weights[0] < 0.01) and (stop == 300 or weights[-1] < 0.01)


@pytest.mark.parametrize("size", [17, 64, 95, 96, 97, 200, 333])
@pytest.mark.parametrize("border", [0, 5, 20])
def test_windows_cover_a_plane_once_and_weights_add_up_to_one(size: int, border: int) -> None:
    windows, multiple = Windows(96, border), (8, 8)
    seen = np.zeros((size, size + 7), int)
    for tile in windows.plan(seen.shape, multiple):
        seen[tuple(slice(*span) for span in tile.core)] += 1
        for (start, stop), (first, last), side in zip(tile.core, tile.read, seen.shape, strict=True):
            assert first % 8 == 0 and (last - first) % 8 == 0 and last - first <= 96
            assert start == 0 or start - first >= border
            assert stop == side or last - stop >= border
    assert (seen == 1).all()
    blended, total = Windows(96, border, blend=True), np.zeros(seen.shape)
    for tile in blended.plan(seen.shape, multiple):
        total[tuple(slice(*span) for span in tile.core)] += blended.weight(tile, seen.shape, multiple)
    assert np.allclose(total, 1, atol=1e-6)


def test_planes_are_those_of_the_training_or_those_that_are_named(tmp_path: Path) -> None:
    folder = labellers.save(tmp_path / "m", lights=(Light(name="phase", planes=(2, 5), stack=6),))
    stack = phase(6, 48, 56)
    expected = values(run(stack, folder, dims="zyx"))
    assert expected.shape == (48, 56)
    assert np.allclose(expected, (1.25 * network_says(folder, stack[[1, 4]])[0] - 0.05) * 2000 + 100, atol=0.2)
    pair = run(stack[[1, 4]], folder, dims="zyx")
    assert np.array_equal(values(pair), expected) and any("as many as model m takes" in text for text in pair.warnings)
    more = np.concatenate([stack, stack[::-1]])
    assert np.array_equal(values(run(more, folder, dims="zyx", planes="2,5")), expected)
    swapped = run(more, folder, dims="zyx", planes="5, 2")
    assert np.allclose(values(swapped), (1.25 * network_says(folder, stack[[4, 1]])[0] - 0.05) * 2000 + 100, atol=0.2)
    assert run(more, folder, dims="zyx", planes=[2, 5]).record["planes"] == [2, 5]
    for image, keys, text in (
        (more, {}, r"The image has 12 planes; model m knows phase, 2, 5 of the 6 planes of a stack and takes 2 planes"),
        (stack[:1], {}, "The image has 1 plane; .* Take images with those planes"),
        (stack, {"planes": "3"}, "found 1 plane; model m takes 2 planes"),
        (stack, {"planes": "5-7"}, "the image has 6 planes; found 5-7, expected 1 to 6"),
        (stack, {"planes": "0,2"}, "planes: found '0,2'; expected planes from 1"),
        (stack, {"planes": "1,2;3;4"}, "found 3 groups; expected 1 or one for each of 1"),
    ):
        with pytest.raises(BadInput, match=text):
            run(image, folder, dims="zyx", **keys)


def test_the_light_is_found_among_channels_by_name_or_number(tmp_path: Path) -> None:
    folder = labellers.save(tmp_path / "m")
    light = phase(40, 48)
    image = np.stack([phase(40, 48, seed=1), light, phase(40, 48, seed=2)])
    expected = values(run(light, folder))
    named = from_array(image, "cyx", channel_names=("DAPI", "Phase contrast", "GFP"))
    for found in (run(named, folder), run(image, folder, dims="cyx", channel=2)):
        assert np.array_equal(values(found), expected) and found.record["channels"] == [2]
    with pytest.raises(BadInput, match=r"3 channels; model m takes 1 channel \(phase\). Set channel=1"):
        run(image, folder, dims="cyx")
    with pytest.raises(BadInput, match="the image has 3 channels; found 4, expected 1 to 3"):
        run(image, folder, dims="cyx", channel="4")
    with pytest.raises(BadInput, match="channel: found 'green'; expected channels from 1"):
        run(image, folder, dims="cyx", channel="green")


def test_a_model_knows_its_lights(tmp_path: Path) -> None:
    both = labellers.save(tmp_path / "both", lights=(PHASE, Light(name="brightfield", planes=(1, 3), stack=3)))
    stack = phase(3, 2, 40, 44)
    named = from_array(stack[:, ::-1], "zcyx", channel_names=("BF", "phase"))
    planes = np.stack([stack[1, 0], stack[0, 1], stack[2, 1]])
    found = run(named, both, planes="2;1,3")
    assert np.allclose(values(found), (1.25 * network_says(both, planes)[0] - 0.05) * 2000 + 100, atol=0.2)
    with pytest.raises(BadInput, match=r"channel=1: model both takes 2 channels \(phase and brightfield\)"):
        run(named, both, channel=1)
    one = labellers.save(tmp_path / "one")
    other = from_array(phase(40, 44)[None], "cyx", channel_names=("DIC",))
    with pytest.raises(BadInput, match="is named DIC; model one was trained on phase, and knows no other light"):
        run(other, one)
    assert any("named DIC" in text and "not to be trusted" in text for text in run(other, one, channel=1).warnings)


def test_single_stain_models_give_one_composite_with_colours(tmp_path: Path) -> None:
    folders = [labellers.save(tmp_path / stain.name, (stain,), seed=k) for k, stain in enumerate((ER, GOLGI, NUCLEUS))]
    image = from_array(phase(40, 48), pixel_size=(1, 0.65, 0.65), unit="µm", name="well.ome.tif")
    found = run(image, *folders)
    assert found.image.shape == (1, 3, 1, 40, 48)
    for channel, folder in enumerate(folders):
        assert np.array_equal(found.image[0, channel], run(image, folder).image[0, 0])
    attrs = found.image.attrs
    assert attrs["channel_names"] == ("ER", "golgi", "nucleus") and attrs["name"] == "well-predicted"
    assert [tuple(table[255]) for table in attrs["luts"]] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert attrs["display"] == ((50.0, 850.0), (0.0, 1.0), pytest.approx((0.0, 2500.0)))
    assert attrs["pixel_size"] == (1, 0.65, 0.65) and attrs["unit"] == "µm"
    chosen = run(image, *folders, stains="NUCLEUS; er")
    assert chosen.image.attrs["channel_names"] == ("nucleus", "ER")
    assert np.array_equal(chosen.image[0, 1], found.image[0, 0])
    with pytest.raises(BadInput, match="stains: found dapi; model ER; golgi; nucleus predicts ER, golgi, nucleus"):
        run(image, *folders, stains="dapi")


def test_models_of_one_stain_give_their_mean_and_spread(tmp_path: Path) -> None:
    folders = [labellers.save(tmp_path / f"m{k}", (NUCLEUS, ER)[: k + 1], seed=k) for k in range(2)]
    image = phase(40, 48)
    one, two = (values(run(image, folder, stains="nucleus")) for folder in folders)
    found = run(image, *folders, stains="nucleus", uncertainty=True)
    assert np.allclose(values(found), (one + two) / 2, rtol=1e-6) and found.record["used"]["tta"] is False
    assert found.uncertainty is not None and found.record["used"]["uncertainty"] == {"nucleus": "models"}
    assert np.allclose(found.uncertainty.values.squeeze(), np.abs(one - two) / np.sqrt(2), rtol=1e-4, atol=1e-3)
    both = run(image, *folders, uncertainty=True)
    assert both.uncertainty is not None and both.uncertainty.attrs["channel_names"] == ("nucleus", "ER")
    assert both.record["used"]["uncertainty"] == {"nucleus": "models", "ER": "ways"}
    assert np.array_equal(both.image, run(image, *folders, tta=True).image)
    mask = labellers.save(tmp_path / "mask", (Stain(name="Nucleus", mask=True),))
    with pytest.raises(BadInput, match=r"models of nucleus predict different things: m0 \(intensity\), mask \(mask\)"):
        run(image, folders[0], mask)
    with pytest.raises(BadInput, match="m0 is named twice"):
        run(image, folders[0], folders[0])


def test_the_mean_over_all_ways_turns_with_the_image(model: Path) -> None:
    image = phase(44, 60)
    found, single = run(image, model, uncertainty=True), values(run(image, model))
    ways = [
        orientations.turned_back(values(run(orientations.turned(image, way).copy(), model)), way)
        for way in orientations.WAYS
    ]
    assert np.allclose(values(found), np.mean(ways, axis=0), atol=0.05) and np.abs(values(found) - single).max() > 0.1
    assert found.uncertainty is not None and found.uncertainty.dtype == np.float32
    assert np.allclose(found.uncertainty.values.squeeze(), np.std(ways, axis=0, ddof=1), atol=0.05)
    assert found.record["used"]["tta"] is True
    keys = {"tta": True, "window": 32, "border": 8, "blend": True}
    blended, turned = run(image, model, **keys), run(orientations.turned(image, 5).copy(), model, **keys)
    assert np.allclose(values(turned), orientations.turned(values(blended), 5), atol=0.05)
    assert np.abs(values(blended) - values(found)).max() > 0.1


def test_masks_stay_between_0_and_1_and_the_light_comes_along(tmp_path: Path) -> None:
    nuclei = Stain(name="nuclei", mask=True, low=5, high=9)
    folder = labellers.save(
        tmp_path / "m",
        (nuclei,),
        (Light(name="bf", planes=(1, 2, 3), stack=3),),
    )
    stack = phase(3, 32, 40)
    found = run(stack, folder, dims="zyx", keep_input=True)
    assert found.image.attrs["channel_names"] == ("bf", "nuclei") and found.image.shape == (1, 2, 1, 32, 40)
    assert np.array_equal(found.image[0, 0, 0], stack[1])
    assert 0 <= float(found.image[0, 1].min()) < float(found.image[0, 1].max()) <= 1
    assert found.image.attrs["display"][1] == (0.0, 1.0)
    low, high = found.image.attrs["display"][0]
    assert stack[1].min() <= low < high <= stack[1].max()
    assert tuple(found.image.attrs["luts"][0][255]) == (255, 255, 255)


def test_16_bit_counts_what_does_not_fit(tmp_path: Path) -> None:
    wide = labellers.save(tmp_path / "m", (Stain(name="dye", low=-70000, high=140000),))
    image = phase(40, 48)
    exact, rounded = values(run(image, wide)), run(image, wide, dtype="uint16")
    below, above = int((np.rint(exact) < 0).sum()), int((np.rint(exact) > 65535).sum())
    used = rounded.record["used"]
    assert (used["set_to_lowest"], used["set_to_highest"]) == (below, above) and below + above
    assert np.array_equal(values(rounded), np.clip(np.rint(exact), 0, 65535).astype(np.uint16))
    assert any(f"{below + above} of 1920 predicted pixels do not fit" in text for text in rounded.warnings)


@pytest.mark.parametrize("kind", ["minmax", "zscore_image", "percentile"])
def test_all_frames_share_their_levels(kind: str, tmp_path: Path) -> None:
    limits = {"low": 1, "high": 99} if kind == "percentile" else {}
    folder = labellers.save(tmp_path / "m", normalization={"kind": kind, **limits})
    frame = phase(36, 40)
    movie = np.stack([frame, frame, frame])
    movie[1, 0, :30] = 9000
    found = run(movie, folder, dims="tyx")
    used = found.record["used"]["models"][0]
    assert np.array_equal(found.image[0], found.image[2])  # no flicker beside a bright frame
    assert np.allclose(used["norm_values"], fit(movie[None], {"kind": kind, **limits}).pairs)
    assert not np.allclose(values(run(frame, folder)), values(found)[0])
    few = run(movie, folder, dims="tyx", sample=2)
    assert few.record["used"]["models"][0]["norm_sample"]["frames"] == [1, 3]
    assert any("2 of 3 frames" in text for text in few.warnings)


def test_levels_and_illumination_of_the_training_are_used(tmp_path: Path) -> None:
    known = {"kind": "minmax", "by": "plate", "levels": {"day 1": [[1000, 3000]]}}
    folder, image = labellers.save(tmp_path / "m", normalization=known), from_array(phase(40, 44))
    image.attrs["source"] = str(tmp_path / "day 1" / "phase" / "A01.tif")
    found = run(image, folder)
    assert found.record["used"]["models"][0]["norm_values"] == [[1000, 3000]] and not found.warnings
    ends = np.array([1000.0, 3000.0])
    says = (1.25 * network_says(folder, image.values[0, 0], ends)[0] - 0.05) * 2000 + 100
    assert np.allclose(values(found), says, atol=0.2)
    image.attrs["source"] = str(tmp_path / "day 2" / "phase" / "A01.tif")
    assert any("(day 1); the image is of none of them" in text for text in run(image, folder).warnings)
    slope = np.linspace(0.5, 1.5, 17)
    uneven = labellers.save(tmp_path / "u", normalization={"kind": "minmax", "illumination": [slope.tolist()] * 17})
    flat = phase(33, 65).astype(np.float32)
    plain = run(flat, labellers.save(tmp_path / "p"))
    lit = run(flat * np.linspace(0.5, 1.5, 65, dtype=np.float32), uneven)
    assert np.allclose(values(lit), values(plain), atol=1)


def test_minimum_and_maximum_of_a_long_movie_are_the_true_ones(tmp_path: Path) -> None:
    folder = labellers.save(tmp_path / "m")
    movie = np.random.default_rng(0).integers(100, 200, (70, 20, 24)).astype(np.uint16)
    movie[33, 7, 9], movie[68, 1, 2] = 7, 999
    found = run(movie, folder, dims="tyx", frames="30-70")
    assert found.record["used"]["models"][0]["norm_values"] == [[7, 999]] and not found.warnings


def test_other_pixel_sizes_are_warned_of_and_rescaled_when_asked(tmp_path: Path) -> None:
    folder = labellers.save(tmp_path / "m", more={"pixel_size": 0.65, "unit": "µm"})
    fine = from_array(phase(80, 100), pixel_size=(1, 0.325, 0.325), unit="µm")
    plain = run(fine, folder)
    assert any("2 times smaller" in text and "Try scale=0.5. Or scale=auto." in text for text in plain.warnings)
    scaled = run(fine, folder, scale="auto")
    assert not scaled.warnings and scaled.image.shape == plain.image.shape
    assert scaled.record["used"]["models"][0]["scale"] == 0.5
    assert scaled.image.attrs["pixel_size"] == (1, 0.325, 0.325)
    assert np.array_equal(scaled.image, run(fine, folder, scale="0,5").image)
    assert not np.allclose(scaled.image, plain.image)
    with pytest.raises(BadInput, match="scale=auto: the image has no pixel size in a unit of length"):
        run(phase(30, 30), folder, scale="auto")
    with pytest.raises(BadInput, match="scale: found 50; expected 0.1 to 10, or auto"):
        run(fine, folder, scale=50)
    with pytest.raises(BadInput, match="^scale: found 'big'; expected a factor such as 0.5, or auto.$"):
        run(fine, folder, scale="big")


def test_images_that_tell_nothing_or_something_else(tmp_path: Path) -> None:
    folder = labellers.save(tmp_path / "m", more={"training": {"background_level": 0.5}})
    saturated = phase(64, 64)
    saturated[:16] = saturated.max()
    assert any("the image is saturated" in text for text in run(saturated, folder).warnings)
    dark = np.random.default_rng(0).poisson(5, (64, 64)).astype(np.uint16)
    dark[3:5, 3:5] = 4000
    assert any("much darker within its range" in text for text in run(dark, folder).warnings)
    assert not run(phase(64, 64), folder).warnings
    with pytest.raises(BadInput, match="Channel 1, plane 1: the image is blank, 7"):
        run(np.full((20, 30), 7, np.uint16), folder)
    broken = phase(20, 20).astype(np.float32)
    broken[1, 2] = np.nan
    with pytest.raises(BadInput, match="Frame 1 of the image has 1 pixel that are NaN or infinite"):
        run(broken, folder)
    fixed = labellers.save(tmp_path / "z", normalization={"kind": "zscore", "mean": [90.0], "std": [4.0]})
    assert any(
        "far from those of the model's training images (90, 4)" in text for text in run(saturated, fixed).warnings
    )


def test_models_of_another_kind_or_without_a_record(tmp_path: Path) -> None:
    image = phase(20, 20)
    with pytest.raises(BadInput, match="restores images; predict needs one that predicts stains. Use restore"):
        run(image, restorers.save(tmp_path / "care"))
    with pytest.raises(BadInput, match="finds objects; predict needs one that predicts stains. Use segment"):
        run(image, Path(tiny.MODEL))
    folder = labellers.save(tmp_path / "m", n_channel_in=3)
    with pytest.raises(BadInput, match="its record has 1 input planes and 1 stains, its network 3 and 1"):
        run(image, folder)


def test_windows_that_cannot_be(model: Path) -> None:
    for keys, text in (
        ({"window": 250}, "a multiple of 4. Set window=252"),
        ({"window": 64, "border": 31}, "at most 30 pixels can be discarded"),
        ({"window": 64, "tiles": 4}, "window and tiles: found both"),
        ({"border": -1}, "border: found -1; expected 0 or more"),
    ):
        with pytest.raises(BadInput, match=text):
            run(phase(40, 40), model, **keys)
    found = run(phase(40, 40), model, blend=True)
    assert found.record["used"]["windows"] == {"window": 256, "border": 30, "blend": True}
    assert found.record["used"]["models"][0]["step"] == 196


def test_the_record_says_what_was_done(model: Path) -> None:
    movie = phase(4, 30, 34)
    found = run(movie, model, dims="tyx", frames="2-3", backend="auto")
    used = found.record["used"]
    assert used["backend"].startswith("onnxruntime") and used["stains"] == ["nucleus", "ER"]
    assert used["models"][0]["normalization"] == {"kind": "minmax"} and used["windows"] is None
    assert used["lowest"] == pytest.approx(float(found.image.min()))
    assert found.record["image_sha256"] == array_sha256(found.image)
    assert found.record["input_sha256"] == array_sha256(movie[1:3, None, None])


def test_cancelling_ends_it(model: Path) -> None:
    with pytest.raises(Cancelled):
        run(phase(20, 20), model, host=tiny.RecordingHost(stop=True))
