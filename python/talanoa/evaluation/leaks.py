"""Are test images, or parts of them, among the training images? Then the scores are better than they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core import places
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.host import stop_if_cancelled
from talanoa.core.record import array_sha256
from talanoa.core.request import folders as named_folders
from talanoa.evaluation import same_field
from talanoa.evaluation.pairing import image_files
from talanoa.image import reading
from talanoa.image.ops.orientations import turned

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest

MOST_PAIRS = 8000  # correlations of thumbnails, each some milliseconds
NEARLY_ALL = 0.9  # of an image: then it is a near-duplicate, else an overlap


@dataclass(frozen=True)
class Leak:
    """A test image that was seen in training, in part or as a whole.

    Parameters
    ----------
    test, train : str
        Names of the images.
    kind : str
        "same file", "same pixels", "near-duplicate", "overlap".
    detail : str
        What was seen, in words.
    part : str
        "training" or "validation": what the training image was used for, where that is known.
    """

    test: str
    train: str
    kind: str
    detail: str
    part: str = "training"


@dataclass(frozen=True)
class LeakCheck:
    """What was found, and what was looked at.

    Parameters
    ----------
    leaks : tuple of Leak
    tested, trained : int
        Number of test images, and of training images that they were compared with.
    how : str
        What was compared, in words; also what was not.
    """

    leaks: tuple[Leak, ...]
    tested: int
    trained: int
    how: str

    @property
    def seen(self) -> list[str]:
        """Names of the test images that were found."""
        return sorted({leak.test for leak in self.leaks})


@dataclass(frozen=True, eq=False)
class Picture:
    """One image for the check: its hashes and size; its pixels are read again when they are needed."""

    name: str
    path: Path
    file_hash: str
    pixel_hash: str
    size: tuple[int, int]

    def plane(self) -> NDArray[np.float32]:
        """Return the plane that stands for the image: of a stack the brightest pixels, of a time-lapse one frame."""
        return np.nan_to_num(np.asarray(images.read(self.path).values[0, 0].max(axis=0), np.float32))


@reading.images_of_a_dataset()
def check(
    tests: Mapping[str, Path], record: Mapping[str, Any], train: Sequence[Path], host: Host, seed: int = 42
) -> LeakCheck:
    """Look for test images among the training images.

    By the hashes that the model recorded, and where the training images are at hand (the folder given, or the one that
    the model recorded, if it is still there) by the hash of their pixels and by registration: normalised
    cross-correlation over all shifts, turned and mirrored.

    Parameters
    ----------
    tests : mapping of str to Path
        Test images by name.
    record : mapping
        What the model recorded of its training, see `talanoa.models.folder.Model.training`; empty: nothing is known.
    train : sequence of Path
        Folders of training images; empty: those that the model recorded.
    host : Host
        Progress and cancelling.
    seed : int
        Draws the pairs that are compared where there are too many.

    Raises
    ------
    BadInput
        A folder in `train` holds no images.
    """
    recorded = recorded_hashes(record)
    places = train or recorded_folders(record)
    if not recorded and not places:
        return LeakCheck((), len(tests), 0, "Not checked: no training images are known. Name their folder by train.")
    pictures = [_picture(name, path) for name, path in tests.items()]
    leaks = list(_by_record(pictures, recorded))
    how = f"file hashes of {len(recorded)} images in the model's record" if recorded else ""
    if not places:
        return LeakCheck(tuple(leaks), len(tests), len(recorded), _sentence(how, "their files were not at hand"))
    trained = [_picture(name, path) for place in places for name, path in image_files(place, "train").items()]
    parts = {file_hash: part for file_hash, (_, part) in recorded.items()}
    known = {leak.test for leak in leaks}
    more, note = _by_pixels([one for one in pictures if one.name not in known], trained, parts, host, seed)
    compared = f"pixels and registration against {len(trained)} images in {', '.join(map(str, places))}{note}"
    how = _sentence("; ".join(part for part in (how, compared) if part))
    return LeakCheck((*leaks, *more), len(tests), max(len(trained), len(recorded)), how)


def for_request(
    request: EvaluateRequest, training: Mapping[str, Any], images: Mapping[str, Path], host: Host
) -> LeakCheck | None:
    """Make the check that a request wants; None where it wants none, or nothing is known about a training."""
    if not request.leaks or (not training and not request.train):
        return None
    if not images:
        return LeakCheck((), 0, 0, "Not checked: the images are not known. Name their folder by images.")
    return check(images, training, named_folders(request.train), host, request.seed)


def _sentence(how: str, but: str = "") -> str:
    return f"Compared: {how}" + (f"; {but}" if but else "") + "."


def recorded_hashes(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return {file hash: (name, "training" or "validation")} from a model's record."""
    found: dict[str, tuple[str, str]] = {}
    for part in ("validation", "training"):
        for name, hashes in (record.get(f"{part}_images") or {}).items():
            if hashes and hashes[0]:
                found[str(hashes[0])] = (str(name), part)
    return found


