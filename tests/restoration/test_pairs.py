"""Pairs of images for a training: what is read, what is refused and how it is said, which patches are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image.ops import normalize
from talanoa.models import methods
from talanoa.restoration.train import data, feed, pairs, read, recipe
from talanoa.restoration.train.pairs import Pair
from talanoa.rois.given import Given
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings

CONFIG = methods.get("care").config()


def scene(seed: int = 0, shape: tuple[int, ...] = (64, 64)) -> np.ndarray:
    """Return a clean image, uint16: some bright boxes on a background of 100."""
    random = np.random.default_rng(seed)
    clean = np.full(shape, 100, np.uint16)
    for _ in range(6):
        corner = [int(random.integers(0, side - 8)) for side in shape[-2:]]
        clean[..., corner[0] : corner[0] + 8, corner[1] : corner[1] + 8] = random.integers(400, 900)
    return clean


def noisy(clean: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the image with noise, uint16."""
    return np.clip(clean + np.random.default_rng(seed).normal(0, 40, clean.shape), 0, None).astype(np.uint16)


def write_pairs(folder: Path, count: int = 3, shape: tuple[int, ...] = (64, 64), **axes: Any) -> dict[str, str]:
    """Write low/ and high/, and return the keys that name them."""
    for kind in ("low", "high"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        clean = scene(number, shape)
        tifffile.imwrite(folder / "high" / f"f{number}.tif", clean, **axes)
        tifffile.imwrite(folder / "low" / f"f{number}.tif", noisy(clean, number), **axes)
    return {"method": "care", "images": str(folder / "low"), "targets": str(folder / "high")}


def asked(**keys: Any) -> TrainRequest:
    return parse(TrainRequest, {"name": "new", **keys}).request


def load(given: Given | None = None, **keys: Any) -> list[Pair]:
    return data.load(asked(**keys), QuietHost(), given).items


def test_pairs_have_the_names_of_their_files_and_are_normalised_each_by_itself(tmp_path: Path) -> None:
    keys = write_pairs(tmp_path)
    items = load(**keys)
    assert [item.name for item in items] == ["f0", "f1", "f2"] and all(len(item.hashes) == 2 for item in items)
    raw = tifffile.imread(tmp_path / "high" / "f1.tif").astype(np.float64)
    low, high = np.percentile(raw, (3, 99.8))
    assert items[1].target is not None
    np.testing.assert_allclose(items[1].target[0], (raw - low) / (high - low), atol=1e-6)
    assert items[0].image.dtype == np.float32 and items[0].image.shape == (1, 64, 64)


def test_both_images_may_be_channels_of_one_file(tmp_path: Path) -> None:
    clean = scene()
    both = images.from_array(np.stack([clean, noisy(clean)]), "cyx", pixel_size=(1, 0.2, 0.2), unit="µm")
    for number in range(2):
        images.write(tmp_path / f"f{number}.tif", both)
    two = load(method="care", images=tmp_path, channel=2, target_channel=1)
    assert len(two) == 2 and two[0].pixel_size == pytest.approx(0.2) and two[0].unit == "µm"
    assert two[0].target is not None and two[0].target.std() > 0
    np.testing.assert_allclose(two[0].target, normalize.fit(clean[None], {"low": 3, "high": 99.8}).apply(clean[None]))
    with pytest.raises(BadInput, match="target_channel=|channel 3 was asked for"):
        load(method="care", images=tmp_path, channel=1, target_channel=3)
    with pytest.raises(BadInput, match="both 1; expected two channels"):
        load(method="care", images=tmp_path, target_channel=1)


def test_stacks_are_volumes_or_their_slices(tmp_path: Path) -> None:
    keys = write_pairs(tmp_path, 2, (6, 40, 48), imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"})
    (first, second) = load(**keys)
    assert first.shape == (6, 40, 48) and first.ndim == 3
    planes = load(**keys, ndim=2)
    assert len(planes) == 12 and planes[0].shape == (40, 48) and {item.file for item in planes} == {"f0", "f1"}
    np.testing.assert_array_equal(planes[7].image, second.image[:, 1])  # levels of the whole stack


def test_frames_are_exposures_for_noise2noise_and_images_else(tmp_path: Path) -> None:
    clean = scene()
    movie = np.stack([noisy(clean, k) for k in range(4)])
    for name in ("a", "b"):
        images.write(tmp_path / f"{name}.tif", images.from_array(movie, "tyx"))
    together = load(method="n2n", images=tmp_path)
    assert [item.name for item in together] == ["a", "b"] and len(together[0].fields) == 4
    alone = load(method="n2v", images=tmp_path)
    assert len(alone) == 8 and alone[0].target is None and alone[5].file == "b"
    tifffile.imwrite(tmp_path / "c.tif", movie[0])
    with pytest.raises(BadInput, match="c has one exposure; expected two or more"):
        load(method="n2n", images=tmp_path)


def test_of_a_long_movie_frames_are_taken_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie = np.stack([noisy(scene(), k) for k in range(9)])
    images.write(tmp_path / "long.tif", images.from_array(movie, "tyx"))
    monkeypatch.setattr(read, "MOST_VALUES", 3 * 64 * 64 + 5)
    taken = load(method="n2v", images=tmp_path / "long.tif")
    assert len(taken) == 3
    assert "long.tif: 3 of its 9 frames or slices are trained on, evenly spread." in taken[0].notes
    mean, std = movie[[0, 4, 8]].mean(), movie[[0, 4, 8]].std()
    np.testing.assert_allclose(taken[1].image[0], (movie[4] - mean) / std, atol=1e-4)


def test_noise2void_normalises_by_all_training_images(tmp_path: Path) -> None:
    for number in range(3):
        tifffile.imwrite(tmp_path / f"f{number}.tif", noisy(scene(number), number))
    loaded = data.load(asked(method="n2v", images=tmp_path), QuietHost())
    joint = np.stack([item.image for item in loaded.items])
    assert abs(joint.mean()) < 1e-4 and joint.std() == pytest.approx(1, abs=1e-4)
    assert loaded.normalization is not None and loaded.normalization["kind"] == "zscore"


def test_the_open_image_is_cut_in_two_and_patches_stay_in_a_selection() -> None:
    picture = images.from_array(noisy(scene(shape=(96, 64))), name="open.tif")
    train, kept = load(Given(picture), method="n2v", patch=16)
    assert (train.role, kept.role) == ("training", "validation")
    assert train.shape == (80, 64) and kept.shape == (16, 64)  # one patch, more than a tenth
    assert train.name == "open (training part)" and train.file == "open"
    selection = np.zeros((96, 64), bool)
    selection[10:50, 20:50] = True
    train, kept = load(Given(picture, None, selection), method="n2v", patch=16)
    assert train.shape[1] + kept.shape[1] in (30, 60) and train.allowed is None
    selection[10:30, 20:35] = False
    parts = load(Given(picture, None, selection), method="n2v", patch=16)
    assert parts[0].allowed is not None and not parts[0].allowed.all()
    with pytest.raises(BadInput, match="no image is open"):
        load(method="n2v")


def settings(**keys: Any) -> Settings:
    return Settings(epochs=1, steps=1, **{"patch": 16, "batch": 64, **keys})


def test_image_and_target_are_turned_alike() -> None:
    values = np.random.default_rng(0).random((1, 40, 50), np.float32)
    pair = Pair("p", values, 2 * values + 1)
    rng = np.random.default_rng(1)
    drawn, (targets,) = feed.batch([pair], CONFIG, settings(), True, rng)
    assert drawn.shape == (64, 1, 16, 16) and drawn.dtype == np.float32
    np.testing.assert_allclose(targets, 2 * drawn + 1, rtol=1e-6)
    plain, _ = feed.batch([pair], CONFIG, settings(augment=False), True, np.random.default_rng(1))
    windows = {np.ascontiguousarray(values[0, y : y + 16, x : x + 16]).tobytes() for y in range(25) for x in range(35)}
    assert all(patch[0].tobytes() in windows for patch in plain)
    turned = sum(patch[0].tobytes() not in windows for patch in drawn)
    assert 40 < turned < 64  # seven ways of eight


def test_volumes_are_turned_in_the_plane_only() -> None:
    values = np.random.default_rng(0).random((1, 8, 20, 20), np.float32)
    values += np.arange(8, dtype=np.float32)[:, None, None]  # slices differ in brightness
    drawn, (targets,) = feed.batch(
        [Pair("p", values, -values)], CONFIG, settings(patch_z=4), True, np.random.default_rng(0)
    )
    assert drawn.shape == (64, 1, 4, 16, 16)
    np.testing.assert_array_equal(targets, -drawn)
    steps = np.diff(drawn.mean(axis=(1, 3, 4)), axis=1)
    assert (np.abs(np.abs(steps) - 1) < 0.1).all()


def test_patches_lie_on_signal_and_some_anywhere() -> None:
    clean = np.zeros((1, 256, 256), np.float32)
    clean[0, 40:60, 40:60] = 1
    pair = Pair("p", clean, clean)
    alone, _ = feed.batch([pair], CONFIG, settings(background=0.0, batch=200), False, np.random.default_rng(0))
    assert (alone.max(axis=(1, 2, 3)) > 0).mean() > 0.8  # all are near it: half a patch
    some, _ = feed.batch([pair], CONFIG, settings(background=0.5, batch=400), False, np.random.default_rng(0))
    assert 0.35 < (some.max(axis=(1, 2, 3)) > 0).mean() < 0.65


def test_a_batch_of_noisy_images_has_masks_and_keeps_the_direction_of_the_noise() -> None:
    values = np.random.default_rng(0).random((1, 64, 64), np.float32) + np.arange(64, dtype=np.float32)
    method = methods.get("n2v")
    for axis, turned in (("none", True), ("horizontal", False)):
        config = method.config(struct_axis=axis, masked_percent=2)
        seen, (original, mask) = feed.batch([Pair("p", values)], config, settings(), True, np.random.default_rng(0))
        assert mask.sum(axis=(1, 2, 3)).min() >= 5 and set(np.unique(mask)) == {0, 1}
        if axis == "none":
            np.testing.assert_array_equal(seen[mask == 0], original[mask == 0])
        along_y = np.abs(np.diff(original.mean(axis=3), axis=2)).mean(axis=(1, 2)) > 0.5  # the ramp lies along y
        assert along_y.any() == turned


def test_exposures_change_places() -> None:
    fields = [np.full((1, 32, 32), k, np.float32) for k in range(3)]
    pair = Pair("p", fields[0], fields[1], (fields[2],), alike=True)
    drawn, (targets,) = feed.batch([pair], CONFIG, settings(), True, np.random.default_rng(0))
    both = {(int(a), int(b)) for a, b in zip(drawn[:, 0, 0, 0], targets[:, 0, 0, 0], strict=True)}
    assert both == {(a, b) for a in range(3) for b in range(3) if a != b}
    fixed, (others,) = feed.batch([pair], CONFIG, settings(), False, np.random.default_rng(0))
    assert set(fixed.ravel()) == {0} and set(others.ravel()) == {1}


def test_of_several_processes_each_draws_its_part_of_the_joint_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((1, 40, 40), np.float32)
    method = methods.get("n2v")
    joint, (_, mask) = feed.batch([Pair("p", values)], method.config(), settings(), True, np.random.default_rng(3))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        part, (_, own) = feed.batch([Pair("p", values)], method.config(), settings(), True, np.random.default_rng(3))
        np.testing.assert_array_equal(part, joint[32 * rank : 32 * (rank + 1)])
        np.testing.assert_array_equal(own, mask[32 * rank : 32 * (rank + 1)])


def test_a_shift_of_the_target_is_reported_or_corrected(tmp_path: Path) -> None:
    for kind in ("low", "high"):
        (tmp_path / kind).mkdir()
    clean = scene(3, (96, 96))
    for number in range(2):
        tifffile.imwrite(tmp_path / "high" / f"f{number}.tif", np.roll(clean, (3, -2), (0, 1)))
        tifffile.imwrite(tmp_path / "low" / f"f{number}.tif", noisy(clean, number))
    keys = {"method": "care", "images": tmp_path / "low", "targets": tmp_path / "high"}
    told = load(**keys)
    assert any("f0.tif: the target is shifted against the image by about y -3, x +2" in text for text in told[0].notes)
    assert told[0].shape == (96, 96)
    moved = load(**keys, registration="correct")
    assert moved[0].shape == (93, 94) and "was moved by y -3, x +2" in moved[0].notes[0]
    assert moved[0].target is not None
    bright = moved[0].target[0] > 0.5
    assert moved[0].image[0][bright].mean() > 0.4 > 0.1 > abs(np.median(moved[0].image[0][~bright]))


def spoil(folder: Path, kind: str, name: str, values: np.ndarray) -> None:
    tifffile.imwrite(folder / kind / name, values)


def test_what_cannot_be_learned_from_is_refused_with_its_name(tmp_path: Path) -> None:
    keys = write_pairs(tmp_path)
    clean = scene(1)
    broken = clean.astype(np.float32)
    broken[3, 3:5] = np.nan
    cases = [
        ("low", np.zeros((64, 64), np.uint16), r"f1.tif is constant \(0 everywhere\)"),
        ("high", np.full((64, 64), 7, np.uint16), r"high/f1.tif is constant \(7 everywhere\)"),
        ("low", broken, "f1.tif contains 2 NaN or infinite values"),
        ("high", scene(1, (64, 60)), "high/f1.tif is 60 x 64 pixels, low/f1.tif 64 x 64 pixels; expected the same"),
        ("low", clean, "high/f1.tif and low/f1.tif hold the same pixels: there is nothing to learn"),
    ]
    for kind, values, message in cases:
        kept = (tmp_path / kind / "f1.tif").read_bytes()
        spoil(tmp_path, kind, "f1.tif", values)
        with pytest.raises(BadInput, match=message):
            load(**keys)
        (tmp_path / kind / "f1.tif").write_bytes(kept)
    assert len(load(**keys)) == 3


def test_names_and_numbers_must_pair(tmp_path: Path) -> None:
    keys = write_pairs(tmp_path)
    (tmp_path / "low" / "f2.tif").rename(tmp_path / "low" / "g2.tif")
    with pytest.raises(BadInput, match="2 names in .* have no partner: f2, g2. Expected one target for every image"):
        load(**keys)
    with pytest.raises(BadInput, match=r"images has 1 folder, targets 2"):
        load(**{**keys, "targets": f"{keys['targets']};{keys['targets']}"})
    with pytest.raises(BadInput, match="targets is missing: care learns from pairs"):
        load(method="care", images=keys["images"])
    with pytest.raises(BadInput, match="is not a folder; expected a folder with images"):
        load(**{**keys, "images": str(tmp_path / "nowhere")})
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        load(method="n2v", images=tmp_path / "nowhere")


def test_saturated_images_are_warned_of_and_negative_values_are_fine(tmp_path: Path) -> None:
    keys = write_pairs(tmp_path)
    values = noisy(scene(0))
    spoil(tmp_path, "low", "f0.tif", np.minimum(values, 300))
    spoil(tmp_path, "low", "f1.tif", noisy(scene(1)).astype(np.float32) - 500)
    items = load(**keys)
    assert (
        any("f0.tif: " in text and "have the highest value, 300" in text for text in items[0].notes)
        and not items[1].notes
    )
    low, high = np.percentile(items[1].image, (3, 99.8))
    assert (low, high) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"patch": 30}, "patch=30 is no multiple of 4, which this network needs. Take 28 or 32"),
        ({"patch": 68}, "f0 is 64 x 64 pixels, smaller than a patch of 68. Take patch=64 or less"),
        ({"depth": 3, "patch": 20}, "no multiple of 8.*Take 16 or 24"),
    ],
)
def test_patches_that_do_not_fit_are_refused_with_sizes_that_do(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    request = asked(**write_pairs(tmp_path), **keys)
    loaded = data.load(request, QuietHost())
    _, config = recipe.config_from(request, loaded, None)
    with pytest.raises(BadInput, match=message):
        recipe.checked_settings(request, loaded.items, config)


def test_a_default_patch_becomes_smaller_and_slices_are_those_of_the_thinnest_stack(tmp_path: Path) -> None:
    request = asked(**write_pairs(tmp_path / "flat", shape=(50, 70)))
    loaded = data.load(request, QuietHost())
    _, config = recipe.config_from(request, loaded, None)
    assert recipe.checked_settings(request, loaded.items, config).patch == 48
    deep = write_pairs(tmp_path / "deep", 2, (7, 48, 48), imagej=True, metadata={"axes": "ZYX"})
    loaded = data.load(asked(**deep), QuietHost())
    name, config = recipe.config_from(asked(**deep), loaded, None)
    chosen = recipe.checked_settings(asked(**deep), loaded.items, config)
    assert name == "care3d" and chosen.patch_shape == (4, 48, 48)
    with pytest.raises(BadInput, match="f0 has 7 slices, fewer than the 8 of a training patch. Take patch_z=4 or less"):
        recipe.checked_settings(asked(**deep, patch_z=8), loaded.items, config)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"method": "care", "images": "a", "n_rays": 32},
            "n_rays: found 32 with method=care; expected it only with sta",
        ),
        (
            {"method": "care", "images": "a", "n2v2": True},
            "n2v2: found True with method=care; expected it only with n2v",
        ),
        ({"method": "n2v", "images": "a", "targets": "b"}, "targets: found 'b' with method=n2v"),
        ({"images": "a", "apply": True}, "apply: found True with method=stardist; expected it only with care or n2v"),
        ({"method": "care"}, "images is missing"),
        ({"method": "care", "images": "a", "kernel": 4}, "kernel: found 4; expected an odd number"),
        ({"method": "n2n", "images": "a", "norm_low": 99.9}, "norm_low=99.9 and norm_high=99.8"),
    ],
)
def test_keys_of_other_methods_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        asked(**keys)


