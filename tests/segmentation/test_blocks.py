"""An image in blocks has the objects of the image in one piece: none is cut or doubled at a border."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from talanoa import api, rois, tasks
from talanoa import image as images
from talanoa.api import results
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image import lazy
from talanoa.image.ops.normalize import percentile_limits
from talanoa.models import methods
from talanoa.models.methods import star_convex
from talanoa.models.runtime import store
from talanoa.models.runtime.store import CANDIDATES, Store
from talanoa.segmentation.blocks import draw, levels
from talanoa.segmentation.blocks import grid as blocks_grid
from talanoa.segmentation.blocks.frame import Frame
from talanoa.segmentation.blocks.job import Job
from talanoa.segmentation.blocks.nms import reach
from talanoa.segmentation.request import SegmentRequest


def crowd(config: Any, shape: tuple[int, ...], count: int, radius: float, seed: int) -> star_convex.Candidates:
    """Return candidates anywhere, many of them over each other, of up to `radius`."""
    random = np.random.default_rng(seed)
    places = [random.integers(0, -(-size // step), count) * step for size, step in zip(shape, config.grid, strict=True)]
    points = np.unique(np.stack(places, axis=1), axis=0).astype(np.float32)
    wanted = random.uniform(0.3, 1, (len(points), 1)) * radius * random.uniform(0.8, 1, (len(points), config.n_rays))
    probabilities = random.integers(1, 40, len(points)) / 40  # with ties
    return star_convex.Candidates(points, probabilities.astype(np.float32), wanted.astype(np.float32), config.rays)


def job_for(tmp_path: Path, config: Any, shape: tuple[int, ...], side: int, **keys: Any) -> Job:
    grid = blocks_grid.plan(shape, config, side)
    form = images.from_array(np.zeros(shape, np.uint8), "zyx"[-len(shape) :])
    where = (lazy.in_memory(form), (0,), slice(0, 1), 0 if len(shape) == 2 else None)
    settings = SegmentRequest(**keys)
    return Job(*where, grid, config, settings, {"prob": 0.5, "nms": 0.4}, Store(tmp_path), QuietHost())


def put(job: Job, found: star_convex.Candidates) -> star_convex.Candidates:
    """Store candidates in their blocks; return them in the order of the blocks, as one image has them."""
    parts = []
    for block in range(len(job.grid)):
        low, high = np.array(job.grid.box(block)).T
        part = found.take(np.flatnonzero(((found.points >= low) & (found.points < high)).all(axis=1)))
        job.store.save_candidates(CANDIDATES, block, part, reach=reach(part))
        parts.append(part)
    return star_convex.join(parts, job.config)


def places(found: star_convex.Candidates) -> set[tuple[float, ...]]:
    return {tuple(point) for point in found.points.tolist()}


VOLUME = methods.get("stardist3d").config(grid=(1, 2, 2), n_rays=24, unet_n_depth=1, anisotropy=(2, 1, 1))
PLANE = methods.get("stardist").config(grid=(2, 2), n_rays=16, unet_n_depth=2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radius", [5, 24])  # up to half a block of 48, and more: reaching over several
def test_winners_and_pixels_of_planes_are_those_of_one_piece(tmp_path: Path, radius: float, seed: int) -> None:
    job = job_for(tmp_path, PLANE, (150, 203), 48, min_size=12)
    assert job.grid.counts == (4, 5) and 150 % job.grid.core[0] and 203 % job.grid.core[1]
    check_objects(job, crowd(PLANE, (150, 203), 4000, radius, seed))


@pytest.mark.parametrize("radius", [4, 16])
def test_winners_and_voxels_of_volumes_are_those_of_one_piece(tmp_path: Path, radius: float) -> None:
    job = job_for(tmp_path, VOLUME, (37, 70, 91), 32, min_size=12)
    assert job.grid.counts == (2, 3, 3)
    check_objects(job, crowd(VOLUME, (37, 70, 91), 1500, radius, 0))


def check_objects(job: Job, found: star_convex.Candidates) -> None:
    """Compare what the blocks make of candidates with what comes of all at once."""
    shape = job.grid.shape
    whole = put(job, found)
    frame = Frame(job, 0)
    frame.decide()
    frame.settle()
    expected = star_convex.decode(whole, 0.4)
    assert set().union(*(places(frame.winners(block)) for block in range(len(job.grid)))) == places(expected)
    frame.filter()
    painted = np.zeros(shape, np.int32)
    for block in range(len(job.grid)):
        drawn = draw.draw(job.grid, block, frame.winners, frame.largest)
        values = draw.numbered(drawn, frame.numbers)
        painted[blocks_grid.slices(job.grid.box(block))] = draw.core_of(drawn, values, job.grid.box(block))
    drawn_whole, _ = star_convex.render(expected, shape)
    area = np.bincount(drawn_whole.ravel())
    truth = np.where(area[drawn_whole] >= 12, drawn_whole, 0)
    assert same_objects(painted, truth) and painted.max() == frame.count


def same_objects(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two label images are equal up to the numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    alone = all(len(np.unique(side)) == len(side) for side in pairs)
    return alone and bool(((pairs[0] == 0) == (pairs[1] == 0)).all())


def test_classes_go_with_the_objects(tmp_path: Path) -> None:
    job = job_for(tmp_path, PLANE, (100, 130), 48)
    found = crowd(PLANE, (100, 130), 300, 8, 0)
    found = replace(found, classes=np.random.default_rng(0).random((len(found), 3)).astype(np.float32))
    expected = star_convex.decode(put(job, found), 0.4)
    frame = Frame(job, 0)
    frame.decide()
    frame.settle()
    winners = star_convex.join([frame.winners(block) for block in range(len(job.grid))], PLANE)
    assert winners.classes is not None and expected.classes is not None
    order, truth = (np.lexsort(each.points.T) for each in (winners, expected))
    assert np.array_equal(winners.classes[order], expected.classes[truth])


def test_chains_over_many_blocks_are_settled(tmp_path: Path) -> None:
    config = methods.get("stardist").config(grid=(1, 1), n_rays=16, unet_n_depth=2)
    job = job_for(tmp_path, config, (16, 1600), 24)
    count = 200  # discs of radius 10, 8 pixels apart: each suppresses the next one, from left to right
    points = np.stack([np.full(count, 8), np.arange(count) * 8], axis=1).astype(np.float32)
    probabilities = np.linspace(0.99, 0.51, count).astype(np.float32)
    found = star_convex.Candidates(points, probabilities, np.full((count, 16), 10, np.float32))
    whole = star_convex.decode(put(job, found), 0.4)
    assert 60 < len(whole) < 140
    frame = Frame(job, 0)
    frame.decide()
    sweeps, disagreements = frame.settle()
    assert set().union(*(places(frame.winners(block)) for block in range(len(job.grid)))) == places(whole)
    assert sweeps > 1 and disagreements > 1  # the chain is longer than any margin
    assert Frame(job, 0).settle() == (sweeps, disagreements)  # noted, not done again


def field(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return bright discs, touching and on the borders of blocks, in dark noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = np.zeros((height, width))
    on_corners = [(y, x) for y in range(0, height + 1, 64) for x in range(0, width + 1, 64)]
    anywhere = random.uniform(0, 1, (25, 2)) * (height, width)
    for y, x in [*on_corners, *anywhere.tolist()]:
        image[(rows - y) ** 2 + (columns - x) ** 2 < random.uniform(6, 9) ** 2] = 1
    noisy = 200 + 1500 * image + random.normal(0, 60, image.shape)
    return np.clip(noisy, 0, None).astype(np.uint16)


def request(image: Path, out: Path, **keys: Any) -> dict[str, Any]:
    return {"task": "segment", "image": str(image), "model": tiny.MODEL, "device": "cpu", "out": str(out), **keys}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two frames of two channels, of which the second shows objects."""
    folder = tmp_path_factory.mktemp("stack")
    frames = [np.stack([field(150, 170, seed + 10), field(150, 170, seed)]) for seed in range(2)]
    image = images.from_array(np.stack(frames), "tcyx", pixel_size=(1, 0.5, 0.5), unit="µm", frame_interval=2)
    images.write(folder / "stack.tif", image)
    images.write(folder / "stack.ome.zarr", image)
    return folder


