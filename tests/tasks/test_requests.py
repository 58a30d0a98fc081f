"""Requests: one set of keys, text as dialogs and macros give it, messages that list what is valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from talanoa.annotation.request import AnnotateRequest
from talanoa.core.errors import BadInput
from talanoa.core.request import Request, folders, parse
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks.request import DoctorRequest, ModelsRequest, RerunRequest, RoisRequest
from talanoa.training.request import TrainRequest

KINDS = (SegmentRequest, TrainRequest, RoisRequest, ModelsRequest, DoctorRequest, RerunRequest, AnnotateRequest)
TRAIN = {"images": "images", "targets": "masks", "name": "cells"}


def refusal(kind: type[Request], **keys: object) -> str:
    """Return the message with which keys are refused."""
    with pytest.raises(BadInput) as caught:
        parse(kind, keys)
    return str(caught.value)


def test_nothing_given_is_complete_and_leaves_thresholds_to_the_model() -> None:
    request = parse(SegmentRequest, {}).request
    assert (request.model, request.norm_low, request.norm_high, request.scale) == ("nuclei", 1.0, 99.8, 1.0)
    assert request.prob_thresh is None and request.nms_thresh is None and request.tiles is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: type[Request]) -> None:
    assert all(field.description for field in kind.model_fields.values())


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("prob_thresh", "0.5", 0.5),
        ("prob_thresh", "0,5", 0.5),
        ("prob_thresh", ",5", 0.5),
        ("prob_thresh", " 0.5 ", 0.5),
        ("prob_thresh", "1", 1.0),
        ("norm_high", "99,8", 99.8),
        ("min_intensity", "-3,5", -3.5),
        ("min_size", "20.0", 20),
        ("min_size", "20,0", 20),
        ("tiles", "auto", None),
        ("tiles", "4", 4),
        ("max_size", "", None),
        ("max_size", None, None),
        ("exclude_border", "true", True),
        ("exclude_border", "False", False),
        ("background", "Rolling ball", "rolling_ball"),
        ("background", "rolling-ball", "rolling_ball"),
        ("rois", "Replace", "replace"),
        ("frames", "1 - 10", "1-10"),
        ("frames", 3, "3"),
        ("frames", [1, 2, 5], "1,2,5"),
        ("frames", range(1, 4), "1,2,3"),
        ("model", " nuclei ", "nuclei"),
    ],
)
def test_values_given_as_text(key: str, text: object, value: object) -> None:
    assert getattr(parse(SegmentRequest, {key: text}).request, key) == value


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"prob_thresh": "1.5"}, "prob_thresh: found '1.5'; expected 1.0 or less"),
        ({"prob_thresh": "-0,1"}, "expected 0.0 or more"),
        ({"prob_thresh": "nan"}, "prob_thresh"),
        ({"prob_thresh": "1.234,5"}, "a number such as 0.5"),
        ({"prob_thresh": "half"}, "a number such as 0.5"),
        ({"scale": 0}, "more than 0"),
        ({"scale": "inf"}, "scale"),
        ({"min_size": "1.5"}, "a whole number"),
        ({"exclude_border": "perhaps"}, "true or false"),
        ({"tiles": 0}, "1 or more"),
        ({"channel": 0}, "1 or more"),
        ({"device": "gpu"}, 'Did you mean "cuda"?'),
        ({"rois": "apend"}, 'Did you mean "append"?'),
        ({"frames": "1-"}, '"1-10" or "1,5,9"'),
        ({"norm_low": 50, "norm_high": 50}, "expected norm_low below norm_high"),
        ({"min_size": 9, "max_size": 3}, "expected min_size below max_size"),
        ({"min_intensity": 9, "max_intensity": "3,5"}, "max_intensity=3.5"),
    ],
)
def test_values_out_of_range_are_named(keys: dict[str, object], said: str) -> None:
    assert said in refusal(SegmentRequest, **keys)


def test_several_mistakes_are_named_at_once() -> None:
    message = refusal(SegmentRequest, prob_thresh=2, scale=-1)
    assert "prob_thresh" in message and "scale" in message


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_lists_the_valid_ones(kind: type[Request]) -> None:
    message = refusal(kind, colour="red")
    assert 'Unknown key "colour"' in message
    assert all(key in message for key in kind.model_fields)


def test_a_mistyped_key_is_guessed_even_when_its_value_is_empty() -> None:
    assert 'Did you mean "prob_thresh"?' in refusal(SegmentRequest, prob_tresh="0.5")
    assert 'Did you mean "prob_thresh"?' in refusal(SegmentRequest, prob_tresh="")


def test_keys_do_not_care_about_case_and_hyphens() -> None:
    assert parse(SegmentRequest, {"Prob-Thresh": 0.5}).request.prob_thresh == 0.5


def test_a_key_given_twice_must_agree() -> None:
    assert "expected it once" in refusal(SegmentRequest, prob_thresh=0.5, probThresh=0.4)
    assert parse(SegmentRequest, {"prob_thresh": 0.5, "probThresh": 0.5}).request.prob_thresh == 0.5


def test_what_the_stardist_plugin_records_is_understood() -> None:
    recorded = {
        "input": "cells.tif", "modelChoice": "nuclei", "normalizeInput": "true", "percentileBottom": "3.0",
        "percentileTop": "99.5", "probThresh": "0.5", "nmsThresh": "0.4", "outputType": "Label Image", "nTiles": "4",
        "excludeBoundary": "0", "roiPosition": "Automatic",
    }  # fmt: skip
    request, notes = parse(SegmentRequest, recorded)
    ours = {
        "image": "cells.tif", "model": "nuclei", "norm_low": 3, "norm_high": 99.5, "prob_thresh": 0.5,
        "nms_thresh": 0.4, "rois": "none", "tiles": 4,
    }  # fmt: skip
    assert request == parse(SegmentRequest, ours).request
    assert notes == []


def test_stardist_keys_that_mean_something_else_here_are_said() -> None:
    assert "exclude_border=true" in refusal(SegmentRequest, excludeBoundary="20")
    assert "norm_low=0 norm_high=100" in refusal(SegmentRequest, normalizeInput="false")
    assert "Both, ROI Manager or Label Image" in refusal(SegmentRequest, outputType="Polygons")
    assert parse(SegmentRequest, {"excludeBoundary": True}).request.exclude_border
    assert "up to the edge" in parse(SegmentRequest, {"excludeBoundary": "2"}).notes[0]
    assert "no effect" in parse(SegmentRequest, {"roiPosition": "Stack"}).notes[0]


def test_requests_are_frozen_and_strict() -> None:
    request = SegmentRequest()
    with pytest.raises(ValidationError):
        request.scale = 2.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        SegmentRequest(colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("kind", "keys"), [(SegmentRequest, {"probThresh": "0,3"}), (TrainRequest, {**TRAIN, "lr": "1e-3"})]
)
def test_a_complete_request_is_itself_again(kind: type[Request], keys: dict[str, object]) -> None:
    first = parse(kind, keys).request
    assert parse(kind, first.model_dump()).request == first


def test_several_folders_are_one_text_however_they_are_given() -> None:
    for given in ("a;b c", " a ; b c ; ", ["a", "b c"]):
        assert parse(TrainRequest, {**TRAIN, "images": given}).request.images == "a; b c"
    assert folders("a; b c") == [Path("a"), Path("b c")]


def test_training_wants_one_kind_of_annotation() -> None:
    assert parse(TrainRequest, {"images": "dataset", "name": "cells"}).request.targets is None
    assert "found both" in refusal(TrainRequest, **TRAIN, rois="rois")
    assert "images is missing" in refusal(TrainRequest, targets="masks", name="cells")


@pytest.mark.parametrize(
    ("key", "value"), [("grid", 3), ("validation", 1), ("lr", 0), ("seed", -1), ("method", "unet"), ("preset", "fast")]
)
def test_training_settings_out_of_range(key: str, value: object) -> None:
    assert key in refusal(TrainRequest, **TRAIN, **{key: value})


def test_shapes_of_label_images() -> None:
    assert parse(RoisRequest, {"action": "to-labels", "shape": "10x1x512X256"}).request.shape == "10x1x512x256"
    assert "HEIGHTxWIDTH" in refusal(RoisRequest, action="to_labels", shape="512")
