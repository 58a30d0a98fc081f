"""What runs a network: ONNX Runtime for planes on the CPU, torch for volumes, on a GPU, or where it is asked for.

All doors come through `for_model`, so that the same request gives the same labels and the same intensities.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

if TYPE_CHECKING:
    from talanoa.models.folder import Model

log = logging.getLogger(__name__)
Window = tuple[slice, ...]
Arrays = tuple[NDArray[np.float32], ...]  # what a network gives, each (channels, space…)
Out = TypeVar("Out", covariant=True)
Packed = TypeVar("Packed")
Pack = Callable[[Arrays], Packed]


class Maps(NamedTuple):
    """Output of a star-convex network, float32.

    Parameters
    ----------
    prob : ndarray, (space…)
        Object probability on the grid.
    dist : ndarray, (rays, space…)
        Distances in pixels as the network gives them.
    classes : ndarray, (classes + 1, space…), or None
        Probability of each class, the background first.
    """

    prob: NDArray[np.float32]
    dist: NDArray[np.float32]
    classes: NDArray[np.float32] | None = None


def star_maps(arrays: Arrays) -> Maps:
    """Name the output of a star-convex network: probability, distances and, where there are any, classes."""
    return Maps(arrays[0][0], *arrays[1:])


def mask_map(arrays: Arrays) -> NDArray[np.float32]:
    """Return the output of a segmenting network: probability (space…)."""
    return arrays[0][0]


class Runner(Protocol[Out]):
    """A network that is ready to run; what it gives is said by `pack_of`."""

    @property
    def backend(self) -> str:
        """Software and version."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps"."""
        ...

    def __call__(self, part: NDArray[np.float32], window: Window, last: bool = False) -> Out:
        """Return the output for a normalised image (channels, space…) in a window of the grid.

        After the `last` call memory that was kept for the next one is given back.
        """
        ...


@dataclass(frozen=True)
class Chosen:
    """A runner, and what the record says about the choice.

    Parameters
    ----------
    runner : Runner
        Ready to run; what it gives is said by `pack_of`.
    record : dict
        ``backend``, ``device`` and, for ONNX Runtime, the largest difference from torch at the export.
    warning : str
        Why torch runs where ONNX Runtime was wanted; else empty.
    """

    runner: Runner[Any]
    record: dict[str, Any]
    warning: str = ""


def for_model(model: Model, device: str = "auto", backend: str = "auto") -> Chosen:
    """Return what runs a model's network.

    Parameters
    ----------
    model : Model
        From a folder.
    device : str
        "auto", "cpu", "cuda" or "mps".
    backend : str
        "onnx" (CPU only), "torch", or "auto": for planes on the CPU ONNX Runtime where its export agrees with torch,
        else torch, whose convolutions of volumes are faster there (`benchmarks/bench_backends.py`).

    Raises
    ------
    BadInput
        The device is not there; ``backend=onnx`` is asked for with a GPU, or ONNX Runtime cannot run this network.
    """
    from talanoa.core import devices

    place = devices.resolve(device)
    if backend == "onnx" and place != "cpu":
        raise BadInput(f"backend=onnx runs on the CPU only; found device={place}. Set device=cpu, or backend=auto.")
    if backend == "torch" or place != "cpu" or (backend == "auto" and model.ndim == 3):
        return _torch(model, place)
    from talanoa.models.runtime import onnx, onnx_export

    try:
        exported = onnx_export.exported(model)
        runner = onnx.OnnxRunner(exported.content, pack_of(model))
    except onnx_export.NotExported as problem:
        if backend == "onnx":
            raise BadInput(f"backend=onnx: {problem} Set backend=torch.") from problem
        log.warning("%s", problem)
        text = f"{problem} The slower torch runs the network instead."
        chosen = _torch(model, place)
        return Chosen(chosen.runner, {**chosen.record, "backend_note": text}, text)
    record = {"backend": runner.backend, "device": runner.device, "backend_difference": exported.difference}
    return Chosen(runner, record)


def name_of(recorded: str) -> str:
    """Return the request's word for a recorded backend: "onnx" or "torch"."""
    return "onnx" if recorded.lower().startswith("onnx") else "torch"


def pack_of(model: Model) -> Pack[Any]:
    """Return what gives the output of a model's network its form: `Maps`, a map of probabilities, or `Arrays`."""
    from talanoa.models import methods

    method = methods.get(model.method)
    form: Pack[Any] = tuple
    if method.kind == "objects":
        form = star_maps if method.decode == "stars" else mask_map

    def pack(arrays: Arrays) -> Any:
        """Refuse numbers that are not finite: nothing that is made of them would be right."""
        if not all(np.isfinite(one).all() for one in arrays):
            raise BadInput(
                f"The network of model {model.name} answered with values that are not finite (NaN or infinite). Its "
                "weights are finite: the image has intensities far from those it was trained on. Check the image for "
                "extreme values (Process > Math > Max), or take another model."
            )
        return form(arrays)

    return pack


def _torch(model: Model, device: str) -> Chosen:
    """Return torch on a device."""
    from talanoa.models import methods
    from talanoa.models.runtime import torch as torch_run

    maps = methods.get(model.method).maps
    runner = torch_run.TorchRunner(model.network(), device, maps, pack_of(model))
    return Chosen(runner, {"backend": runner.backend, "device": runner.device})


def window_of(core: Sequence[tuple[int, int]], read: Sequence[tuple[int, int]], grid: Sequence[int]) -> Window:
    """Return which places of the output of a tile that reads `read` answer for its `core`."""
    sides = zip(core, read, grid, strict=True)
    return tuple(slice((c0 - r0) // step, -(-(c1 - r0) // step)) for (c0, c1), (r0, _), step in sides)
