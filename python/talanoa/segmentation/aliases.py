"""What the keys mean that the StarDist plugin for ImageJ records, so that old macros need only a new command name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.request import Alias, Translated, read_word


def output_type(value: Any) -> Translated:
    """Translate StarDist's ``outputType``: Both, ROI Manager, Label Image."""
    known = {"both": "update", "roi_manager": "update", "label_image": "none"}
    word = read_word(value)
    if word not in known:
        raise BadInput(f"outputType: found {value!r}; expected Both, ROI Manager or Label Image.")
    return Translated({"rois": known[word]})


def exclude_boundary(value: Any) -> Translated:
    """Translate StarDist's ``excludeBoundary``, a margin without centres that loses small cells cut by the edge."""
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return Translated({"exclude_border": text == "true"})
    if text == "0":
        return Translated({})
    if text in ("1", "2"):
        return Translated({}, f"excludeBoundary={text} has no effect: objects are found up to the edge of the image.")
    raise BadInput(
        f"excludeBoundary: found {value!r}; expected 0, 1 or 2. To remove objects that touch the image border, "
        "set exclude_border=true."
    )


def normalize_input(value: Any) -> Translated:
    """Translate StarDist's ``normalizeInput``: the image is always normalised here."""
    if str(value).strip().lower() not in ("true", "1", "yes"):
        raise BadInput(
            f"normalizeInput: found {value!r}; expected true. Images are always normalised by percentiles; "
            "norm_low=0 norm_high=100 stretches from the darkest to the brightest pixel."
        )
    return Translated({})


def roi_position(value: Any) -> Translated:
    """Translate StarDist's ``roiPosition``: ROIs always carry channel, slice and frame."""
    if read_word(value) == "stack":
        return Translated(
            {}, "roiPosition=Stack has no effect: ROIs carry slice and frame, which fits stacks and hyperstacks."
        )
    return Translated({})


# Lower case, without underscores: our key, or a function that translates the value.
STARDIST: Mapping[str, Alias] = {
    "input": "image",
    "modelchoice": "model",
    "probthresh": "prob_thresh",
    "nmsthresh": "nms_thresh",
    "percentilebottom": "norm_low",
    "percentiletop": "norm_high",
    "ntiles": "tiles",
    "outputtype": output_type,
    "excludeboundary": exclude_boundary,
    "normalizeinput": normalize_input,
    "roiposition": roi_position,
}
