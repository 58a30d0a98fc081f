"""What belongs together: the noisy image, the truth, and what each candidate made of the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.evaluation import reading
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.segmentation.scores import plane_names
from talanoa.image.ops import noise_checks
from talanoa.image.ops.orientations import SAME_SIZE, turned, turned_back
from talanoa.image.ops.registration import shift
from talanoa.measure.metrics.fit import fitted

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest

_ENOUGH = 0.5  # pixels of a shift that is told


@dataclass(frozen=True, eq=False)
class Item:
    """One plane (y, x) or stack (z, y, x) of one channel and frame.

    Parameters
    ----------
    name, file : str
        The image's, with numbers of frame and channel where there are several; what is independent.
    noisy, truth : ndarray or None
        None where they are not there.
    predictions : list of ndarray
        One for each candidate.
    others : list of ndarray
        Restorations that are compared with the first prediction to see what may be made up; may be empty.
    pixel : float
        Size of a pixel along y and x in `unit`.
    unit : str
        "µm", …, or "pixels".
    """

    name: str
    file: str
    noisy: NDArray | None
    truth: NDArray | None
    predictions: list[NDArray]
    others: list[NDArray]
    pixel: float
    unit: str


@dataclass(frozen=True, eq=False)
class Case:
    """The images of one name, (t, c, z, y, x), and what should be told of them; see `Item`."""

    name: str
    noisy: NDArray | None
    truth: NDArray | None
    predictions: list[NDArray]
    others: list[NDArray]
    pixel: tuple[float, str]
    notes: list[str]

    def items(self) -> Iterator[Item]:
        """Yield planes or stacks, one for each frame and channel."""
        shape = self.predictions[0].shape
        frames = plane_names(self.name, shape[0], 1, by_slice=False)
        for t in range(shape[0]):
            for c in range(shape[1]):
                where = f" C{c + 1}" if shape[1] > 1 else ""
                yield Item(
                    f"{frames[t]}{where}",
                    self.name,
                    None if self.noisy is None else _one(self.noisy, t, c),
                    None if self.truth is None else _one(self.truth, t, c),
                    [_one(each, t, c) for each in self.predictions],
                    [_one(each, t, c) for each in self.others],
                    *self.pixel,
                )


def _one(values: NDArray, t: int, c: int) -> NDArray:
    chosen = values[t, c]
    return chosen[0] if len(chosen) == 1 else chosen


def _calibration(image: xr.DataArray | None) -> tuple[float, str]:
    """Return the size of a pixel in the plane and its unit; pixels where it is not calibrated, or not square."""
    if image is None or image.attrs["unit"] == "pixel":
        return 1.0, "pixels"
    _, y, x = image.attrs["pixel_size"]
    return (float(x), str(image.attrs["unit"])) if abs(y - x) < 0.01 * x else (1.0, "pixels")


def read_case(
    name: str,
    files: dict[str, Path | None],
    candidates: Sequence[Candidate],
    request: EvaluateRequest,
    host: Host,
) -> Case:
    """Read the images of one name, and let the models restore theirs.

    Parameters
    ----------
    name : str
    files : dict of str to Path or None
        "images" (noisy) and "truth", where they are there.
    candidates : sequence of Candidate

    Raises
    ------
    BadInput
        Sizes or channels that do not fit, values that are no numbers, a truth that is the noisy image itself.
    """
    whole = None if files["images"] is None else _read(files["images"])
    truth = None if files["truth"] is None else _read(files["truth"]).values
    made = [_made(candidate, name, whole, request, host) for candidate in candidates]
    if truth is not None and truth.shape[1] > made[0].shape[1]:
        truth = _channels(truth, made[0].shape[1], request, f"{name} (truth)")
    shape = made[0].shape if truth is None else truth.shape
    notes = [] if whole is None else _faults(whole, _number(request))
    fits = [
        _sized(each, shape, request, f"{name} in {candidate.name}")
        for each, candidate in zip(made, candidates, strict=True)
    ]
    noisy = None if whole is None else _noisy(whole.values, shape, request, name, notes)
    if truth is not None:
        _check_truth(name, truth, noisy, fits[0], notes)
    others = [_sized(each, shape, request, name) for each in _others(candidates, whole, fits, request, host)]
    return Case(name, noisy, truth, fits, others, _calibration(whole), notes)


def _read(path: Path) -> xr.DataArray:
    try:
        image = images.read(path)
    except BadInput as problem:
        raise BadInput(str(problem) if path.name in str(problem) else f"{path.name}: {problem}") from problem
    bad = 0 if image.dtype.kind in "iu" else int(image.size - np.isfinite(image.values).sum())
    if bad:
        raise BadInput(
            f"{path}: {bad} of {image.size} pixels are NaN or infinite; expected numbers. Replace them, or leave the "
            "image out."
        )
    return image


def _made(candidate: Candidate, name: str, image: xr.DataArray | None, request: EvaluateRequest, host: Host) -> NDArray:
    """Return what a candidate made of an image, (t, c, z, y, x)."""
    if candidate.annotations is not None:
        files = candidate.annotations.files
        return _read(next(iter(files.values())) if candidate.annotations.single else files[name]).values
    assert image is not None
    return restored(candidate, image, request, host)


def restored(candidate: Candidate, image: xr.DataArray, request: EvaluateRequest, host: Host) -> NDArray:
    """Return an image as the task `restore` makes it with the candidate's model, float32 (t, c, z, y, x)."""
    from talanoa.restoration.predict import restore
    from talanoa.restoration.request import RestoreRequest

    model = candidate.model
    assert model is not None
    used = {key: getattr(request, key) for key in ("channel", "norm_low", "norm_high", "device", "backend")}
    settings = RestoreRequest(model=str(model.folder or model.name), **used)
    try:
        return np.asarray(restore(image, model, settings, host).image.values)
    except BadInput as problem:
        raise BadInput(f"{image.attrs['name']}: {problem}") from problem