@pytest.fixture(scope="module")
def whole(stack: Path) -> results.Segmented:
    return api.segment(stack / "stack.tif", tiny.MODEL, channel=2, device="cpu", exclude_border=True, min_size=20)


@pytest.fixture(scope="module")
def in_blocks(stack: Path) -> results.Segmented:
    keys = {"channel": 2, "device": "cpu", "exclude_border": True, "min_size": 20}
    return api.segment(stack / "stack.tif", tiny.MODEL, block=64, out=stack / "result", **keys)


def test_the_result_is_that_of_one_piece(whole: results.Segmented, in_blocks: results.Segmented) -> None:
    assert in_blocks.folder is not None and whole.labels is not None and in_blocks.record is not None
    labels = images.read_labels(in_blocks.folder / "labels.ome.zarr")
    assert labels.attrs["pixel_size"] == (1, 0.5, 0.5) and labels.attrs["unit"] == "µm"
    assert labels.attrs["frame_interval"] == 2 and labels.sizes == whole.labels.sizes
    for t in range(2):
        assert same_objects(labels.values[t], whole.labels.values[t])
        assert labels.values[t].max() == in_blocks.record["objects_of_frames"][t] > 5
    assert in_blocks.record["used"]["norm_values"] == whole.record["used"]["norm_values"]  # type: ignore[index]


