"""Noisy samples: seeded, on one scale, with the noise that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from talanoa import image as images
from talanoa import tasks
from talanoa.cli import main
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.tasks.sample import noisy
from talanoa.tasks.sample.request import SampleRequest


def content(folder: Path) -> dict[str, str]:
    """Return the hash of each file."""
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in folder.rglob("*.tif")}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (noisy.write_noisy(tmp_path / name, 2, 64, seed=5) for name in ("a", "b"))
    more = noisy.write_noisy(tmp_path / "c", 3, 64, seed=5)
    assert content(one) == content(two)
    assert content(one).items() <= content(more).items()
    assert not content(one).items() & content(noisy.write_noisy(tmp_path / "d", 2, 64, seed=6)).items()


def test_the_folder_holds_pairs_repeats_and_a_movie(tmp_path: Path) -> None:
    made = noisy.write_noisy(tmp_path / "set", 5, 64)
    names = [f"cells_{number:03d}.tif" for number in range(1, 6)]
    assert [file.name for file in sorted((made / "low").iterdir())] == names
    assert [file.name for file in sorted((made / "high").iterdir())] == names
    assert [file.name for file in sorted((made / "repeats").iterdir())] == names[:4]
    low, repeated = images.read(made / "low" / names[0]), images.read(made / "repeats" / names[0])
    assert repeated.sizes["t"] == 4 and (repeated.values[0] == low.values[0]).all()
    assert low.dtype == np.uint16 and low.attrs["pixel_size"] == (1.0, 0.2, 0.2) and low.attrs["unit"] == "µm"
    assert dict(images.read(made / "movie.tif").sizes) == {"t": 10, "c": 1, "z": 1, "y": 64, "x": 64}


def test_stacks_have_slices(tmp_path: Path) -> None:
    made = noisy.write_noisy(tmp_path / "set", 1, 64, volume=True)
    for path in ("low/cells_001.tif", "high/cells_001.tif", "stack.tif"):
        assert images.read(made / path).sizes["z"] == 24
    assert images.read(made / "repeats" / "cells_001.tif").sizes["t"] == 4


@pytest.mark.parametrize("shape", [(128, 128), (12, 64, 64)])
def test_the_noise_is_the_one_that_was_asked_for(shape: tuple[int, ...]) -> None:
    camera = noisy.Camera(photons=7.0, read_noise=9.0)
    pair = noisy.draw(shape, 1, 0, camera)
    expected = noisy.OFFSET + noisy.GAIN * camera.photons * pair.light
    variance = noisy.GAIN**2 * camera.photons * pair.light + camera.read_noise**2
    for image, averaged in ((pair.low, 1), (pair.high, noisy.AVERAGED)):
        z = (image - expected) / np.sqrt(variance / averaged + 1 / 12)  # the counts are whole numbers
        assert abs(z.mean()) < 0.05 and abs(z.std() - 1) < 0.03


def test_stripes_hang_together_along_the_rows_only() -> None:
    light = np.full((128, 128), 0.1)
    noise = next(noisy.exposures(light, np.random.default_rng(0), noisy.Camera(read_noise=0, stripes=40))) - 106.0
    along = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    across = np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]
    assert along > 0.8 and abs(across) < 0.1


def test_the_movie_moves_as_it_says() -> None:
    frames = noisy.movie((96, 96), 3, noisy.Camera(photons=1000, read_noise=0), frames=4).astype(float)
    moved = ndimage.shift(frames[3], [3 * step for step in noisy.STEP], order=3, mode="nearest")[8:-8, 8:-8]
    here, there = frames[0][8:-8, 8:-8], frames[3][8:-8, 8:-8]
    assert np.abs(moved - here).mean() < 0.3 * np.abs(there - here).mean()


def test_the_task_and_the_command(tmp_path: Path) -> None:
    keys = {"task": "sample", "kind": "noisy", "out": str(tmp_path / "set"), "images": 1, "size": 64}
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "ok" and "1 image pair in low and high" in reply["message"]
    assert tasks.run(keys, QuietHost())["status"] == "error"
    assert main(["sample", "noisy", "--out", str(tmp_path / "cli"), "--images", "1", "--size", "64"]) == 0
    assert content(tmp_path / "cli") == content(tmp_path / "set")


def test_keys_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="annotated"):
        parse(SampleRequest, {"kind": "noisy", "out": str(tmp_path), "annotated": 1})
    with pytest.raises(BadInput, match="photons"):
        parse(SampleRequest, {"out": str(tmp_path), "photons": 3})
