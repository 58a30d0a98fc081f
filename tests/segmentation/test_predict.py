from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from helpers import tiny
from helpers.synthetic import nuclei
from helpers.trained import small_model
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.image.ops.normalize import normalize
from talanoa.models import folder
from talanoa.models.folder import Model
from talanoa.models.methods import stardist
from talanoa.models.runtime import backends, inference, tiles
from talanoa.segmentation.predict import Segmentation, segment
from talanoa.segmentation.request import SegmentRequest


@pytest.fixture(scope="module")
def model() -> Model:
    return folder.load(small_model().name)


def run(image: np.ndarray | xr.DataArray, model: Model, selection: Any = None, **keys: Any) -> Segmentation:
    data = image if isinstance(image, xr.DataArray) else from_array(image)
    return segment(data, model, SegmentRequest(device="cpu", **keys), QuietHost(), selection)


def plane(found: Segmentation) -> np.ndarray:
    return found.labels.values[0, 0, 0]


def test_labels_and_table_agree(model: Model) -> None:
    found = run(nuclei(seed=60)[0], model)
    labels = plane(found)
    assert labels.dtype == np.int32 and found.labels.dims == ("t", "c", "z", "y", "x")
    assert np.array_equal(np.unique(labels), np.arange(len(found.objects) + 1))
    assert found.polygons.shape == (len(found.objects), 16, 2)
    assert (np.diff(found.objects["Probability"]) <= 0).all()
    rows, columns = found.objects[["Y", "X"]].to_numpy().round().astype(int).T
    assert np.mean(labels[rows, columns] == found.objects["Label"]) > 0.95


@pytest.mark.parametrize("count", [2, 5, 9])
def test_tiled_equals_untiled(model: Model, count: int) -> None:
    image = nuclei(size=300, count=40, seed=61)[0]
    whole, tiled = run(image, model, tiles=1), run(image, model, tiles=count)
    assert tiled.record["tiles"] >= count
    assert np.array_equal(plane(whole), plane(tiled))
    assert np.allclose(whole.objects["Probability"], tiled.objects["Probability"], atol=1e-5)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_network_output_of_tiles_equals_that_of_the_whole(model: Model, backend: str) -> None:
    config = stardist.config_from(**model.config)
    image = normalize(nuclei(size=203, count=20, seed=62)[0])[None]
    net = backends.for_model(model, "cpu", backend).runner
    ((_, whole),) = inference.outputs(net, image, tiles.plan((203, 203), (1, 1), config.halo, config.multiple), config)
    for tile, maps in inference.outputs(
        net, image, tiles.plan((203, 203), (3, 2), config.halo, config.multiple), config
    ):
        (y0, y1), (x0, x1) = tile.core
        part = (slice(y0 // 2, -(-y1 // 2)), slice(x0 // 2, -(-x1 // 2)))
        assert np.allclose(maps.prob, whole.prob[part], atol=1e-5)
        assert np.allclose(maps.dist, whole.dist[:, part[0], part[1]], atol=1e-3)


def test_the_same_request_gives_the_same_labels(model: Model) -> None:
    image = nuclei(seed=63)[0]
    assert np.array_equal(plane(run(image, model)), plane(run(image, model)))


def test_gain_and_offset_of_the_image_do_not_matter(model: Model) -> None:
    image = nuclei(seed=64)[0].astype(np.float32)
    assert len(run(image, model).objects) == len(run(image * 37 + 1000, model).objects)


def test_objects_of_another_size_are_found_by_scale(model: Model) -> None:
    image, labels = nuclei(seed=65)
    large = np.kron(image, np.ones((3, 3), np.uint8))
    found = plane(run(large, model, scale=1 / 3))
    assert found.shape == large.shape
    truth = np.kron(labels, np.ones((3, 3), int)) > 0
    assert np.count_nonzero(truth & (found > 0)) / np.count_nonzero(truth | (found > 0)) > 0.75


def test_filters_drop_what_they_say(model: Model) -> None:
    image = nuclei(size=200, count=25, seed=66)[0]
    everything = run(image, model)
    area = np.bincount(plane(everything).ravel())[1:]
    middle = int(np.median(area))
    assert len(run(image, model, min_size=middle).objects) == (area >= middle).sum()
    assert len(run(image, model, max_size=middle).objects) == (area <= middle).sum()
    mean = np.bincount(plane(everything).ravel(), image.ravel())[1:] / area
    assert len(run(image, model, min_intensity=float(np.median(mean))).objects) == (mean >= np.median(mean)).sum()
    inner = plane(run(image, model, exclude_border=True))
    assert not np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]]).any()
    probable = run(image, model, prob_thresh=float(everything.objects["Probability"].median()))
    assert 0 < len(probable.objects) < len(everything.objects)


def test_only_objects_in_the_selection_are_kept(model: Model) -> None:
    image = nuclei(size=200, count=25, seed=67)[0]
    left = np.zeros((200, 200), bool)
    left[:, :100] = True
    everything, kept = run(image, model), run(image, model, selection=left)
    on_the_left = everything.objects[everything.objects["X"].round() < 100]
    assert 0 < len(kept.objects) == len(on_the_left) < len(everything.objects)
    assert np.array_equal(plane(kept) > 0, np.isin(plane(everything), on_the_left["Label"]))