def test_measurements_are_those_of_one_piece(whole: results.Segmented, in_blocks: results.Segmented) -> None:
    keys = ["Frame", "Y", "X"]
    one = whole.table.sort_values(keys, ignore_index=True)
    other = in_blocks.table.sort_values(keys, ignore_index=True)
    assert list(one.columns) == list(other.columns) and len(one) == len(other)
    numbers = [name for name in one.columns if name not in ("Label", "Name")]
    np.testing.assert_allclose(one[numbers].to_numpy(float), other[numbers].to_numpy(float), rtol=1e-5, atol=1e-5)
    assert in_blocks.table.attrs["units"] == whole.table.attrs["units"]


def test_outlines_give_the_labels_again(in_blocks: results.Segmented) -> None:
    assert in_blocks.folder is not None
    labels = images.read_labels(in_blocks.folder / "labels.ome.zarr")
    read = rois.read_zip(in_blocks.folder / "rois.zip", (2, 1, 150, 170))
    assert not read.skipped and set(read.rois.names) == set(in_blocks.table["Name"])
    filled = rois.to_labels(read.rois, (2, 1, 150, 170))
    assert np.array_equal(filled.labels.values, labels.values)


def test_labels_are_read_by_the_reader_of_ome_zarr(in_blocks: results.Segmented) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    assert in_blocks.folder is not None
    location = parse_url(in_blocks.folder / "labels.ome.zarr")
    assert location is not None
    (node,) = Reader(location)()
    assert node.metadata["axes"][-1] == {"name": "x", "type": "space", "unit": "micrometer"}
    assert np.array_equal(np.asarray(node.data[0]), images.read_labels(in_blocks.folder / "labels.ome.zarr").values)


def test_zarr_gives_what_tiff_gives_and_a_rerun_the_same(stack: Path, in_blocks: results.Segmented) -> None:
    keys = {"channel": 2, "exclude_border": True, "min_size": 20, "block": 64}
    reply = tasks.run(request(stack / "stack.ome.zarr", stack / "from zarr", **keys), QuietHost())
    assert reply["status"] == "ok", reply["message"]
    assert reply["record"]["labels_sha256"] == in_blocks.record["labels_sha256"]  # type: ignore[index]
    again = tasks.run({"task": "rerun", "result": str(in_blocks.folder), "out": str(stack / "again")}, QuietHost())
    assert again["status"] == "ok" and again["identical"], again["message"]


def test_a_rerun_without_a_place_compares_and_leaves_nothing(stack: Path, in_blocks: results.Segmented) -> None:
    before = sorted(path.name for path in stack.iterdir())
    for result in (in_blocks.folder, f"{in_blocks.folder}/result.json"):
        again = tasks.run({"task": "rerun", "result": str(result)}, QuietHost())
        assert again["status"] == "ok" and again["identical"] and again["folder"] is None, again["message"]
        assert "results in" not in again["message"] and len(again["table"]) == len(in_blocks.table)
    stopped = tasks.run({"task": "rerun", "result": str(in_blocks.folder)}, Stopping("Network, block 3"))
    assert stopped["status"] == "cancelled" and stopped["message"] == "Stopped on request; nothing was written."
    assert sorted(path.name for path in stack.iterdir()) == before