def test_images_differ_in_channels_or_dimensions(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noisy(scene()))
    stack = np.stack([noisy(scene(), k) for k in range(6)])
    images.write(tmp_path / "b.tif", images.from_array(stack, "zyx"))
    with pytest.raises(BadInput, match="b is a stack, a a plane; expected one kind. Give ndim=2"):
        load(method="n2v", images=tmp_path)
    images.write(tmp_path / "b.tif", images.from_array(stack[:2], "cyx"), overwrite=True)
    with pytest.raises(BadInput, match=r"b has 2 channels, a 1"):
        load(method="n2v", images=tmp_path)
    assert len(load(method="n2v", images=tmp_path, channel=1)) == 2


def test_the_split_is_by_file_and_only_frames_of_one_file_part() -> None:
    values = np.zeros((1, 8, 8), np.float32)
    files = [Pair(f"{name} {k}", values, source=name) for name in "abcd" for k in range(3)]
    train, kept = pairs.split(files, 0.25, 0)
    assert len(kept) == 3 and {item.file for item in train}.isdisjoint(item.file for item in kept)
    frames = [Pair(f"m {k}", values, source="m") for k in range(10)]
    train, kept = pairs.split(frames, 0.2, 0)
    assert (len(train), len(kept)) == (8, 2) and {id(item) for item in [*train, *kept]} == {id(item) for item in frames}
