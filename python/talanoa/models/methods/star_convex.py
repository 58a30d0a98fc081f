"""What star-convex methods share, in 2D and 3D: candidates, loss, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.models import geometry
from talanoa.models.geometry.nms3d import suppress_overlaps3d
from talanoa.models.geometry.rays3d import Rays3D
from talanoa.models.geometry.render3d import render_polyhedra

if TYPE_CHECKING:
    import torch

NMS_CHOICES = (0.3, 0.4, 0.5)
UNKNOWN = -1  # the class of an object whose class nobody said


@dataclass(frozen=True)
class Candidates:
    """Places whose probability exceeds a threshold: one polygon or polyhedron each, coordinates in image pixels."""

    points: NDArray[np.float32]  # (n, 2) y, x or (n, 3) z, y, x
    probabilities: NDArray[np.float32]  # (n,)
    distances: NDArray[np.float32]  # (n, rays)
    rays: Rays3D | None = None  # directions and faces of polyhedra; None: polygons
    classes: NDArray[np.float32] | None = None  # (n, classes + 1) probability of each class, the background first

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def nbytes(self) -> int:
        """Bytes that points, probabilities and distances take."""
        return self.points.nbytes + self.probabilities.nbytes + self.distances.nbytes

    def above(self, threshold: float) -> Candidates:
        """Return those whose probability exceeds a threshold."""
        return self.take((self.probabilities > threshold).nonzero()[0])

    def nothing(self) -> Candidates:
        """Return none of them."""
        return self.take(np.zeros(0, np.intp))

    def take(self, index: NDArray) -> Candidates:
        """Return the chosen ones, in the order of `index`."""
        return replace(
            self,
            points=self.points[index],
            probabilities=self.probabilities[index],
            distances=self.distances[index],
            classes=None if self.classes is None else self.classes[index],
        )


def candidates(
    prob: NDArray,
    dist: NDArray,
    threshold: float,
    config: Any,
    origin: Sequence[int] | None = None,
    classes: NDArray | None = None,
) -> Candidates:
    """Collect the places of a network output that may be objects.

    Parameters
    ----------
    prob : ndarray of float, (y, x) or (z, y, x)
        Object probability on the grid.
    dist : ndarray of float, (rays, y, x) or (rays, z, y, x)
        Ray distances in pixels.
    threshold : float
        Only places above it.
    config : StarDistConfig or StarDist3DConfig
        Grid (spacing of the output in pixels) and rays.
    origin : sequence of int, optional
        Pixel of the first place; 0 when left out.
    classes : ndarray of float, (classes + 1, space…), optional
        Probability of each class, the background first.
    """
    flat = np.flatnonzero(prob > threshold)
    places = np.unravel_index(flat, prob.shape)
    first = np.zeros(prob.ndim) if origin is None else np.asarray(origin)
    points = np.stack(places, axis=1) * np.asarray(config.grid) + first
    rays = np.maximum(dist.reshape(len(dist), -1)[:, flat].T, 1e-3)
    found = prob[places].astype(np.float32)
    kinds = None if classes is None else classes.reshape(len(classes), -1)[:, flat].T.astype(np.float32)
    return Candidates(points.astype(np.float32), found, rays.astype(np.float32), config.rays, kinds)


def join(parts: Sequence[Candidates], config: Any) -> Candidates:
    """Return the candidates of several tiles as one set."""
    none = Candidates(
        np.zeros((0, len(config.grid)), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, config.n_rays), np.float32),
        config.rays,
    )
    return joined([none, *parts])


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Return candidates as one set; their rays are those of the first part, of which there has to be one."""
    kinds = [part.classes for part in parts if part.classes is not None]
    return replace(
        parts[0],
        classes=np.concatenate(kinds) if kinds else None,
        points=np.concatenate([part.points for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        distances=np.concatenate([part.distances for part in parts]),
    )


def decode(found: Candidates, nms_threshold: float, between: Callable[[int, int], None] | None = None) -> Candidates:
    """Return the winners of non-maximum suppression, most probable first.

    Parameters
    ----------
    found : Candidates
        From one image.
    nms_threshold : float
        Overlap from which the less probable one goes.
    between : function (done, all) -> None, optional
        Called now and then; what it raises ends the suppression.
    """
    given = (found.distances, found.probabilities, found.points)
    if found.rays is None:
        return found.take(geometry.suppress_overlaps(*given, nms_threshold, check=between))
    return found.take(suppress_overlaps3d(*given, found.rays, nms_threshold, check=between))


def render(objects: Candidates, shape: tuple[int, ...]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the label image (object k is label k + 1) and, in 2D, the polygon corners (n, rays, 2) as y, x."""
    if objects.rays is not None:
        shown = (objects.distances, objects.points, objects.rays, objects.probabilities)
        return render_polyhedra(*shown, shape), np.zeros((len(objects), 0, 2), np.float32)
    corners = geometry.polygon_corners(objects.distances, objects.points)
    return geometry.render_polygons(corners, objects.probabilities, shape), corners


def class_targets(labels: NDArray, classes: NDArray | None) -> NDArray[np.int64]:
    """Return the class of each place: 0 the background, 1.. the classes, `UNKNOWN` where an object's is not known.

    Parameters
    ----------
    labels : ndarray of int, (space…)
        Labels on the grid.
    classes : ndarray of int, (largest label + 1,), or None
        Class of each label, 0 where it is unknown; None: all are.
    """
    table = np.full(int(labels.max(initial=0)) + 1, UNKNOWN, np.int64)
    if classes is not None:
        known = classes[: len(table)]
        table[: len(known)] = np.where(known > 0, known, UNKNOWN)
    table[0] = 0
    return table[labels]


def loss(output: tuple[torch.Tensor, ...], target: tuple[torch.Tensor, ...], config: Any) -> dict[str, torch.Tensor]:
    """Return the losses ``prob`` (cross-entropy), ``dist`` (masked MAE), ``class`` where there are any, and ``loss``.

    ``loss`` is the weighted sum. The loss of the classes is the categorical cross-entropy over background and classes,
    averaged over all places; objects of unknown class count 0, as in the original.
    """
    from talanoa.models.losses.basic import masked_mae, soft_bce

    logit, dist = output[:2]
    prob_true, dist_true = target[:2]
    parts = {
        "prob": soft_bce(logit, prob_true),
        "dist": masked_mae(dist, dist_true, prob_true, config.train_background_reg),
    }
    if config.n_classes:
        parts["class"] = class_loss(output[2], target[2])
    whole = parts["prob"] * config.train_loss_weights[0]
    for weight, each in zip(config.train_loss_weights[1:], list(parts.values())[1:], strict=False):
        whole = whole + weight * each
    return {"loss": whole, **parts}


def class_loss(logits: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of logits (n, 1 + classes, space…) against `class_targets` (n, space…)."""
    from torch.nn import functional

    return functional.cross_entropy(logits, kinds, ignore_index=UNKNOWN, reduction="none").mean()


def maps(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return object probability, distances and, with classes, their probabilities from the outputs of a network."""
    import torch

    logit, dist, *classes = outputs
    return (torch.sigmoid(logit), dist, *(torch.softmax(one, 1) for one in classes))


def default_thresholds() -> dict[str, float]:
    """Return the thresholds of a model whose own were not optimised."""
    return {"prob": 0.5, "nms": 0.4}


def checked_grid(grid: tuple[int, ...]) -> tuple[int, ...]:
    """Return a grid of powers of two; another one is a ValueError."""
    if any(step not in (1, 2, 4) for step in grid):
        raise ValueError(f"grid must be 1, 2 or 4 along each axis, not {grid}")
    return grid
