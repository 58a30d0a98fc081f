"""Pictures and curves of one image: input, prediction and truth, where they differ, along a line, over frequencies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation.report.charts import STYLES, as_svg, new_figure
from talanoa.evaluation.report.page import number
from talanoa.evaluation.report.pictures import Picture
from talanoa.evaluation.restoration.cases import Item
from talanoa.evaluation.restoration.metrics import SMALLEST_FRC
from talanoa.evaluation.restoration.scores import Measured, other_units
from talanoa.measure.metrics.disagreement import MUCH
from talanoa.measure.metrics.error_map import root_squared_error
from talanoa.measure.metrics.fit import fitted
from talanoa.measure.metrics.frc import THRESHOLD, Frc, frc, frc_of_one
from talanoa.measure.metrics.profiles import Point, line_profile, telling_line
from talanoa.measure.metrics.residual import residual
from talanoa.measure.metrics.ssim import ssim_map

PART, PANEL, GAP = 256, 320, 6  # pixels of the image that are shown, and of the picture
LETTERS = "ABCDEFGH"


class Shown(NamedTuple):
    """What the report shows of one image.

    Attributes
    ----------
    picture : Picture
    legend : list of str
        What each panel of the picture is, by its letter.
    curves : bytes
        SVG: intensities along the line that is drawn in the picture, and Fourier ring correlation.
    """

    picture: Picture
    legend: list[str]
    curves: bytes


class _Panel(NamedTuple):
    values: NDArray  # (y, x)
    low: float
    high: float
    words: str
    colours: bool = False
    stripes: float = np.inf  # values above are striped


def show(item: Item, measured: Measured, spread: NDArray[np.float32] | None) -> Shown:
    """Draw one image as the first candidate restored it.

    Parameters
    ----------
    item : Item
    measured : Measured
        Its scores, for the title.
    spread : ndarray or None
        Map of disagreement.
    """
    flat, z = _planes(item)
    planes = {name: values for name, values in flat.items() if values is not None}
    spread_plane = None if spread is None else spread[z] if spread.ndim == 3 else spread
    start, end = telling_line(planes.get("truth", planes["prediction"]))
    moved = _other(planes, measured)
    matched = {
        name: fitted(planes[moved[name]], values) if name in moved else values for name, values in planes.items()
    }
    panels = [*_images(matched, moved), *_maps(planes, matched, spread_plane)]
    window = _window(planes["prediction"].shape, start, end)
    origin = (window[0].start, window[1].start)
    line = tuple((y - origin[0], x - origin[1]) for y, x in (start, end))
    drawn = [_draw(panel, window, LETTERS[k], line if k < len(matched) else None) for k, panel in enumerate(panels)]
    where = f", slice {z + 1}" if item.predictions[0].ndim == 3 else ""
    part = _part(window, planes["prediction"].shape)
    title = f"{item.name}{where}{part}: {_scores(measured)}"
    legend = [f"{LETTERS[k]}: {panel.words}" for k, panel in enumerate(panels)]
    picture = Picture(item.name, title, _joined(drawn))
    return Shown(picture, legend, _curves(matched, (start, end), item))


def _planes(item: Item) -> tuple[dict[str, NDArray | None], int]:
    """Return the planes that are shown, and which slice of a stack they are: the one with most structure."""
    found = {"input": item.noisy, "prediction": item.predictions[0], "truth": item.truth}
    main = item.predictions[0] if item.truth is None else item.truth
    if main.ndim == 2:
        return found, 0
    z = int(main.reshape(len(main), -1).std(axis=1).argmax())
    return {name: None if values is None else values[z] for name, values in found.items()}, z


def _other(planes: dict[str, NDArray], measured: Measured) -> dict[str, str]:
    """Return which planes have other intensities than the truth (without it: than the input), and that one's name."""
    if "truth" in planes:
        return {level: "truth" for level in ("input", "prediction") if other_units(measured.values, level)}
    return {"prediction": "input"} if "input" in planes else {}


def _images(planes: dict[str, NDArray], moved: dict[str, str]) -> list[_Panel]:
    low, high = np.percentile(planes.get("truth", planes["prediction"]), (0.1, 99.9))
    words = {"input": "noisy input", "prediction": "restored image", "truth": "truth"}
    found = []
    for name, values in planes.items():
        fit = f", gain and offset fitted to the {moved[name]}" if name in moved else ""
        told = f"{words[name]}{fit}, {number(float(low))} to {number(float(high))}"
        found.append(_Panel(values, float(low), float(high), told))
    return found


def _maps(planes: dict[str, NDArray], matched: dict[str, NDArray], spread: NDArray[np.float32] | None) -> list[_Panel]:
    found = []
    if "truth" in matched:
        errors = {name: root_squared_error(matched["truth"], matched[name]) for name in matched if name != "truth"}
        top = float(np.percentile(next(iter(errors.values())), 99.9)) or 1.0
        for name, values in errors.items():
            words = f"root-squared error of the {name}, black 0 to yellow {number(top)}"
            found.append(_Panel(values, 0, top, words, colours=True))
        alike = ssim_map(matched["truth"], matched["prediction"])
        found.append(
            _Panel(np.nan_to_num(alike), 0, 1, "SSIM map of the prediction, black 0 to yellow 1", colours=True)
        )
    elif "input" in matched:
        left = residual(planes["input"], planes["prediction"]).map
        top = float(np.percentile(np.abs(left), 99.5)) or 1.0
        found.append(
            _Panel(left, -top, top, f"input - prediction, {number(-top)} to {number(top)}: should be noise only")
        )
    if spread is not None:
        words = f"disagreement, black 0 to yellow {2 * MUCH:g} of the contrast; striped above {MUCH:g}"
        found.append(_Panel(spread, 0, 2 * MUCH, words, True, MUCH))
    return found


