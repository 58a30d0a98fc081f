"""Seeded damage for files: bit flips, cuts, zeroed spans, changed bytes and changed JSON values.

A fuzz of a reader takes at least five starting files a format, makes some 300 damaged ones of them and counts what the
reader makes of each::

    found = fuzzing.fuzz(fuzzing.mutations(starts, 300, seed=1), tmp_path / "damaged.tif", read_and_compare)
    assert not found.wrong, found

`read_and_compare(path, case)` returns normally when the result is right (for what the damaged file says), raises
`AssertionError` when it is wrong, and raises `BadInput` (or another `TalanoaError`) when the reader refuses. Anything
else counts as wrong. Folders (OME-Zarr, model folders) go through `folder_mutations` and `fuzz_folder`.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talanoa.core.errors import TalanoaError

KINDS = ("flip", "bytes", "zeros", "cut", "place")
_ODD_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), 2**63, "", "x", "../x", "\x00", [], {}, [[]], {"a": 1}, "9" * 400,
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One damaged file.

    Parameters
    ----------
    start : str
        Name of the starting file, or "name/file in the folder".
    what : str
        What was done to it, for the report of a failure.
    data : bytes
        The damaged file.
    kind : str
        One of `KINDS`, or "json".
    """

    start: str
    what: str
    data: bytes
    kind: str


