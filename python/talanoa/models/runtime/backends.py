"""What runs a network: ONNX Runtime for planes on the CPU, torch for volumes, on a GPU, or where it is asked for.

All doors come through `for_model`, so that the same request gives the same labels and the same intensities.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core import devices
from talanoa.core.errors import BadInput
from talanoa.models.runtime.types import Arrays, Pack, Runner, mask_map, star_maps

if TYPE_CHECKING:
    from talanoa.models.folder import Model

log = logging.getLogger(__name__)


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
