"""Pictures put together on sheets: examples of the data before a training, and of what was learned after it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from talanoa.core.files import write_aside

SIDE = 192  # pixels of a picture on a sheet
GAP = 4


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Return pictures side by side, row below row, on white."""
    columns = max(len(row) for row in rows)
    made = Image.new("RGB", (columns * (SIDE + GAP) + GAP, len(rows) * (SIDE + GAP) + GAP), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            made.paste(picture, (GAP + x * (SIDE + GAP), GAP + y * (SIDE + GAP)))
    return made


def fitted(picture: Image.Image, resample: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
    """Return a picture whose longer side has `SIDE` pixels."""
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, resample)


def write_sheets(path: Path, sheets: Sequence[Image.Image]) -> None:
    """Write sheets, one below the other, to a new PNG file."""
    width, height = max(one.width for one in sheets), sum(one.height for one in sheets)
    joined = Image.new("RGB", (width, height), "white")
    top = 0
    for one in sheets:
        joined.paste(one, (0, top))
        top += one.height
    with write_aside(path) as aside:
        joined.save(aside, "PNG")


def as_text(picture: Image.Image, **options: Any) -> str:
    """Return a picture as PNG in base64."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return base64.b64encode(stream.getvalue()).decode("ascii")
