"""The area inside one ROI of an ImageJ file, whatever its type, as closed paths that give ImageJ's own mask."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.roi_set import FREEHAND, POLYGON, TRACED

if TYPE_CHECKING:
    from roifile import ImagejRoi

_FLATNESS = 0.01  # pixels between a curve and the lines that stand for it, when ImageJ fills a shape
_MOST_SPLITS = 10  # of a curve, as in java.awt.geom.FlatteningPathIterator
_ELLIPSE_VERTICES = 72  # of ImageJ's EllipseRoi
_SPLINE_OVERLAP = 7  # points by which ImageJ continues a closed spline at both ends
_SEGMENT_SIZE = {0: 2, 1: 2, 2: 4, 3: 6, 4: 0}  # coordinates of move, line, quadratic and cubic curve, close

FARTHEST = 2.0**31  # pixels; no image is wider

Path = NDArray[np.float32]


class Shape(NamedTuple):
    """Closed paths (each (n, 2) x, y) and the kind of ROI they make."""

    paths: list[Path]
    kind: int


class NoArea(Exception):
    """The ROI is no area; the text says what it is."""


def read_shape(data: bytes) -> tuple[ImagejRoi, Shape]:
    """Decode one ROI.

    Parameters
    ----------
    data : bytes
        The content of a .roi file.

    Returns
    -------
    ImagejRoi, Shape
        Name and positions are in the first, the outline in the second.

    Raises
    ------
    NoArea
        A line, point, angle, text or image.
    ValueError
        The bytes are no ROI, or a damaged one.
    """
    from roifile import ImagejRoi

    try:
        roi = ImagejRoi.frombytes(data)
        shape = _shape(roi, data)
    except (struct.error, TypeError, IndexError, KeyError, AssertionError, OverflowError, UnicodeError) as error:
        raise ValueError(f"damaged ROI: {error}") from error
    return roi, shape


def _shape(roi: ImagejRoi, data: bytes) -> Shape:
    """Choose by type and subtype."""
    if int(roi.subtype) in _NO_AREA_SUBTYPES:
        raise NoArea(_NO_AREA_SUBTYPES[int(roi.subtype)])
    if roi.shape_roi_size > 0:
        return _composite(roi)
    if int(roi.roitype) in _NO_AREA_TYPES:
        raise NoArea(_NO_AREA_TYPES[int(roi.roitype)])
    if int(roi.roitype) not in _READERS:
        raise ValueError(f"damaged ROI: unknown type {int(roi.roitype)}")
    return _READERS[int(roi.roitype)](roi, data)


def _rectangle(roi: ImagejRoi, data: bytes) -> Shape:
    """Return the whole-number box of a rectangle, which is what ImageJ measures; rounded corners as curves."""
    x, y, width, height = _box(roi)
    if roi.rounded_rect_arc_size > 0:
        return Shape([_rounded((x, y, width, height), roi.rounded_rect_arc_size)], POLYGON)
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return Shape([np.array(corners, np.float32)], TRACED)


def _oval(roi: ImagejRoi, data: bytes) -> Shape:
    """Return the pixel outline of an oval: the pixels of the whole-number box whose centre is in the ellipse."""
    x, y, width, height = _box(roi)
    a, b = width / 2, height / 2
    rise = np.arange(height) - (b - 0.5)
    half = np.sqrt(np.clip(1 - rise * rise / (b * b), 0, None)) * a
    column = np.floor(np.stack([half - 1, half, half + 1]) + a - 0.5)  # the last pixel inside is among these
    across = column - (a - 0.5)
    inside = (across * across / (a * a) + rise * rise / (b * b) <= 1.0) & (column < width)
    last = np.where(inside, column, -1).max(axis=0)
    full = last >= a - 0.5
    if not full.any():
        raise NoArea("an outline that holds no pixel centre")
    right, rows = last[full] + 1, np.flatnonzero(full)
    left = width - right
    down = np.column_stack([np.repeat(right, 2), np.column_stack([rows, rows + 1]).ravel()])
    up = np.column_stack([np.repeat(left, 2), np.column_stack([rows, rows + 1]).ravel()])[::-1]
    return Shape([(np.concatenate([down, up]) + np.array([x, y])).astype(np.float32)], TRACED)


def _polygon(roi: ImagejRoi, data: bytes) -> Shape:
    """Return a polygon, freehand or traced outline; ellipses, rotated rectangles and splines are worked out."""
    subtype = int(roi.subtype)
    if int(roi.roitype) == FREEHAND and subtype in (3, 5):
        (parameter,) = struct.unpack(">f", data[52:56])
        ends = (roi.x1, roi.y1, roi.x2, roi.y2)
        return Shape([_ellipse(ends, parameter) if subtype == 3 else _rotated(ends, parameter)], FREEHAND)
    if roi.integer_coordinates is None:
        return Shape([], POLYGON)
    whole = roi.integer_coordinates.reshape(-1, 2)
    fine = roi.subpixel_coordinates is not None and roi.version >= 222
    xy = np.asarray(roi.subpixel_coordinates if fine else whole + np.array([roi.left, roi.top]), np.float32)
    if len(xy) < 3:
        return Shape([], POLYGON)
    if int(roi.options) & 1:
        return Shape([_spline(xy)], FREEHAND)
    return Shape([xy], TRACED if int(roi.roitype) == TRACED and not fine else int(roi.roitype) % TRACED)


def _composite(roi: ImagejRoi) -> Shape:
    """Return the paths of a composite, curves as lines."""
    if int(roi.roitype) != 1 or roi.multi_coordinates is None:
        raise ValueError("damaged ROI: a composite that is none")
    pieces: list[list[NDArray[np.float64]]] = []
    for kind, points in _segments(roi.multi_coordinates.astype(np.float64)):
        if kind == 0:
            pieces.append([])
        if not pieces:
            raise ValueError("damaged ROI: a composite without a first point")
        pieces[-1].append(_flatten(np.vstack([pieces[-1][-1][-1:], points])) if kind in (2, 3) else points)
    arrays = [np.concatenate(path).astype(np.float32) for path in pieces]
    arrays = [path for path in arrays if len(path) > 2]
    return Shape(arrays, TRACED if all(_on_edges(path) for path in arrays) else POLYGON)


def _segments(values: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (type, points (n, 2)) of the segments of a composite; lines that follow each other come together."""
    at = 0
    while at < len(values):
        kind = int(values[at])
        if kind not in _SEGMENT_SIZE or kind != values[at]:
            raise ValueError(f"damaged ROI: unknown segment {values[at]}")
        size = 1 + _SEGMENT_SIZE[kind]
        if at + size > len(values):
            return  # cut off: ImageJ, too, takes the segments that are complete
        count = _count_lines(values[at:]) if kind == 1 else 1
        points = values[at : at + size * count].reshape(count, size)[:, 1:]
        yield kind, points.reshape(-1, 2)
        at += size * count


