"""Picking: what is chosen stands for all, copies are exact and calibrated, originals stay as they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from helpers import annotating
from helpers.annotating import done, files, refused
from talanoa import image as images
from talanoa.annotation import diversity, image_parts
from talanoa.annotation import pick as module
from talanoa.segmentation.dataset.folder import open_dataset


def textures(kind: int, seed: int) -> np.ndarray:
    """Return one of four kinds of images: dim and smooth, bright and smooth, fine grain, few bright spots."""
    rng = np.random.default_rng(100 * kind + seed)
    noise = rng.normal(size=(64, 64))
    smooth = ndimage.gaussian_filter(noise, 8)
    smooth = smooth / smooth.std()
    made = (40 + 8 * smooth, 180 + 25 * smooth, 100 + 40 * noise, 20 + 200 * (rng.random((64, 64)) > 0.995) + noise)[
        kind
    ]
    return np.clip(made, 0, 255).astype(np.uint8)


def test_each_kind_is_chosen_once() -> None:
    described = [diversity.features(textures(kind, seed).astype(np.float32)) for seed in range(5) for kind in range(4)]
    for count in (4, 5, 8):
        chosen = diversity.choose(described, count)
        assert len(set(chosen)) == count and chosen == sorted(chosen)
        assert {k % 4 for k in chosen} == {0, 1, 2, 3}
    assert diversity.choose(described, 4) == diversity.choose(described, 4)
    assert diversity.choose(described, 99) == list(range(20))


def test_order_and_brightness_units_do_not_change_the_choice() -> None:
    described = np.array([diversity.features(textures(k % 4, k).astype(np.float32)) for k in range(16)])
    chosen = set(diversity.choose(list(described), 4))
    order = np.random.default_rng(3).permutation(16)
    assert {int(order[k]) for k in diversity.choose(list(described[order]), 4)} == chosen
    assert set(diversity.choose(list(described * 7 + 3), 4)) == chosen


def test_what_was_chosen_earlier_is_not_chosen_again() -> None:
    described = [diversity.features(textures(kind, seed).astype(np.float32)) for seed in range(3) for kind in range(4)]
    known = [diversity.features(textures(kind, 9).astype(np.float32)) for kind in (0, 1, 2)]
    assert diversity.choose(described, 1, known)[0] % 4 == 3


def test_copies_are_exact_and_calibrated_and_originals_untouched(tmp_path: Path) -> None:
    source = annotating.sources(tmp_path, 4)
    before = files(source)
    done("new", tmp_path / "set")
    reply = done("pick", tmp_path / "set", source=str(source), count=2)
    assert files(source) == before and len(reply["picked"]) == 2 and reply["progress"]["total"] == 2
    found = open_dataset(tmp_path / "set")
    assert found.pixel_size == (1, 0.5, 0.5) and found.unit == "µm"
    for entry in found.entries:
        copy, original = images.read(found.image_path(entry.name)), images.read(entry.source)
        np.testing.assert_array_equal(copy, original)
        assert copy.attrs["pixel_size"] == original.attrs["pixel_size"] and copy.dtype == original.dtype
        assert entry.source_sha256 == hashlib.sha256(Path(entry.source).read_bytes()).hexdigest()
    assert reply["table"]["name"].tolist() == reply["picked"]
    again = done("pick", tmp_path / "set", source=str(source), count="all")
    assert len(again["picked"]) == 2 and not set(again["picked"]) & set(reply["picked"])
    assert "are in the dataset set already" in refused("pick", tmp_path / "set", source=str(source))


def test_files_named_by_hand_are_all_taken(tmp_path: Path) -> None:
    source = annotating.sources(tmp_path, 4)
    done("new", tmp_path / "set")
    names = [source / "field_3.tif", source / "field_0.tif"]
    assert done("pick", tmp_path / "set", source=[str(name) for name in names])["picked"] == ["field_3", "field_0"]
    assert "Found no file or folder" in refused(
        "pick", tmp_path / "set", source=f"{names[0]}; {source / 'field_9.tif'}"
    )


def test_planes_frames_and_tiles_say_where_they_are_from(tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 70 * 100, dtype=np.uint16).reshape(2, 3, 70, 100)
    movie = images.from_array(values, "tzyx", pixel_size=(2, 0.5, 0.5), unit="µm", frame_interval=60)
    images.write(tmp_path / "movie.tif", movie)
    done("new", tmp_path / "set")
    source = str(tmp_path / "movie.tif")
    reply = done("pick", tmp_path / "set", source=source, cut="both", tile=64)
    assert len(reply["picked"]) == 2 * 3 * 2 * 2
    assert reply["picked"][:2] == ["movie_T0001_Z001_Y00000_X00000", "movie_T0001_Z001_Y00000_X00036"]
    last = open_dataset(tmp_path / "set").entries[-1]
    assert last.part == "T2 Z3 Y6-70 X36-100"
    found = images.read(tmp_path / "set" / "images" / f"{last.name}.tif")
    np.testing.assert_array_equal(found.values.squeeze(), values[1, 2, 6:70, 36:100])
    assert found.attrs["pixel_size"] == (2, 0.5, 0.5)
    assert len(done("pick", tmp_path / "set", source=source, cut="frames")["picked"]) == 2
    whole = done("pick", tmp_path / "set", source=source)["picked"]
    assert whole == ["movie"] and images.read(tmp_path / "set" / "images" / "movie.tif").sizes["z"] == 3


@pytest.mark.parametrize(("height", "width", "tile"), [(70, 100, 64), (64, 64, 64), (200, 33, 32), (128, 129, 64)])
def test_tiles_cover_the_image_and_lie_inside(height: int, width: int, tile: int) -> None:
    form = images.from_array(np.zeros((height, width), np.uint8), "yx")
    seen = np.zeros((height, width), int)
    for part in image_parts.list_parts(0, "a", form, "none", tile):
        assert 0 <= part.y[0] < part.y[1] <= height and part.y[1] - part.y[0] == min(tile, height)
        seen[slice(*part.y), slice(*part.x)] += 1
    assert seen.all()


def test_an_image_that_was_never_saved_can_be_added(tmp_path: Path) -> None:
    open_image = annotating.plane()
    open_image.attrs["name"] = "Untitled: 1/2"
    done("new", tmp_path / "set")
    assert done("pick", tmp_path / "set", imp=open_image)["picked"] == ["Untitled_ 1_2"]
    entry = open_dataset(tmp_path / "set").entries[0]
    assert (entry.source, entry.source_sha256) == ("", "")
    assert done("pick", tmp_path / "set", imp=open_image)["picked"] == ["Untitled_ 1_2-2"]


def test_several_channels_and_colours_are_kept(tmp_path: Path) -> None:
    done("new", tmp_path / "set")
    colour = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    images.write(tmp_path / "rgb.png", images.from_array(colour, "yxs"))
    images.write(tmp_path / "two.tif", images.from_array(np.zeros((2, 20, 30), np.uint16), "cyx"))
    done("pick", tmp_path / "set", source=f"{tmp_path / 'rgb.png'};{tmp_path / 'two.tif'}", channel=1)
    assert images.read(tmp_path / "set" / "images" / "rgb.tif").attrs["rgb"]
    assert images.read(tmp_path / "set" / "images" / "two.tif").sizes["c"] == 2
    assert done("next", tmp_path / "set", image="rgb")["next"]["display"] is None
    assert len(done("next", tmp_path / "set", image="two")["next"]["display"]) == 2


def test_other_pixel_sizes_are_said(tmp_path: Path) -> None:
    source = annotating.sources(tmp_path, 2)
    images.write(
        source / "other.tif", images.from_array(np.eye(9, dtype=np.uint8), "yx", pixel_size=(1, 2, 2), unit="µm")
    )
    done("new", tmp_path / "set")
    said = done("pick", tmp_path / "set", source=str(source))["warnings"]
    assert any("1 of 3 images have another pixel size than the dataset (0.5 µm): other" in text for text in said)


def test_flat_parts_are_not_offered(tmp_path: Path) -> None:
    values = np.zeros((64, 256), np.uint8)
    values[:, :64] = textures(2, 1)
    values[:, 64:128] = textures(0, 1)
    images.write(tmp_path / "strip.tif", images.from_array(values, "yx"))
    done("new", tmp_path / "set")
    reply = done("pick", tmp_path / "set", source=str(tmp_path / "strip.tif"), tile=64, count=3)
    assert len(reply["picked"]) == 2 and "2 parts of one single value were left out." in reply["warnings"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = annotating.dataset(tmp_path, 2)
    (tmp_path / "source" / "zz.tif").write_bytes(b"no image")
    (tmp_path / "source" / "aa.tif").write_bytes((tmp_path / "source" / "field_0.tif").read_bytes())
    before = files(root)
    named = "; ".join(str(tmp_path / "source" / name) for name in ("aa.tif", "zz.tif"))
    assert "cannot be read as an image" in refused("pick", root, source=named)
    assert files(root) == before
    (tmp_path / "source" / "zz.tif").unlink()

    def fail(*given: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(module.form, "write", fail)
        refused("pick", root, source=str(tmp_path / "source"))
    assert files(root) == before
    assert done("pick", root, source=str(tmp_path / "source"))["picked"] == ["aa"]
    assert "belongs to the dataset already" in refused("pick", root, source=str(root / "images"))


def test_a_damaged_image_of_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    more = tmp_path / "more"
    more.mkdir()
    (more / "zz.tif").write_bytes(b"no image")
    assert "1 image cannot be read and left out: zz.tif" in refused("pick", root, source=str(more))
    for number in range(3):
        annotated = images.from_array(textures(number, number), "yx", pixel_size=(1, 0.5, 0.5), unit="µm")
        images.write(more / f"t{number}.tif", annotated)
    whole = (more / "t0.tif").read_bytes()
    (more / "cut.tif").write_bytes(whole[: len(whole) // 2])  # its header is whole
    before = {path.name for path in (root / "images").iterdir()}
    for count in (2, 20):
        reply = done("pick", root, source=str(more), count=count)
        assert any("zz.tif" in text and "cut.tif" in text for text in reply["warnings"])
    added = {path.name for path in (root / "images").iterdir()} - before
    assert added == {"t0.tif", "t1.tif", "t2.tif"} == {f"{entry.name}.tif" for entry in open_dataset(root).entries[1:]}


def test_what_others_save_during_a_pick_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = annotating.dataset(tmp_path, 2)
    (tmp_path / "new.tif").write_bytes((tmp_path / "source" / "field_0.tif").read_bytes())
    real = module._copy

    def copy(*given: Any) -> Any:
        done("save", root, image="field_1", rois=annotating.truth(root, "field_1"))
        return real(*given)

    monkeypatch.setattr(module, "_copy", copy)
    assert done("pick", root, source=str(tmp_path / "new.tif"))["status_text"] == "1 of 3"


def test_the_order_of_work(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 3)
    assert done("next", root)["next"]["name"] == "field_0"
    assert done("next", root, after="field_0")["next"]["name"] == "field_1"
    assert done("next", root, after="field_2")["next"]["name"] == "field_0"
    reply = done("skip", root, image="field_0.tif")
    assert reply["next"]["name"] == "field_1" and reply["status_text"] == "0 of 2"
    content = json.loads((root / "dataset.json").read_text())
    content["images"][2]["uncertainty"] = 0.9
    (root / "dataset.json").write_text(json.dumps(content))
    assert done("next", root)["next"]["name"] == "field_2"
    for name in ("field_1", "field_2"):
        last = done("save", root, image=name, rois=annotating.truth(root, name))
    assert last["next"] is None and last["status_text"] == "2 of 2"
    assert "No image of set waits any more" in done("next", root)["message"]
    assert done("next", root, image="field_0")["next"]["status"] == "skipped"
    (root / "images" / "field_0.tif").unlink()
    assert "is gone" in refused("next", root, image="field_0")
