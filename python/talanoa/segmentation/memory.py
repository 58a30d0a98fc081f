"""The network's answer to an image, kept so that thresholds and filters can be changed without asking it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from talanoa.core.cache import HANDLES

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from talanoa.models.methods.mask_objects import Probability
    from talanoa.models.methods.star_convex import Candidates
    from talanoa.segmentation.request import SegmentRequest

LOWEST = 0.05  # probability down to which candidates are kept
AFTER_THE_NETWORK = {
    *("prob_thresh", "nms_thresh", "min_size", "max_size", "min_intensity", "max_intensity", "exclude_border"),
    *("rois", "outline", "out", "copy_model", "image", "price", "currency"),
}


@dataclass(frozen=True)
class Answer:
    """What the network said of one frame.

    Parameters
    ----------
    found : Candidates or Probability
        All places above `lowest`, in pixels of the image that the network saw; or its map of probabilities.
    seen : tuple of int
        Size of that image.
    levels : list of (float, float)
        Intensities of each channel that became 0 and 1.
    parts : tuple of int
        Tiles along each axis.
    lowest : float
        Probability above which candidates were collected.
    maps : (ndarray (space…), ndarray (rays, space…)), optional
        Probability and distances (no rays: none) on the network's grid, where they were asked for.
    """

    found: Candidates | Probability
    seen: tuple[int, ...]
    levels: list[tuple[float, float]]
    parts: tuple[int, ...]
    lowest: float
    maps: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def above(self, threshold: float) -> Candidates | Probability:
        """Return the candidates above a threshold, as if only those had been collected."""
        return self.found if threshold == self.lowest else self.found.above(threshold)


@dataclass
class NetworkMemory:
    """Answers to the frames of one image.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image as the task got it.
    selection : ndarray of bool, (y, x), optional
        Where objects are looked for.
    settings : dict
        What the answers depend on.
    answers : dict of int to Answer
        By frame.
    record : dict
        Device and backend that gave them.
    """

    image: xr.DataArray
    selection: NDArray[np.bool_] | None
    settings: dict[str, Any]
    answers: dict[int, Answer] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def answer(self, frame: int, threshold: float) -> Answer | None:
        """Return the answer to a frame when it reaches down to a threshold."""
        known = self.answers.get(frame)
        return known if known is not None and known.lowest <= threshold else None

    def keep(self, frame: int, answer: Answer) -> None:
        """Keep an answer, unless all would become too large."""
        if self.nbytes < HANDLES.limit:
            self.answers[frame] = answer

    @property
    def nbytes(self) -> int:
        """Bytes that image and answers take."""
        return self.image.nbytes + sum(answer.found.nbytes for answer in self.answers.values())


def settings_of(request: SegmentRequest) -> dict[str, Any]:
    """Return the keys of a request that the network's answer depends on."""
    return request.model_dump(exclude=AFTER_THE_NETWORK)
