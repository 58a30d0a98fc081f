"""Image files as Micro-Manager writes them: a header with the summary, then directory and pixels of each plane."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int, int, int]  # channel, slice, frame, position
_ENTRIES = 13
_DIRECTORY = 2 + 12 * _ENTRIES + 4  # bytes


def write(path: Path, planes: Mapping[Place, NDArray[np.uint16]], summary: Mapping[str, object]) -> Path:
    """Write planes of one size; their places give the sizes of the summary."""
    count = np.max(list(planes), axis=0) + 1
    sizes = dict(zip(("Channels", "Slices", "Frames", "Positions"), count.tolist(), strict=True))
    keys = {"MicroManagerVersion": "2.0", "SlicesFirst": True, "TimeFirst": True, **sizes}
    text = json.dumps({**keys, **summary}).encode()
    text += b" " * (-len(text) % 4)
    height, width = next(iter(planes.values())).shape
    step = _DIRECTORY + 2 * height * width
    first = 40 + len(text)
    offsets = [first + number * step for number in range(len(planes))]
    table = first + len(planes) * step
    header = struct.pack("<2sHI", b"II", 42, first) + struct.pack("<6I", 54773648, table, 0, 0, 0, 0)
    body = b"".join(
        _directory(height, width, offset + _DIRECTORY, following, len(text)) + plane.astype("<u2").tobytes()
        for plane, offset, following in zip(planes.values(), offsets, [*offsets[1:], 0], strict=True)
    )
    index = b"".join(struct.pack("<5I", *place, offset) for place, offset in zip(planes, offsets, strict=True))
    end = struct.pack("<2I", 3453623, len(planes)) + index
    path.write_bytes(header + struct.pack("<2I", 2355492, len(text)) + text + body + end)
    return path


def _directory(height: int, width: int, pixels: int, following: int, text: int) -> bytes:
    """Return a TIFF directory of one 16-bit plane."""
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, pixels), (277, 3, 1),
        (278, 4, height), (279, 4, 2 * height * width), (284, 3, 1), (296, 3, 1), (339, 3, 1),
    ]  # fmt: skip
    packed = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries)
    packed += struct.pack("<HHII", 51123, 2, text, 40)  # metadata of the plane: the summary stands for them
    return struct.pack("<H", _ENTRIES) + packed + struct.pack("<I", following)
