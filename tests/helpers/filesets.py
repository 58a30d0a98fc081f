"""Write files as Micro-Manager and the writers of OME-TIFF sets do, for the tests of readers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

Place = tuple[int, int, int, int]  # channel, slice, frame, position
OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{head}>'
    "{body}</OME>"
)


def write_stack(path: Path, planes: Mapping[Place, np.ndarray], summary: Mapping[str, Any]) -> None:
    """Write uint16 planes as a stack file of Micro-Manager 1.4/2.0 (its private header, index map and 13 tags a plane).

    Parameters
    ----------
    path : Path
        Such as ``a_MMStack_Pos0.ome.tif``.
    planes : dict of (channel, slice, frame, position) to (y, x) uint16
        The planes that were acquired.
    summary : dict
        Channels, Slices, Frames, Positions: what was planned; more keys are written as they are.
    """
    text = json.dumps({"MicroManagerVersion": "2.0", "SlicesFirst": True, "TimeFirst": False, **summary}).encode()
    head = 40 + len(text)
    begin = head + head % 2
    offsets, blocks, at = [], [], begin
    for number, plane in enumerate(planes.values()):
        data = np.ascontiguousarray(plane, "<u2").tobytes()
        after = b'{"Exposure-ms":10}\0' + b"\0"
        following = at + 162 + len(data) + 16 + len(after)
        following += following % 2
        last = number == len(planes) - 1
        blocks.append(_plane(at, plane.shape, data, after, 0 if last else following).ljust(following - at, b"\0"))
        offsets.append(at)
        at = following
    index = struct.pack("<II", 3453623, len(planes))
    index += b"".join(struct.pack("<5I", *place, offset) for place, offset in zip(planes, offsets, strict=True))
    header = b"II*\0" + struct.pack("<I", begin) + struct.pack("<8I", 54773648, at, 0, 0, 0, 0, 2355492, len(text))
    path.write_bytes((header + text).ljust(begin, b"\0") + b"".join(blocks) + index)


def _plane(at: int, shape: Sequence[int], data: bytes, metadata: bytes, following: int) -> bytes:
    """Return one directory of 13 tags with its pixels."""
    pixels = at + 162
    more = pixels + len(data)  # two resolutions, then the metadata
    height, width = shape
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, pixels),
        (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data)), (282, 5, 1, more), (283, 5, 1, more + 8),
        (296, 3, 1, 3), (51123, 2, len(metadata), more + 16),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value) for tag, kind, count, value in tags
    )
    return (
        struct.pack("<H", 13) + entries + struct.pack("<I", following) + data
        + struct.pack("<4I", 20000, 1, 20000, 1) + metadata
    )  # fmt: skip


def identity(number: int) -> str:
    """Return the identifier of the file `number` of a set."""
    return f"urn:uuid:00000000-0000-0000-0000-{number:012d}"


def image_xml(number: int, planes: Sequence[tuple[str, int]], sizes: tuple[int, int, int, int, int]) -> str:
    """Return an Image of OME-XML whose planes along t (or c, or z) lie in files: their names and identifiers.

    Parameters
    ----------
    number : int
        Of the image.
    planes : sequence of (file name, identity number)
        One per plane, counted through z, c and t.
    sizes : (t, c, z, y, x)
        What is declared.
    """
    t, c, z, y, x = sizes
    blocks = "".join(
        f'<TiffData FirstZ="{at % z}" FirstC="{at // z % c}" FirstT="{at // z // c}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{identity(which)}</UUID></TiffData>'
        for at, (name, which) in enumerate(planes)
    )
    return (
        f'<Image ID="Image:{number}" Name="image {number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="{c}" SizeT="{t}" PhysicalSizeX="0.5" '
        f'PhysicalSizeY="0.5">'
        + "".join(f'<Channel ID="Channel:{number}:{each}" SamplesPerPixel="1"/>' for each in range(c))
        + f"{blocks}</Pixels></Image>"
    )


def frame(number: int, shape: tuple[int, int] = (20, 24)) -> np.ndarray:
    """Return a plane that tells which it is: all values are between 100 * number and 100 * number + 90."""
    return (np.random.default_rng(number).integers(10, 90, shape) + 100 * number).astype(np.uint16)


def write_set(folder: Path, frames: int = 6, missing: Sequence[int] = (), stem: str = "t") -> list[Path]:
    """Write a movie of one OME-TIFF a frame, each of which names all of them; `missing` ones are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    first = frame(0)
    body = image_xml(0, [(f"{stem}{t}.ome.tif", t) for t in range(frames)], (frames, 1, 1, *first.shape))
    paths = []
    for t in range(frames):
        if t not in missing:
            paths.append(folder / f"{stem}{t}.ome.tif")
            text = OME.format(head=f' UUID="{identity(t)}"', body=body)
            tifffile.imwrite(paths[-1], frame(t), description=text.encode(), metadata=None)
    return paths


def write_companion(folder: Path, frames: int = 6, stem: str = "t") -> list[Path]:
    """Write a movie of one OME-TIFF a frame whose metadata stand in ``movie.companion.ome``."""
    folder.mkdir(parents=True, exist_ok=True)
    body = image_xml(0, [(f"{stem}{t}.ome.tif", t) for t in range(frames)], (frames, 1, 1, *frame(0).shape))
    (folder / "movie.companion.ome").write_text(OME.format(head="", body=body), encoding="utf-8")
    only = f'<BinaryOnly MetadataFile="movie.companion.ome" UUID="{identity(99)}"/>'
    paths = [folder / f"{stem}{t}.ome.tif" for t in range(frames)]
    for t, path in enumerate(paths):
        text = OME.format(head=f' UUID="{identity(t)}"', body=only)
        tifffile.imwrite(path, frame(t), description=text.encode(), metadata=None)
    return paths