def _window(shape: tuple[int, ...], start: Point, end: Point) -> tuple[slice, slice]:
    """Return the part that is shown: all, or 256 pixels around the line."""
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    firsts = [int(np.clip(at - PART / 2, 0, max(side - PART, 0))) for at, side in zip(middle, shape, strict=True)]
    rows, columns = (slice(first, min(first + PART, side)) for first, side in zip(firsts, shape, strict=True))
    return rows, columns


def _part(window: tuple[slice, slice], shape: tuple[int, ...]) -> str:
    rows, columns = window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if (height, width) == tuple(shape):
        return ""
    return f" (part of {width} x {height} pixels from x {columns.start}, y {rows.start})"


def _draw(panel: _Panel, window: tuple[slice, slice], letter: str, line: tuple[Point, ...] | None) -> NDArray[np.uint8]:
    """Return a panel as a picture with its letter, and the line of the profile."""
    from PIL import Image, ImageDraw, ImageFont

    part = panel.values[window].astype(np.float64)
    level = np.clip((part - panel.low) / max(panel.high - panel.low, 1e-300), 0, 1)
    grey = _coloured(level) if panel.colours else np.repeat((level * 255).astype(np.uint8)[..., None], 3, axis=2)
    factor = max(1, PANEL // max(part.shape))
    large = grey.repeat(factor, 0).repeat(factor, 1)
    above = (part > panel.stripes).repeat(factor, 0).repeat(factor, 1)
    y, x = np.indices(above.shape)
    large[above & ((y + x) % 6 < 2)] = 255
    canvas = Image.fromarray(large)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(22)
    if line is not None:
        ends = [((x + 0.5) * factor, (y + 0.5) * factor) for y, x in line]
        pen.line(ends, (0, 0, 0), 3)
        pen.line(ends, (255, 255, 255), 1)
    pen.text((6, 3), letter, (255, 255, 255), font, stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(canvas)


def _coloured(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a colour table whose brightness rises evenly: in grey it reads the same."""
    from matplotlib import colormaps

    return (colormaps["inferno"](level)[..., :3] * 255).astype(np.uint8)


def _joined(panels: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return panels in rows of three, or of four where that fills the rows better."""
    height, width = panels[0].shape[:2]
    columns = 4 if len(panels) in (4, 7, 8) else min(3, len(panels))
    rows = -(-len(panels) // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for k, panel in enumerate(panels):
        y, x = (k // columns) * (height + GAP), (k % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = panel
    return sheet


def _scores(measured: Measured) -> str:
    if ("prediction", "ssim_fitted") in measured.values:
        words = []
        for key, name, digits in (
            ("ssim_fitted", "SSIM (fitted)", 3),
            ("scale_invariant_psnr", "scale-invariant PSNR", 1),
        ):
            before = measured.of("input", key)
            told = f", input {number(before, digits)}" if before == before else ""
            words.append(f"{name} {number(measured.of('prediction', key), digits)}{told}")
        return "; ".join(words)
    share = measured.of("disagreement", "share")
    told = f"disagreement above {MUCH:g} in {number(100 * share, 1)} % of the pixels; " if share == share else ""
    return told + (
        "structure is left in input - prediction" if measured.structured else "no structure left in input - prediction"
    )


def _curves(matched: dict[str, NDArray], line: tuple[Point, Point], item: Item) -> bytes:
    """Draw the profile along the line, and the Fourier ring correlation."""
    figure = new_figure(8.6, 3.0)
    left, right = figure.subplots(1, 2)
    styles = {
        "input": ("#999999", "-", 0.9),
        "prediction": (STYLES[0][0], "-", 1.8),
        "truth": (STYLES[1][0], "--", 1.4),
    }
    for name, values in matched.items():
        colour, dash, width = styles[name]
        profile = line_profile(values, *line)
        left.plot(profile.distance * item.pixel, profile.intensity, dash, color=colour, linewidth=width, label=name)
    left.set(xlabel=f"along the line ({item.unit})", ylabel="intensity")
    for (words, found), (colour, dash, mark) in zip(_correlations(item), STYLES, strict=False):
        marks = {"marker": mark, "markevery": max(1, len(found.frequency) // 8), "ms": 4}
        right.plot(found.frequency, found.correlation, dash, color=colour, label=words, **marks)
    right.axhline(THRESHOLD, color="#555555", linewidth=0.8)
    right.set(xlabel=f"frequency (1/{item.unit.rstrip('s')})", ylabel="Fourier ring correlation", ylim=(-0.2, 1.03))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=8)
    return as_svg(figure)


def _correlations(item: Item) -> list[tuple[str, Frc]]:
    """Return the curves with the truth; without it those of single images."""
    side = min(item.predictions[0].shape[-2:])
    if item.truth is not None:
        pairs = [("truth and prediction", item.predictions[0]), ("truth and input", item.noisy)]
        there = [(words, values) for words, values in pairs if values is not None and side >= SMALLEST_FRC]
        return [(words, frc(item.truth, values, item.pixel)) for words, values in there]
    if side < 2 * SMALLEST_FRC:
        return []
    alone = [("prediction alone", item.predictions[0]), ("input alone", item.noisy)]
    return [(words, frc_of_one(values, item.pixel)) for words, values in alone if values is not None]