def recorded_folders(record: Mapping[str, Any]) -> list[Path]:
    """Return the folders of images (or datasets) that a model was trained on, as far as they are still there."""
    request: Mapping[str, Any] = record.get("request") or {}
    images = places.recall(record.get(places.KEY)).get("images") or request.get("images")
    return [place for place in named_folders(images) if _holds_images(place)]


def _holds_images(place: Path) -> bool:
    try:
        return place.is_dir() and bool(image_files(place))
    except (BadInput, OSError):
        return False


def _picture(name: str, path: Path) -> Picture:
    """Read an image and keep what tells it from others."""
    values = images.read(path).values
    whole = values.astype(np.float64) if values.dtype.kind in "ui" else values
    return Picture(name, path, file_sha256(path), array_sha256(whole), (values.shape[-2], values.shape[-1]))


def _by_record(pictures: Sequence[Picture], recorded: Mapping[str, tuple[str, str]]) -> Iterator[Leak]:
    for one in pictures:
        if one.file_hash in recorded:
            name, part = recorded[one.file_hash]
            yield Leak(one.name, name, "same file", "the same file, by its hash in the model's record", part)


def _by_pixels(
    tests: Sequence[Picture], trained: Sequence[Picture], parts: Mapping[str, str], host: Host, seed: int
) -> tuple[list[Leak], str]:
    """Return what is equal or overlaps, and a note where not every pair was compared."""
    same = {one.pixel_hash: one for one in trained}
    leaks, left = [], []
    for one in tests:
        other = same.get(one.pixel_hash)
        if other is None:
            left.append(one)
            continue
        kind = "same file" if other.file_hash == one.file_hash else "same pixels"
        leaks.append(Leak(one.name, other.name, kind, f"the {kind}", parts.get(other.file_hash, "training")))
    pairs, ways, note = _plan(len(left), len(trained), seed)
    return leaks + _registered(left, trained, pairs, ways, parts, host), note


def _plan(n_tests: int, n_trained: int, seed: int) -> tuple[list[tuple[int, int]], int, str]:
    """Return which pairs are compared, in how many of the 8 orientations, and what to say about the others."""
    pairs = [(k, j) for k in range(n_tests) for j in range(n_trained)]
    if len(pairs) * 8 <= MOST_PAIRS:
        return pairs, 8, ""
    if len(pairs) <= MOST_PAIRS:
        return pairs, 1, ", not turned or mirrored (too many pairs)"
    chosen = np.sort(np.random.default_rng(seed).choice(len(pairs), MOST_PAIRS, replace=False))
    note = f", {MOST_PAIRS} of {len(pairs)} pairs drawn at random and not turned (too many pairs)"
    return [pairs[k] for k in chosen], 1, note


def _registered(
    tests: Sequence[Picture],
    trained: Sequence[Picture],
    pairs: Sequence[tuple[int, int]],
    ways: int,
    parts: Mapping[str, str],
    host: Host,
) -> list[Leak]:
    """Return test images that show a field of a training image, the best partner for each."""
    if not pairs:
        return []
    factor = same_field.shrink_factor([side for one in (*tests, *trained) for side in one.size])
    known = [same_field.thumbnail(one.plane(), factor) for one in trained]
    leaks = []
    for k in sorted({k for k, _ in pairs}):
        stop_if_cancelled(host)
        host.progress(k, len(tests), f"Looking for {tests[k].name} among the training images")
        partners, plane = [j for first, j in pairs if first == k], tests[k].plane()
        best: tuple[same_field.Overlap, int, int] | None = None
        for way in range(ways):
            mine = same_field.thumbnail(turned(plane, way), factor)
            for j in partners:
                found = same_field.best_overlap(known[j], mine)
                if same_field.same_field(found) and (best is None or found.strength > best[0].strength):
                    best = found, j, way
        if best is not None:
            other = trained[best[1]]
            leaks.append(_leak(tests[k], other, best[0], best[2], factor, parts.get(other.file_hash, "training")))
    return leaks


def _leak(one: Picture, other: Picture, found: same_field.Overlap, way: int, factor: int, part: str) -> Leak:
    alike = one.size[0] * one.size[1] >= NEARLY_ALL * other.size[0] * other.size[1]
    kind = "near-duplicate" if found.share >= NEARLY_ALL and alike else "overlap"
    y, x = (step * factor for step in found.shift)
    words = same_field.way_in_words(way)
    detail = (
        f"{found.share:.0%} of the smaller image overlaps, moved by about {x} and {y} pixels (x, y)"
        f"{', ' + words if words else ''}; correlation {found.correlation:.2f}"
    )
    return Leak(one.name, other.name, kind, detail, part)