def _count_lines(values: NDArray[np.float64]) -> int:
    """Return how many line segments (1, x, y) stand at the beginning."""
    window = 32
    while True:
        other = np.flatnonzero(values[: 3 * window : 3] != 1)
        if len(other) or 3 * window >= len(values):
            return int(other[0]) if len(other) else len(values) // 3
        window *= 8


def _on_edges(path: Path) -> bool:
    """Return whether a path has whole-number corners and runs horizontally and vertically only."""
    step = np.roll(path, -1, axis=0) - path
    return bool((path == np.rint(path)).all() and (step == 0).any(axis=1).all())


def _box(roi: ImagejRoi) -> tuple[int, int, int, int]:
    """Return x, y, width and height in whole pixels, as ImageJ takes them from sub-pixel rectangles."""
    if roi.subpixelrect:
        sizes = (roi.xd, roi.yd, roi.widthd, roi.heightd)
        if not all(map(math.isfinite, sizes)):
            raise NoArea("coordinates that no image has")
        x, y, width, height = int(roi.xd), int(roi.yd), math.ceil(roi.widthd), math.ceil(roi.heightd)
    else:
        x, y, width, height = roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top
    if max(width, height) > 1 << 20:
        raise ValueError(f"damaged ROI: a box of {width} x {height} pixels")
    return x, y, max(width, 1), max(height, 1)


def _rounded(box: tuple[int, int, int, int], arc: float) -> Path:
    """Return a rectangle with rounded corners (the arcs of java.awt.geom.RoundRectangle2D)."""
    x, y, width, height = box
    across, down = min(arc, width) / 2, min(arc, height) / 2
    a, b = 1 - math.cos(math.pi / 4), math.tan(math.pi / 4)
    c = math.sqrt(1 + b * b) - 1 + a
    bend = 4 / 3 * a * b / c  # how far the control points are from the ends of an arc, in radii
    points: list[NDArray[np.float64]] = []
    corners = [(x, y + height, 1, -1), (x + width, y + height, -1, -1), (x + width, y, -1, 1), (x, y, 1, 1)]
    for number, (cx, cy, right, lower) in enumerate(corners):
        side, level = (cx, cy + lower * down), (cx + right * across, cy)
        arc_points = [
            side,
            (cx, cy + lower * down * (1 - bend)),
            (cx + right * across * (1 - bend), cy),
            level,
        ]
        curve = np.array(arc_points if number % 2 == 0 else arc_points[::-1], np.float64)
        points.extend([curve[:1], _flatten(curve)])
    return np.concatenate(points).astype(np.float32)


