"""A zip archive of very many small, uncompressed entries, written in one go.

`zipfile` takes longer for its bookkeeping of an entry than for the bytes of a small ROI; it serves to read, and for
archives beyond 4 GiB. The layout is that of PKWARE's APPNOTE 6.3: local headers and data, central directory, its end.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_UTF8 = 1 << 11
_DATE = (1 << 5) | 1  # 1 January 1980: equal ROIs give equal files
_MOST_ENTRIES = 0xFFFF
_MOST_BYTES = 0xFFFFFFFF


def write_stored(path: Path, names: Sequence[str], buffer: NDArray[np.uint8], begin: NDArray[np.int64]) -> None:
    """Write entry i with the bytes buffer[begin[i]:begin[i + 1]] under names[i].

    Parameters
    ----------
    path : Path
        A new file.
    names : sequence of str
        Distinct.
    buffer : uint8 array
    begin : int64 array (n + 1,)
    """
    named = sum(len(name.encode()) for name in names)
    if len(buffer) + named * 2 + len(names) * 100 > _MOST_BYTES:
        _write_large(path, names, buffer, begin)
    else:
        write_parts(path, [(names, buffer, begin)])


def write_parts(path: Path, parts: Iterable[tuple[Sequence[str], NDArray[np.uint8], NDArray[np.int64]]]) -> None:
    """Write the entries of several parts, of which one is in memory at a time; all names distinct, below 4 GiB.

    Parameters
    ----------
    path : Path
        A new file.
    parts : iterable of (names, buffer, begin)
        As for `write_stored`.
    """
    directory: list[bytes] = []
    offset = count = 0
    with path.open("wb") as file:
        for names, buffer, begin in parts:
            view = np.ascontiguousarray(buffer).data
            local: list[bytes | memoryview] = []
            central: list[bytes] = []
            for text, first, last in zip(names, begin[:-1].tolist(), begin[1:].tolist(), strict=True):
                name, data = text.encode(), view[first:last]
                fields = (20, _UTF8, 0, 0, _DATE, zlib.crc32(data), last - first, last - first, len(name), 0)
                local += (_LOCAL.pack(b"PK\3\4", *fields), name, data)
                central += (_CENTRAL.pack(b"PK\1\2", 20, *fields, 0, 0, 0, 0, offset), name)
                offset += _LOCAL.size + len(name) + last - first
            file.write(b"".join(local))
            directory.append(b"".join(central))
            count += len(names)
        whole = b"".join(directory)
        file.writelines((whole, _end(count, len(whole), offset)))


def _end(count: int, size: int, offset: int) -> bytes:
    """Return the end of the central directory, in the longer form when there are too many entries for the short one."""
    short = min(count, _MOST_ENTRIES)
    end = _END.pack(b"PK\5\6", 0, 0, short, short, size, offset, 0)
    if count < _MOST_ENTRIES:
        return end
    longer = _END_64.pack(b"PK\6\6", _END_64.size - 12, 45, 45, 0, 0, count, count, size, offset)
    return longer + _LOCATOR_64.pack(b"PK\6\7", 0, offset + size, 1) + end


def _write_large(path: Path, names: Sequence[str], buffer: NDArray[np.uint8], begin: NDArray[np.int64]) -> None:
    """Write through `zipfile`, which knows archives beyond 4 GiB."""
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name), buffer[begin[i] : begin[i + 1]].tobytes())
