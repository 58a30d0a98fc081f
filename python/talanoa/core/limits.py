"""What a file header declares is checked against the file and the free memory before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import psutil

from talanoa.core.errors import BadInput

_SHARE = 0.8  # of the free memory, for the values alone
_BEST_COMPRESSION = 5000  # times; above it a header lies (deflate ends at 1,032, LZW at about 2,700)
_SMALL = 1 << 28  # 256 MB: below it nothing can go wrong, and an empty picture may be compressed without limit


def check_declared(
    path: Path,
    shape: Sequence[int],
    itemsize: float,
    stored: int | None = None,
    in_memory: bool = True,
    times: int = 1,
) -> None:
    """Refuse an image that is larger than its file can hold or than the memory that is free.

    Parameters
    ----------
    path : Path
        The file, for the message.
    shape : sequence of int
        Declared by the header.
    itemsize : float
        Bytes per value in the file.
    stored : int, optional
        Bytes of the values in the file(s), where that is known.
    in_memory : bool
        Whether all of it is to be read at once.
    times : int
        How many bytes a stored byte can stand for at most; 1: without compression.

    Raises
    ------
    BadInput
        The message states the declared and the available size.
    """
    declared = math.ceil(math.prod(int(size) for size in shape) * itemsize)
    size = " x ".join(f"{int(n):,}" for n in shape)
    if stored is not None and declared > stored * times:
        how = " of compressed pixels" if times > 1 else ""
        raise BadInput(
            f"{path.name} declares {size} pixels ({_amount(declared)}) but the file has only {_amount(stored)}{how}; "
            "expected all of its pixels. The file is damaged or was cut off: copy or export it again."
        )
    file_size = path.stat().st_size if path.is_file() else None
    if file_size is not None and declared > max(_SMALL, file_size * _BEST_COMPRESSION):
        raise BadInput(
            f"{path.name} declares {size} pixels ({_amount(declared)}) in a file of {_amount(file_size)}; "
            "expected less, because no compression does that. The header is wrong: export the image again."
        )
    free = psutil.virtual_memory().available
    if in_memory and declared > free * _SHARE:
        raise BadInput(
            f"{path.name} has {size} pixels and needs {_amount(declared)} of memory, and {_amount(free)} are free; "
            "expected an image that fits. Crop it, split it into parts, or use a machine with more memory."
        )


def _amount(number: float) -> str:
    """Return bytes as people read them."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"