def _faults(image: xr.DataArray, channel: int | None) -> list[str]:
    """Return what is wrong with the channel that is restored, or with any."""
    chosen = image if channel is None or channel > image.sizes["c"] else image.isel(c=slice(channel - 1, channel))
    return [text.rstrip(".") for text in noise_checks.check(chosen)]


def _others(
    candidates: Sequence[Candidate],
    image: xr.DataArray | None,
    predictions: list[NDArray],
    request: EvaluateRequest,
    host: Host,
) -> list[NDArray]:
    """Return what the first prediction is compared with to see what may be made up: see the request's disagreement."""
    way = disagreement_of(request, len(candidates), candidates[0].model is not None)
    if way == "models":
        return [fitted(predictions[0], each) for each in predictions[1:]]  # models may have units of their own
    if way == "none" or image is None:
        return []
    found = []
    for turn in SAME_SIZE[1:]:
        turned_image = image.copy(data=np.ascontiguousarray(turned(image.values, turn)))
        found.append(turned_back(restored(candidates[0], turned_image, request, host), turn))
    return found


def disagreement_of(request: EvaluateRequest, n_candidates: int, model: bool) -> str:
    """Return "models", "turns" or "none": from what the map of disagreement is made.

    Raises
    ------
    BadInput
        The request wants what cannot be made.
    """
    wish = request.disagreement
    if wish == "models" and n_candidates < 2:
        raise BadInput(
            "disagreement: found models, but only one is judged; expected more of them. Name them by compare."
        )
    if wish == "turns" and not model:
        raise BadInput(
            "disagreement: found turns, but images are judged that were restored elsewhere; expected a model, which "
            "can restore the image turned. Name it by model."
        )
    if wish != "auto":
        return wish
    if n_candidates > 1:
        return "models"
    return "turns" if model and not request.truth else "none"


def _number(request: EvaluateRequest) -> int | None:
    """Return the channel that is asked for, counted from 1; None: all, or the only one."""
    if isinstance(request.channel, int):
        return request.channel
    if request.channel not in (None, "all"):
        raise BadInput(f"channel={request.channel}: expected one channel of restored images, or all.")
    return None


def _channels(values: NDArray, wanted: int, request: EvaluateRequest, what: str) -> NDArray:
    """Return the channels that are compared: all, the one that is asked for, or the only one."""
    found, asked = values.shape[1], _number(request)
    if found == wanted:
        return values
    if wanted == 1 and asked is not None and asked <= found:
        return values[:, asked - 1 : asked]
    raise BadInput(
        f"{what}: found {found} channels, expected {wanted}, as in what it is compared with. Say which one by channel."
    )


def _sized(values: NDArray, shape: tuple[int, ...], request: EvaluateRequest, what: str) -> NDArray:
    """Return an image of the size of the truth; frames and slices may be called each other."""
    values = _channels(values, shape[1], request, what)
    if values.shape == shape:
        return values
    if values.swapaxes(0, 2).shape == shape:
        return values.swapaxes(0, 2)
    sizes = [reading.sizes((each[0], *each[2:])) for each in (values.shape, shape)]
    raise BadInput(
        f"{what} is {sizes[0]}, what it is compared with {sizes[1]}; they must have the same size. Cut or export them "
        "alike; scaled images cannot be compared pixel by pixel."
    )


def _noisy(values: NDArray, shape: tuple[int, ...], request: EvaluateRequest, name: str, notes: list[str]) -> NDArray:
    """Return the noisy image in the size of what was made of it; of a stack that became a plane, its projection."""
    values = _channels(values, shape[1], request, f"{name} (noisy)")
    if shape[2] == 1 and values.shape[2] > 1 and values.shape[0] == shape[0]:
        values = values.max(axis=2, keepdims=True)
        notes.append("the noisy stack is compared as its maximum projection")
    return _sized(values, shape, request, f"{name} (noisy)")


def _check_truth(name: str, truth: NDArray, noisy: NDArray | None, prediction: NDArray, notes: list[str]) -> None:
    """Refuse a truth that is the noisy image; note what is shifted or constant."""
    if noisy is not None and np.array_equal(noisy, truth):
        raise BadInput(
            f"{name}: the truth is the noisy image itself, pixel by pixel; expected a high-SNR image. Check the "
            "folders."
        )
    if truth.min() == truth.max():
        notes.append("the truth has one intensity everywhere: no score is defined")
        return
    planes = {"the prediction": prediction, **({} if noisy is None else {"the noisy image": noisy})}
    for what, values in planes.items():
        found = shift(_one(truth, 0, 0), _one(values, 0, 0))
        if found.sure and (found.length >= _ENOUGH or abs(found.dz) >= _ENOUGH):
            along = f"x {found.dx:+.1f}, y {found.dy:+.1f}" + (f", z {found.dz:+.1f}" if found.dz else "")
            notes.append(
                f"{what} must be moved by {along} pixels to lie on the truth (phase correlation, confidence "
                f"{found.confidence:.2f}): all scores suffer. Register the images first"
            )