def test_frames_are_segmented_one_by_one(model: Model) -> None:
    frames = np.stack([nuclei(seed=68)[0], nuclei(seed=69)[0]])
    found = run(from_array(frames, "tyx"), model)
    for number in range(2):
        alone = run(frames[number], model)
        assert np.array_equal(found.labels.values[number, 0, 0], plane(alone))
        assert (found.objects["Frame"] == number + 1).sum() == len(alone.objects)


def test_the_models_own_thresholds_are_filled_in_and_recorded(model: Model) -> None:
    found = run(nuclei(seed=70)[0], model)
    assert found.record["prob_thresh"] == model.thresholds["prob"]
    assert found.record["nms_thresh"] == model.thresholds["nms"]
    assert run(nuclei(seed=70)[0], model, prob_thresh=0.9).record["prob_thresh"] == 0.9
    assert found.record["device"] == "cpu" and found.record["tiles"] == 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (17, 5), (16, 16)])
def test_images_smaller_than_a_tile(model: Model, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert plane(run(image, model)).shape == shape


def test_a_constant_image_has_no_objects_and_says_so(model: Model) -> None:
    found = run(np.full((64, 64), 9, np.uint16), model)
    assert len(found.objects) == 0 and not plane(found).any()
    assert "same intensity" in found.warnings[0]


def test_background_without_objects_says_what_to_try(model: Model) -> None:
    found = run(np.random.default_rng(0).normal(100, 5, (96, 96)).astype(np.float32), model, prob_thresh=0.99)
    assert len(found.objects) == 0
    assert "prob_thresh" in found.warnings[0]


@pytest.mark.parametrize("step", ["rolling_ball", "clip"])
def test_background_steps_let_nuclei_be_found_on_a_slope(model: Model, step: str) -> None:
    image = nuclei(seed=71)[0].astype(np.float32) + 0.2 * np.linspace(0, 255, 128)[None]
    assert len(run(image, model, background=step).objects) >= 8


def test_a_wrong_number_of_channels_is_refused(model: Model) -> None:
    with pytest.raises(BadInput, match="2 channel"):
        run(from_array(np.zeros((2, 32, 32), np.uint8), "cyx"), model)


def test_a_device_that_is_not_there_is_no_silent_cpu(model: Model) -> None:
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(BadInput, match="not available here; available: .*cpu"):
        segment(from_array(nuclei()[0]), model, SegmentRequest(device=missing), QuietHost())


def test_cancelling_stops_between_tiles(model: Model) -> None:
    class Impatient(QuietHost):
        done = 0

        def progress(self, done: float, total: float, text: str) -> None:
            self.done += 1

        def cancelled(self) -> bool:
            return self.done >= 2

    host = Impatient()
    with pytest.raises(Cancelled):
        segment(from_array(nuclei(size=256, count=20)[0]), model, SegmentRequest(device="cpu", tiles=16), host)
    assert host.done == 2


def test_when_memory_ends_smaller_tiles_are_tried_and_recorded() -> None:
    tried = []

    def hungry(parts: tuple[int, ...]) -> str:
        tried.append(parts)
        if parts[0] * parts[1] < 16:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return "done"

    assert inference.with_smaller_tiles(hungry, (2, 1), (2000, 900)) == ("done", (8, 4))
    assert tried == [(2, 1), (4, 2), (8, 4)]

    def insatiable(parts: tuple[int, ...]) -> str:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(BadInput, match="2000 x 900 pixels even in small tiles"):
        inference.with_smaller_tiles(insatiable, (2, 1), (2000, 900))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(parts: tuple[int, ...]) -> str:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        inference.with_smaller_tiles(broken, (1, 1), (100, 100))


def test_the_progress_of_many_frames_never_goes_back() -> None:
    told: list[float] = []

    class Listening(QuietHost):
        def progress(self, done: float, total: float, text: str) -> None:
            told.append(done / total)

    movie = from_array(np.stack([tiny.discs(seed)[0] for seed in range(3)]), "tyx")
    segment(movie, folder.load(tiny.MODEL), SegmentRequest(device="cpu", tiles=4), Listening())
    assert len(told) > 3 * 4 and told == sorted(told) and told[-1] == 1


@pytest.mark.parametrize("keys", [{}, {"scale": 0.9}, {"background": "clip"}])
@pytest.mark.parametrize("change", ["offset 1e9", "times 1e36", "unsigned 4e9"])
def test_objects_do_not_depend_on_how_large_intensities_are(change: str, keys: dict[str, Any]) -> None:
    pixels, _ = tiny.discs(3)
    changed = {
        "offset 1e9": pixels + 1e9,
        "times 1e36": pixels * 1e36,
        "unsigned 4e9": pixels.astype(np.uint32) + np.uint32(4_000_000_000),
    }[change]
    discs = folder.load(tiny.MODEL)
    with np.errstate(over="raise", invalid="raise"):
        found = plane(run(changed, discs, **keys))
    assert found.max() == 8 and np.array_equal(found, plane(run(pixels, discs, **keys)))