@dataclass
class Counts:
    """What a reader made of the cases; `wrong` names each that was neither right nor refused."""

    cases: int = 0
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Add the counts of further cases."""
        self.cases += other.cases
        self.right += other.right
        self.refused += other.refused
        self.wrong += other.wrong

    def __str__(self) -> str:
        """Counts, and the first failures."""
        head = f"{self.cases} cases: {self.right} right, {self.refused} refused, {len(self.wrong)} else"
        return "\n".join([head, *self.wrong[:20]])


def mutations(
    starts: Mapping[str, bytes], cases: int, seed: int, places: Mapping[str, Sequence[int]] | None = None
) -> Iterator[Case]:
    """Damage the starting files in turn.

    Parameters
    ----------
    starts : dict of name to bytes
        The starting files.
    cases : int
        How many damaged files.
    seed : int
        Of the random numbers.
    places : dict of name to offsets, optional
        Where the kind "place" writes an odd number of 1, 2 or 4 bytes: the entries of tags, lengths in headers. Without
        it the first 256 bytes.
    """
    rng = random.Random(seed)
    names = sorted(starts)
    for number in range(cases):
        name = names[number % len(names)]
        kind = KINDS[(number // len(names)) % len(KINDS)]
        what, data = _damaged(starts[name], kind, (places or {}).get(name, ()), rng)
        yield Case(name, what, data, kind)


def json_mutations(starts: Mapping[str, Any], cases: int, seed: int) -> Iterator[Case]:
    """Change, remove or double one value of a JSON document at a time; `Case.data` is its text."""
    rng = random.Random(seed)
    names = sorted(starts)
    for number in range(cases):
        name = names[number % len(names)]
        changed, what = changed_json(starts[name], rng)
        yield Case(name, what, json.dumps(changed).encode(), "json")


def changed_json(document: Any, rng: random.Random) -> tuple[Any, str]:
    """Return a copy of a document with one value replaced by an odd one, or removed, and what was done."""
    changed = copy.deepcopy(document)
    spots = list(_spots(changed))
    if not spots:
        return rng.choice(_ODD_VALUES), "whole document"
    holder, key, path = rng.choice(spots)
    if rng.random() < 0.25:
        del holder[key]
        return changed, f"{path} removed"
    value = rng.choice((*_ODD_VALUES, _near(holder[key], rng)))
    holder[key] = value
    return changed, f"{path} = {str(value)[:40]!r}"


def folder_mutations(folders: Mapping[str, Path], cases: int, seed: int) -> Iterator[Case]:
    """Damage one file of a folder at a time, JSON files by their values as often as by their bytes.

    Every tenth case removes the file: its `kind` is "gone".
    """
    rng = random.Random(seed)
    names = sorted(folders)
    for number in range(cases):
        name = names[number % len(names)]
        file = rng.choice(sorted(path for path in folders[name].rglob("*") if path.is_file()))
        at = f"{name}/{file.relative_to(folders[name]).as_posix()}"
        data = file.read_bytes()
        document = _document(data)
        if rng.random() < 0.1:
            yield Case(at, "removed", b"", "gone")
        elif document is not None and rng.random() < 0.5:
            changed, what = changed_json(document, rng)
            yield Case(at, what, json.dumps(changed).encode(), "json")
        else:
            kind = rng.choice(KINDS)
            what, data = _damaged(data, kind, (), rng)
            yield Case(at, what, data, kind)


def fuzz(cases: Iterable[Case], path: Path, attempt: Callable[[Path, Case], object], most_bytes: int = 0) -> Counts:
    """Write each case to `path` and count what `attempt` does with it.

    Parameters
    ----------
    cases : iterable of Case
        From `mutations` or `json_mutations`.
    path : Path
        Where the damaged file is written.
    attempt : function of path and case
        Reads it; see the head of this file.
    most_bytes : int
        When above 0, a case that takes more memory than this at once (as tracemalloc sees it, NumPy's arrays included)
        is wrong; the run becomes about twice as slow.
    """
    counts = Counts()
    for case in cases:
        path.write_bytes(case.data)
        _count(counts, case, lambda case=case: attempt(path, case), most_bytes)
    return counts


def fuzz_folder(
    cases: Iterable[Case],
    folders: Mapping[str, Path],
    place: Path,
    attempt: Callable[[Path, Case], object],
    most_bytes: int = 0,
) -> Counts:
    """Damage a file of a copy of each folder in `place`, and count what `attempt` does with the copy."""
    counts = Counts()
    for name, folder in folders.items():
        shutil.copytree(folder, place / name)
    for case in cases:
        name, _, file = case.start.partition("/")
        damaged = place / name / file
        whole = damaged.read_bytes()
        if case.kind == "gone":
            damaged.unlink()
        else:
            damaged.write_bytes(case.data)
        _count(counts, case, lambda at=place / name, case=case: attempt(at, case), most_bytes)
        damaged.write_bytes(whole)
    return counts


def _count(counts: Counts, case: Case, attempt: Callable[[], object], most_bytes: int) -> None:
    """Run one attempt and put it into the counts."""
    counts.cases += 1
    if most_bytes:
        tracemalloc.start()
    try:
        attempt()
        peak = tracemalloc.get_traced_memory()[1] if most_bytes else 0
        if peak > most_bytes:
            raise AssertionError(f"took {peak / 1e6:.0f} MB of memory for a file of {len(case.data):,} bytes")
        counts.right += 1
    except TalanoaError:
        peak = tracemalloc.get_traced_memory()[1] if most_bytes else 0
        if peak > most_bytes:
            counts.wrong.append(f"{case.start}, {case.what}: refused, but took {peak / 1e6:.0f} MB of memory")
        else:
            counts.refused += 1
    except Exception as error:  # noqa: BLE001 - which error it is, is the question
        counts.wrong.append(f"{case.start}, {case.what}: {type(error).__name__}: {str(error)[:200]}")
    finally:
        if most_bytes:
            tracemalloc.stop()


def _damaged(data: bytes, kind: str, places: Sequence[int], rng: random.Random) -> tuple[str, bytes]:
    """Return what was done, and the damaged bytes."""
    if not data:
        return "empty", data
    changed = bytearray(data)
    at = rng.randrange(len(data))
    if kind == "flip":
        for _ in range(rng.choice((1, 1, 1, 4, 20))):
            at = rng.randrange(len(data))
            changed[at] ^= 1 << rng.randrange(8)
        return f"bits flipped, the last at {at}", bytes(changed)
    if kind == "bytes":
        length = rng.choice((1, 2, 4, 16))
        changed[at : at + length] = rng.randbytes(len(changed[at : at + length]))
        return f"{length} random bytes at {at}", bytes(changed)
    if kind == "zeros":
        length = rng.randrange(1, max(2, len(data) // 3))
        changed[at : at + length] = bytes(len(changed[at : at + length]))
        return f"{length} zeros at {at}", bytes(changed)
    if kind == "cut":
        return f"cut at {at} of {len(data)}", data[:at]
    at = rng.choice(list(places) or range(min(256, len(data))))
    width, number = rng.choice((1, 2, 4)), rng.choice((*_ODD_NUMBERS, rng.randrange(1 << 32)))
    written = (number & ((1 << 8 * width) - 1)).to_bytes(width, rng.choice(("little", "big")))
    changed[at : at + width] = written[: len(data) - at]
    return f"{written.hex()} at {at}", bytes(changed)


def _spots(value: Any, path: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Yield holder, key and path of every value of a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key, f"{path}/{key}"
        yield from _spots(inner, f"{path}/{key}")


def _near(value: Any, rng: random.Random) -> Any:
    """Return a value of the same type that is a little off."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return [value]
    if isinstance(value, str):
        return value[: rng.randrange(len(value) + 1)] + "x"
    return rng.choice((value + 1, -value, value * 1000, str(value), float(value) + 0.5))


def _document(data: bytes) -> Any:
    """Return the JSON document of a file, None for another."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) and found else None
