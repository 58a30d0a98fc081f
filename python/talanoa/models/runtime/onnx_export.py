"""Networks exported for ONNX Runtime: once for each set of weights, compared with torch, kept in the user's folder.

The file is kept outside of the model folder: a model from a stranger can bring no graph of its own, a read-only folder
does as well as any, and what a training wrote stays as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core.errors import BadInput, TalanoaError
from talanoa.core.files import file_sha256, write_aside
from talanoa.models.folder import user_models
from talanoa.models.runtime.onnx import IMAGE, OnnxRunner, errors, runtime
from talanoa.models.weights import WEIGHTS

if TYPE_CHECKING:
    import torch

    from talanoa.models.folder import Model

log = logging.getLogger(__name__)
MapsOf = Callable[[tuple[Any, ...]], tuple[Any, ...]]  # see `talanoa.models.methods.Method.maps`
VERSION = 2  # of the exported graph: another number makes all files anew
TOLERANCE = 1e-4  # of a probability or a normalised intensity; of larger numbers relative to the largest one
KEPT = 24  # files; the least recently used goes first
OPSET = 17


class NotExported(TalanoaError):
    """ONNX Runtime cannot run a network, or gives other results than torch."""


@dataclass(frozen=True)
class Exported:
    """An exported network.

    Parameters
    ----------
    content : bytes
        The ONNX graph.
    difference : float
        Largest difference from torch at the export, as `TOLERANCE` counts it.
    """

    content: bytes
    difference: float


def folder() -> Path:
    """Return where exported networks are kept."""
    return user_models().parent / "cache" / "onnx"


def exported(model: Model) -> Exported:
    """Return a model's network for ONNX Runtime, from the cache or exported now.

    Raises
    ------
    NotExported
        It cannot be exported, ONNX Runtime cannot run it, or its results differ from torch's.
    """
    try:
        onnxruntime = runtime()
    except ImportError as error:
        raise NotExported(f"ONNX Runtime cannot be used ({error}).") from error
    file = folder() / f"{key(model, onnxruntime.__version__)}.onnx"
    if (known := _read(file)) is not None:
        return known
    content, difference = export(model)
    try:
        _write(file, content, difference)
    except (BadInput, OSError) as problem:
        log.warning("the exported network is not kept: %s", problem)
    return Exported(content, difference)


def key(model: Model, runtime: str) -> str:
    """Return a name that changes with weights, configuration, the way of the export and the software that runs it."""
    parts: Sequence[Any] = (VERSION, runtime, model.method, model.config)
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    if model.folder is not None:
        digest.update(file_sha256(model.folder / WEIGHTS).encode())
    return digest.hexdigest()[:40]


def export(model: Model) -> tuple[bytes, float]:
    """Export a model's network and compare it with torch; see `exported`."""
    from talanoa.models import methods
    from talanoa.models.networks.unet import on_the_coarse_grid

    method = methods.get(model.method)
    net = model.network()
    config = method.config(**model.config)
    steps, sliced = config.multiple, getattr(config, "projects", False)
    random = np.random.default_rng(0)

    def image(extra: int) -> np.ndarray:
        sides = [max(step, 32 // step * step) + step * (axis + extra) for axis, step in enumerate(steps)]
        return random.random((1, model.channels * (4 + extra if sliced else 1), *sides), np.float32)

    content = graph_of(on_the_coarse_grid(net), method.maps, image(0), sliced)
    return content, difference_from_torch(content, net, method.maps, image(1))  # of another size than the traced one


def graph_of(net: torch.nn.Module, maps: MapsOf, image: np.ndarray, sliced: bool = False) -> bytes:
    """Return the ONNX graph of a network and what its output means, for images of any size; `sliced`: of any channels.

    A network that makes a plane of a stack gets the slices as channels.
    """
    import torch

    class Mapped(torch.nn.Module):
        """The network with probabilities instead of logits, say."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return maps(self.net(x))

    whole, example = Mapped().eval(), torch.from_numpy(image)
    with torch.no_grad():
        names = [f"output{number}" for number in range(len(whole(example)))]
    axes = {axis: f"side{axis}" for axis in range(2, image.ndim)}
    written = io.BytesIO()
    with warnings.catch_warnings():
        # torch's other exporter takes twenty times as long and wants one package more; this one is called old.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                whole,
                (example,),
                written,  # type: ignore[arg-type]
                input_names=[IMAGE],
                output_names=names,
                dynamic_axes={**dict.fromkeys(names, axes), IMAGE: {**axes, **({1: "slices"} if sliced else {})}},
                opset_version=OPSET,
                dynamo=False,
            )
        except (RuntimeError, ImportError, TypeError, ValueError, AttributeError) as error:
            raise NotExported(f"The network could not be exported for ONNX Runtime ({error}).") from error
    return written.getvalue()


def difference_from_torch(content: bytes, net: torch.nn.Module, maps: MapsOf, image: np.ndarray) -> float:
    """Return the largest difference from torch's output on an image (1, channels, space…); too large a one is an error.

    Raises
    ------
    NotExported
        ONNX Runtime cannot run the graph, or differs by more than `TOLERANCE`.
    """
    from talanoa.models.runtime.torch import TorchRunner

    window = (slice(None),) * (image.ndim - 2)
    expected = TorchRunner(net, "cpu", maps, tuple)(image[0], window)
    try:
        found = OnnxRunner(content, tuple)(image[0], window)
    except errors() as error:
        raise NotExported(f"ONNX Runtime cannot run this network ({error}).") from error
    worst = 0.0
    for mine, theirs in zip(found, expected, strict=True):
        worst = max(worst, float(np.abs(mine - theirs).max() / max(1.0, float(np.abs(theirs).max()))))
    if not worst <= TOLERANCE:
        raise NotExported(
            f"ONNX Runtime gives other results than torch for this network: they differ by {worst:.2g}, "
            f"expected {TOLERANCE:g} at most."
        )
    return worst


def _read(file: Path) -> Exported | None:
    """Return what is kept; None where there is nothing whole."""
    try:
        facts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            return None
        found = Exported(content, float(facts["difference"]))
        file.touch()  # used just now
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def _write(file: Path, content: bytes, difference: float) -> None:
    """Keep an exported network; two processes that do so at once write the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "difference": difference, "version": VERSION}
    with write_aside(file, overwrite=True) as aside:
        aside.write_bytes(content)
    with write_aside(file.with_suffix(".json"), overwrite=True) as aside:
        aside.write_text(json.dumps(facts), encoding="utf-8")
    kept = sorted(file.parent.glob("*.onnx"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in kept[KEPT:]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)