def _ellipse(ends: tuple[float, float, float, float], ratio: float) -> Path:
    """Return ImageJ's 72 corners of an ellipse, from the ends of its long axis and the ratio of its axes."""
    x1, y1, x2, y2 = ends
    length, turn = math.hypot(x2 - x1, y2 - y1), math.atan2(y2 - y1, x2 - x1)
    around = np.arange(_ELLIPSE_VERTICES) * (2 * math.pi / _ELLIPSE_VERTICES)
    along = np.cos(around) * length / 2
    aside = np.sin(around) * length * min(max(ratio, 0.0), 1.0) / 2
    angle, radius = np.arctan2(aside, along) + turn, np.hypot(along, aside)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    xy: Path = (np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius]) + middle).astype(np.float32)
    return xy


def _rotated(ends: tuple[float, float, float, float], width: float) -> Path:
    """Return the corners of a rotated rectangle, from the middles of two opposite sides and their length."""
    x1, y1, x2, y2 = ends
    length = math.hypot(x2 - x1, y2 - y1)
    if length == 0:
        raise NoArea("a rotated rectangle without length")
    dx, dy = 0.5 * width * (y2 - y1) / length, -0.5 * width * (x2 - x1) / length
    return np.array([(x1 + dx, y1 + dy), (x2 + dx, y2 + dy), (x2 - dx, y2 - dy), (x1 - dx, y1 - dy)], np.float32)


def _flatten(curve: NDArray[np.float64], splits: int = 0) -> NDArray[np.float64]:
    """Return the points after the first that stand for a curve of 3 or 4 control points."""
    if splits == _MOST_SPLITS or _deviation(curve) < _FLATNESS**2:
        return curve[-1:]
    left, right = [curve[0]], [curve[-1]]
    points = curve
    while len(points) > 1:
        points = (points[1:] + points[:-1]) / 2
        left.append(points[0])
        right.append(points[-1])
    return np.concatenate([_flatten(np.array(half), splits + 1) for half in (left, right[::-1])])


def _deviation(curve: NDArray[np.float64]) -> float:
    """Return the largest squared distance of a control point from the line between the ends."""
    start, along = curve[0], curve[-1] - curve[0]
    offset = curve[1:-1] - start
    length = float(along @ along)
    where = np.clip(offset @ along / length, 0, 1) if length > 0 else np.zeros(len(offset))
    return float(((offset - where[:, None] * along) ** 2).sum(axis=1).max())


def _spline(xy: Path) -> Path:
    """Return the closed cubic spline that ImageJ fits through the corners, as a polygon with a point every 2 pixels."""
    from scipy.interpolate import CubicSpline

    closed = np.vstack([xy, xy[:1]])
    step = np.hypot(*np.diff(closed, axis=0).T)
    knot = np.concatenate([[0], np.cumsum(np.maximum(np.sqrt(step).astype(np.float32), 0.001), dtype=np.float32)])
    n = len(closed)
    k = min(_SPLINE_OVERLAP, n - 1)
    knots = np.concatenate([knot[n - 1 - k : n - 1] - knot[-1], knot, knot[1 : k + 1] + knot[-1]])
    values = np.concatenate([closed[n - 1 - k : n - 1], closed, closed[1 : k + 1]])
    curve = CubicSpline(knots, values, bc_type="natural")
    n_points = max(100, int(step.sum() / 2))
    return curve(np.arange(n_points) * (float(knot[-1]) / (n_points - 1))).astype(np.float32)


_READERS: dict[int, Callable[[ImagejRoi, bytes], Shape]] = {
    POLYGON: _polygon,
    1: _rectangle,
    2: _oval,
    FREEHAND: _polygon,
    TRACED: _polygon,
}
_NO_AREA_TYPES = {3: "a line", 4: "a freehand line", 5: "a polyline", 6: "an empty ROI", 9: "an angle", 10: "a point"}
_NO_AREA_SUBTYPES = {1: "a text", 2: "an arrow", 4: "an image"}