class Stopping(tiny.RecordingHost):
    """Asks to stop when a step begins with a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def progress(self, done: float, total: float, text: str) -> None:
        super().progress(done, total, text)
        self.stop = self.stop or text.startswith(self.text)


@pytest.mark.parametrize("at", ["Network, block 3", "Overlaps, block 2", "Objects, block 4", "Labels, block 5"])
def test_what_is_done_is_not_done_again(tmp_path: Path, at: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field(130, 150))
    keys = request(tmp_path / "a.tif", tmp_path / "out", block=64)
    stopped = tasks.run(keys, Stopping(at))
    assert stopped["status"] == "cancelled" and "same command again" in stopped["message"]
    work = store.folder_for(tmp_path / "out")
    assert not (tmp_path / "out").exists() and (work / store.README).is_file()
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*.npz")}
    assert before
    other = tasks.run({**keys, "min_size": 5}, QuietHost())
    assert other["status"] == "error" and "request.min_size was 0, is 5" in other["message"]
    host = tiny.RecordingHost()
    reply = tasks.run(keys, host)
    assert reply["status"] == "ok" and any("Resuming the unfinished work" in text for text in host.warnings)
    assert not work.exists()
    fresh = tasks.run({**keys, "out": str(tmp_path / "fresh")}, QuietHost())
    assert fresh["record"]["labels_sha256"] == reply["record"]["labels_sha256"]
    assert (tmp_path / "fresh/rois.zip").read_bytes() == (tmp_path / "out/rois.zip").read_bytes()
    assert (tmp_path / "fresh/measurements.csv").read_bytes() == (tmp_path / "out/measurements.csv").read_bytes()


def test_another_image_is_not_taken_for_the_one_begun_with(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field(130, 150))
    keys = request(tmp_path / "a.tif", tmp_path / "out", block=64)
    assert tasks.run(keys, Stopping("Overlaps"))["status"] == "cancelled"
    tifffile.imwrite(tmp_path / "a.tif", field(130, 150, seed=1))
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "error" and "sampled_sha256" in reply["message"]


def test_a_stop_before_the_first_block_leaves_nothing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field(130, 150))
    reply = tasks.run(request(tmp_path / "a.tif", tmp_path / "out", block=64), tiny.RecordingHost(stop=True))
    assert reply["status"] == "cancelled" and [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_large_images_go_through_blocks_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.tasks import segment_blocks

    tifffile.imwrite(tmp_path / "a.tif", field(130, 150))
    monkeypatch.setattr(segment_blocks, "BUDGET", 10_000)
    reply = tasks.run(request(tmp_path / "a.tif", tmp_path / "out"), QuietHost())
    assert reply["status"] == "ok" and (tmp_path / "out/labels.ome.zarr").is_dir()
    assert reply["record"]["used"]["block"] is None
    nowhere = tasks.run(request(tmp_path / "a.tif", tmp_path) | {"out": None}, QuietHost())
    assert nowhere["status"] == "error" and "Set out=" in nowhere["message"]


def test_what_needs_the_whole_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field(130, 150))
    with pytest.raises(BadInput, match="no blocks"):
        tasks.perform(request(tmp_path / "a.tif", tmp_path / "out", block=64, maps=True), QuietHost())


@pytest.mark.parametrize(
    "keys",
    [
        {"scale": 2, "block": 128},  # of more than 64 blocks some are looked at for the percentiles
        {"scale": 0.7, "min_size": 30, "exclude_border": True, "block": 64},
        {"background": "clip", "block": 64},
        {"background": "rolling_ball", "background_radius": 12, "scale": 1.3, "block": 64},
    ],
)
def test_what_the_network_sees_in_blocks_is_what_it_sees_of_one_piece(tmp_path: Path, keys: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", field(350, 371))
    one = tasks.perform(request(tmp_path / "a.tif", tmp_path / "one", **{**keys, "block": None}), QuietHost())
    many = tasks.perform(request(tmp_path / "a.tif", tmp_path / "many", **keys), QuietHost())
    labels = images.read_labels(tmp_path / "many" / "labels.ome.zarr")
    assert many["record"]["used"]["blocks"] > 8 and many["record"]["objects"] == one["labels"].values.max() > 20
    assert same_objects(labels.values[0], one["labels"].values[0])
    assert many["record"]["used"]["norm_values"] == one["record"]["used"]["norm_values"]
    assert set(map(tuple, many["table"][["Y", "X"]].round(3).to_numpy())) == set(
        map(tuple, one["table"][["Y", "X"]].round(3).to_numpy())
    )


def test_an_open_image_is_in_memory_already() -> None:
    with pytest.raises(BadInput, match="is for image files"):
        tasks.perform({"task": "segment", "block": 64}, QuietHost(), images.from_array(field(64, 64), "yx"))


def test_an_image_without_objects(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((130, 150), np.float32))
    host = tiny.RecordingHost()
    reply = tasks.run(request(tmp_path / "a.tif", tmp_path / "out", block=64), host)
    assert reply["status"] == "ok" and reply["record"]["objects"] == 0 and len(reply["table"]) == 0
    assert any("No objects" in text for text in host.warnings)
    not_finite = np.full((130, 150), np.nan, np.float32)
    tifffile.imwrite(tmp_path / "b.tif", not_finite)
    assert "NaN" in tasks.run(request(tmp_path / "b.tif", tmp_path / "o", block=64), QuietHost())["message"]


def test_percentiles_of_few_blocks_are_those_of_the_whole_image(monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.image.ops import normalize

    monkeypatch.setattr(normalize, "_SAMPLE", 3000)  # so that a subsample is used
    image = images.from_array(field(150, 203), "yx")
    grid = blocks_grid.plan((150, 203), PLANE, 48)
    pixels = blocks_grid.Pixels(lazy.in_memory(image), 0, slice(0, 1), 0)
    found = levels.measure(pixels, grid, 1, 99.8, QuietHost())
    assert found.limits == [percentile_limits(image.values, 1, 99.8)] and found.blocks == found.of == 20
    monkeypatch.setattr(levels, "MOST", 5)
    some = levels.measure(pixels, grid, 1, 99.8, QuietHost())
    assert (some.blocks, some.of) == (5, 20) == (len(levels.drawn(20)), 20)
    assert some == levels.measure(pixels, grid, 1, 99.8, QuietHost())
