"""Zips from others: opened with one kind of error, with bounds on what they unpack to, and never unpacked to disk."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talanoa.core.errors import BadInput

DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, UnicodeError, OSError, IndexError, ValueError,
    tokenize.TokenError,
)  # fmt: skip
_ENCRYPTED = 1  # a flag of an entry
_MOST_TIMES = 1032  # bytes that deflate can make of one; an entry that declares more is damaged or a trap


@contextmanager
def opened(path: Path, expected: str, remedy: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip file; whatever is wrong with it, also while it is read, is a `BadInput` with its name.

    Parameters
    ----------
    path : Path
    expected : str
        Such as "a zip that ImageJ's ROI Manager saved".
    remedy : str
        A sentence.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            if any(info.header_offset + info.compress_size > size for info in archive.infolist()):
                raise zipfile.BadZipFile("an entry reaches beyond the end of the file")  # reading it takes its memory
            yield archive
    except BadInput:
        raise
    except DAMAGE as error:
        raise BadInput(f"{path} is no zip file or a damaged one ({error}); expected {expected}. {remedy}") from error
    except (RuntimeError, NotImplementedError) as error:  # what zipfile raises for passwords and unknown compression
        raise BadInput(
            f"{path} is protected by a password or packed in an unusual way ({error}); expected a plain zip. {remedy}"
        ) from error


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, raw: bytes) -> bytes:
    """Return the bytes of an entry; the common cases without the file object that `zipfile` makes for each.

    Parameters
    ----------
    archive, info : ZipFile, ZipInfo
    raw : bytes
        The whole file.
    """
    plain = info.flag_bits & _ENCRYPTED == 0 and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    at = info.header_offset
    if not plain or raw[at : at + 4] != b"PK\3\4":
        return archive.read(info)
    name_length, extra_length = struct.unpack_from("<2H", raw, at + 26)
    start = at + 30 + name_length + extra_length
    data = raw[start : start + info.compress_size]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, info.file_size + 1)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"wrong checksum of {info.filename}")
    return data


def why_not(info: zipfile.ZipInfo) -> str:
    """Return why an entry is not read, whatever it holds; an empty text where it may be."""
    name = info.filename.replace("\\", "/")
    if name[1:3] == ":/" or name.startswith("/") or ".." in name.split("/"):
        return "a name that points outside the zip"
    if not info.is_dir() and info.file_size > _MOST_TIMES * (info.compress_size + 1):
        return "a size that its bytes cannot unpack to"
    return ""


def base_name(info: zipfile.ZipInfo) -> str:
    """Return the name of an entry without its folders."""
    return info.filename.replace("\\", "/").rsplit("/")[-1]
