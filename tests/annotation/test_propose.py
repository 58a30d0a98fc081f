"""Proposals: planted objects are found, limits are counted, stacks and frames are treated as asked."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import tiny
from helpers.synthetic import nuclei, stack
from talanoa import image as images
from talanoa.annotation.propose import display_range, propose
from talanoa.annotation.request_propose import ProposeRequest
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.request import parse
from talanoa.measure.metrics.matching import Counts, match_images


def ask(**keys: object) -> ProposeRequest:
    """Return a request."""
    return parse(ProposeRequest, keys).request


def score(truth: np.ndarray, found: np.ndarray) -> Counts:
    """Return the counts at IoU 0.5."""
    return match_images([(truth, found)])[0.5]


@pytest.mark.parametrize("method", ["huang", "otsu", "li", "triangle", "isodata", "adaptive"])
def test_planted_discs_are_found(method: str) -> None:
    image, truth = tiny.discs(1, size=128)
    labels, notes = propose(images.from_array(image), ask(threshold=method))
    assert score(truth, labels.values[0, 0, 0]).f1 > 0.9
    assert notes[0].startswith(f"{labels.values.max()} objects")


def test_touching_nuclei_are_told_apart_by_the_watershed() -> None:
    image, truth = nuclei(size=192, count=40, seed=2)
    given = images.from_array(image)
    split = propose(given, ask(threshold="otsu"))
    whole = propose(given, ask(threshold="otsu", watershed=False))
    assert whole.labels.values.max() < split.labels.values.max()
    assert score(truth, split.labels.values[0, 0, 0]).f1 > score(truth, whole.labels.values[0, 0, 0]).f1


def test_dark_objects_are_the_bright_ones_of_the_inverted_image() -> None:
    image, _ = tiny.discs(3)
    mirrored = (image.max() - image + image.min()).astype(image.dtype)
    bright = propose(images.from_array(image), ask(threshold="otsu"))
    dark = propose(images.from_array(mirrored), ask(threshold="otsu", dark_objects=True))
    assert (bright.labels.values == dark.labels.values).all()


def test_a_given_level_is_the_lowest_intensity_of_an_object() -> None:
    image = np.zeros((40, 40), np.uint16)
    image[5:15, 5:15], image[20:30, 20:30] = 100, 200
    for level, count in ((100, 2), (101, 1), (201, 0)):
        found = propose(images.from_array(image), ask(threshold="value", level=level, sigma=0))
        assert found.labels.values.max() == count
    dark = images.from_array(np.uint16(300) - image)
    assert propose(dark, ask(threshold="value", level=200, sigma=0, dark_objects=True)).labels.values.max() == 2
    assert propose(dark, ask(threshold="value", level=199, sigma=0, dark_objects=True)).labels.values.max() == 1
    with pytest.raises(BadInput, match="no level"):
        ask(threshold="value")


def test_notes_say_what_was_removed() -> None:
    image = np.zeros((60, 60), np.uint8)
    image[0:10, 0:10], image[20:30, 20:30], image[40:43, 40:43] = 200, 200, 200
    found = propose(images.from_array(image), ask(threshold="otsu", sigma=0, min_size=20, border="drop"))
    assert found.notes[0] == "1 object; 1 removed as touching the border; 1 removed as smaller than 20 pixels"


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_proposals_turn_with_the_image(turn: int) -> None:
    image, _ = tiny.discs(4, size=96)
    straight = propose(images.from_array(image), ask()).labels.values[0, 0, 0]
    turned = propose(images.from_array(np.rot90(image, turn).copy()), ask()).labels.values[0, 0, 0]
    back = np.rot90(turned, -turn)
    assert ((back > 0) == (straight > 0)).all()
    assert score(straight, back).f1 == 1


def test_frames_are_numbered_each_from_one_and_keep_the_calibration() -> None:
    frames = np.stack([tiny.discs(seed)[0] for seed in (1, 2)])
    given = images.from_array(frames, "tyx", pixel_size=(0.5, 0.5), unit="um", frame_interval=3)
    labels, _ = propose(given, ask(threshold="otsu"))
    assert labels.dims == images.DIMS and labels.dtype == np.int32
    assert [int(frame.max()) for frame in labels.values] == [8, 8]
    assert labels.attrs["pixel_size"] == given.attrs["pixel_size"] and labels.attrs["frame_interval"] == 3
    alone = propose(images.from_array(frames[1]), ask(threshold="otsu")).labels.values[0]
    assert (labels.values[1] == alone).all()


def test_stacks_in_3d_and_slice_by_slice() -> None:
    values, truth = stack(seed=1)
    given = images.from_array(values, "zyx", pixel_size=(2, 1, 1), unit="um")
    solid = propose(given, ask(threshold="otsu", min_size=30))
    assert score(truth, solid.labels.values[0, 0]).f1 > 0.75
    flat = propose(given, ask(threshold="otsu", ndim=2)).labels.values[0, 0]
    numbers = [set(np.unique(plane)) - {0} for plane in flat]
    assert sum(map(len, numbers)) == flat.max()  # no number in two slices
    with pytest.raises(BadInput, match="one slice"):
        propose(images.from_array(values[0]), ask(ndim=3))


def test_several_channels_need_a_choice() -> None:
    given = images.from_array(np.stack([tiny.discs(1)[0], np.zeros((96, 96), np.uint16)]), "cyx")
    with pytest.raises(BadInput, match="2 channels.*channel=1 to 2"):
        propose(given, ask())
    assert propose(given, ask(channel=1)).labels.values.max() == 8
    even = propose(given, ask(channel=2))
    assert even.labels.values.max() == 0 and "same intensity" in even.notes[-1]
    assert propose(given, ask(channel=2, threshold="adaptive")).labels.values.max() == 0
    with pytest.raises(BadInput, match="found 2 channel"):
        propose(given, ask(channel=3))


def test_the_image_is_not_changed() -> None:
    image, _ = tiny.discs(5)
    given = images.from_array(image.copy())
    for keys in ({}, {"dark_objects": True}, {"background": "rolling_ball", "background_radius": 20}):
        propose(given, ask(**keys))
    display_range(given)
    assert (given.values[0, 0, 0] == image).all()


def test_a_model_proposes_what_it_predicts() -> None:
    from talanoa import api

    image, truth = tiny.discs(6)
    labels, _ = propose(images.from_array(image), ask(by="model", model=tiny.MODEL, device="cpu", min_size=0))
    assert score(truth, labels.values[0, 0, 0]).f1 > 0.9
    predicted = api.segment(image, tiny.MODEL, device="cpu").labels
    assert predicted is not None
    assert score(predicted.values[0, 0, 0], labels.values[0, 0, 0]).f1 == 1


def test_the_network_is_not_asked_again_for_other_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.segmentation import predict

    asked = []
    ask_network = predict.ask
    monkeypatch.setattr(predict, "ask", lambda *given: asked.append(1) or ask_network(*given))
    given = images.from_array(tiny.discs(7)[0])
    keys = {"by": "model", "model": tiny.MODEL, "device": "cpu"}
    first = propose(given, ask(**keys))
    again = propose(given, ask(**keys, prob_thresh=0.2, min_size=60))
    assert len(asked) == 1
    other = images.from_array(tiny.discs(7)[0] + np.uint16(1))
    propose(other, ask(**keys))
    propose(given, ask(**keys, norm_low=5))
    assert len(asked) == 3
    assert first.labels.values.max() > 0 and again.labels.values.max() > 0


def test_a_model_of_planes_works_through_the_slices_of_a_stack() -> None:
    planes = np.stack([tiny.discs(seed)[0] for seed in (1, 2)])
    given = images.from_array(planes, "zyx")
    labels, _ = propose(given, ask(by="model", model=tiny.MODEL, device="cpu"))
    first, second = (set(np.unique(plane)) - {0} for plane in labels.values[0, 0])
    assert first and second and not first & second
    with pytest.raises(BadInput, match="works in 2D"):
        propose(given, ask(by="model", model=tiny.MODEL, ndim=3))


def test_proposing_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        propose(images.from_array(tiny.discs(1)[0]), ask(), tiny.RecordingHost(stop=True))


def test_display_range_shows_faint_cells_beside_a_bright_one() -> None:
    image = np.full((100, 100), 100, np.uint16)
    image[10:40, 10:40], image[60, 60:65] = 120, 60_000
    ((low, high),) = display_range(images.from_array(image))
    assert low == 100 and high <= 120
    flat = np.full((100, 100), 5.0, np.float32)
    flat[3, 3] = 9
    assert display_range(images.from_array(flat)) == [(5.0, 9.0)]
    assert display_range(images.from_array(np.full((4, 4), np.nan, np.float32))) == [(0.0, 1.0)]
