"""Labelling models that predict together: single-stain models give one composite, models of the same stain a mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.request import folders
from talanoa.image.ops import resample
from talanoa.labelling.data.exposure import flattened
from talanoa.labelling.inputs import Input
from talanoa.labelling.record import LabellingRecord, Stain, record_of
from talanoa.models import folder as model_folder
from talanoa.models import record as model_record
from talanoa.models.folder import Model, attachments, model_facts
from talanoa.models.runtime import backends
from talanoa.models.runtime.source import Measured, Source
from talanoa.models.runtime.windows import Windows


@dataclass(frozen=True, eq=False)
class Models:
    """One model or several, which are used on the same image.

    Parameters
    ----------
    models : tuple of Model
        Of kind "stains".
    """

    models: tuple[Model, ...]

    @property
    def name(self) -> str:
        """All names."""
        return "; ".join(model.name for model in self.models)

    @property
    def folder(self) -> str:
        """All folders, as a request names them."""
        return "; ".join(str(Path(model.folder).absolute()) for model in self.models if model.folder)

    @property
    def sha256(self) -> str:
        """All hashes."""
        return ";".join(model.sha256 for model in self.models)


@dataclass(frozen=True)
class Output:
    """A stain that is predicted, and where it comes from.

    Parameters
    ----------
    name : str
        As the first of the models calls it.
    sources : tuple of (int, int, Stain)
        Number of each model that predicts it, channel of its network, and what the model knows of the stain.
    """

    name: str
    sources: tuple[tuple[int, int, Stain], ...]

    @property
    def stain(self) -> Stain:
        """What the first model knows of it."""
        return self.sources[0][2]


def load(text: str) -> Models:
    """Read models, separated by ";".

    Raises
    ------
    BadInput
        An unknown model, one that predicts no stains, one that is named twice.
    """
    loaded = [model_folder.load(str(name)) for name in folders(text)]
    if not loaded:
        raise BadInput(f"model: found {text!r}; expected the name or the folder of a model.")
    for number, model in enumerate(loaded):
        knows(model)
        if model.sha256 in {other.sha256 for other in loaded[:number]}:
            raise BadInput(f"model: {model.name} is named twice; expected different models. Name it once.")
    return Models(tuple(loaded))


def knows(model: Model) -> LabellingRecord:
    """Return what a labelling model knows of its inputs and stains.

    Raises
    ------
    BadInput
        The model makes something else, or its record does not fit its network.
    """
    model_folder.check_kind(model, "stains")
    if model.labelling is None:
        raise BadInput(
            f"Model {model.name} has no record of its inputs and stains; expected the key labelling in its "
            f"{model_record.RECORD}. Copy the whole folder again, or train again."
        )
    record = record_of(model.labelling)
    found = record.channels, len(record.stains)
    network = int(model.config["n_channel_in"]), int(model.config["n_channel_out"])
    if found != network:
        raise BadInput(
            f"Model {model.name} is damaged: its record has {found[0]} input planes and {found[1]} stains, its network "
            f"{network[0]} and {network[1]}. Copy the whole folder again, or train again."
        )
    return record


def outputs(models: Sequence[Model], wanted: Sequence[str]) -> tuple[Output, ...]:
    """Return the stains that are predicted, in the order of the models, or of what is wanted.

    Parameters
    ----------
    models : sequence of Model
    wanted : sequence of str
        Names of stains, in upper or lower case; none: all.

    Raises
    ------
    BadInput
        A stain that no model knows; one that is a mask to one model and an intensity to another.
    """
    found: dict[str, list[tuple[int, int, Stain]]] = {}
    for number, model in enumerate(models):
        for channel, stain in enumerate(knows(model).stains):
            found.setdefault(stain.name.casefold(), []).append((number, channel, stain))
    known = ", ".join(sources[0][2].name for sources in found.values())
    for name in wanted:
        if name.casefold() not in found:
            raise BadInput(f"stains: found {name}; model {Models(tuple(models)).name} predicts {known}.")
    made = []
    for name in dict.fromkeys(each.casefold() for each in wanted) or found:
        sources = tuple(found[name])
        if len({stain.mask for _, _, stain in sources}) > 1:
            listed = ", ".join(f"{models[k].name} ({'mask' if stain.mask else 'intensity'})" for k, _, stain in sources)
            raise BadInput(
                f"The models of {sources[0][2].name} predict different things: {listed}; expected all masks or all "
                "intensities. Predict with one kind at a time."
            )
        made.append(Output(sources[0][2].name, sources))
    return tuple(made)


def facts(models: Models) -> dict[str, Any]:
    """Return what a record says of the models."""
    each = [model_facts(model) for model in models.models]
    return {"name": models.name, "folder": models.folder, "sha256": models.sha256, "models": each}


def attached(models: Models, copy: bool) -> dict[str, Path]:
    """Return what goes into a result folder from the folders of the models; of several with their numbers."""
    made: dict[str, Path] = {}
    for number, model in enumerate(models.models, 1):
        for name, path in attachments(model, copy).items():
            stem, dot, suffix = name.partition(".")
            made[name if len(models.models) == 1 else f"{stem}-{number}{dot}{suffix}"] = path
    return made


@dataclass(frozen=True)
class View:
    """What one model sees of a source: its planes as channels, in the pixel size of its training where that is wanted.

    Parameters
    ----------
    source : Source
        What is read of the image.
    inputs : tuple of (int, int)
        For each channel the channel and plane of the image, counted from 0.
    size : (y, x)
        Of what the network sees.
    illumination : ndarray of float32, (planes, y, x), or None
        By which the image is divided, where the training was.
    """

    source: Source
    inputs: tuple[Input, ...]
    size: tuple[int, int]
    illumination: NDArray[np.float32] | None = None

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the image, counted from 0."""
        return self.source.frames

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Sizes (t, planes, 1, y, x)."""
        return len(self.source.frames), len(self.inputs), 1, *self.size

    def frame(self, number: int) -> NDArray[Any]:
        """Return a frame, (planes, 1, y, x)."""
        return self.of(self.source.frame(number))

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what the model sees of a frame (c, z, y, x) of the source, (planes, 1, y, x)."""
        seen = np.stack([self.plane(pixels, one) for one in self.inputs])
        if self.illumination is not None:
            seen = flattened(seen, self.illumination)
        if self.size != seen.shape[1:]:
            seen = resample.resize(seen, self.size)
        return seen[:, None]

    def plane(self, pixels: NDArray[Any], one: Input) -> NDArray[Any]:
        """Return one plane (y, x) of a frame (c, z, y, x) of the source."""
        channel, plane = one
        found: NDArray[Any] = pixels[self.source.channels.index(channel), self.source.planes.index(plane)]
        return found


@dataclass(eq=False)
class Member:
    """One of the models at work.

    Parameters
    ----------
    model : Model
    config : config of the method
    view : View
        What it sees.
    scale : float
        Pixels of the network for each of the image.
    measured : Measured
        Levels of the whole movie.
    chosen : Chosen
        What runs the network.
    parts : tuple of int
        Tiles along y and x; fewer pixels a tile once memory has ended.
    """

    model: Model
    config: Any
    view: View
    scale: float
    measured: Measured
    chosen: backends.Chosen
    parts: tuple[int, ...]

    def facts(self, windows: Windows | None) -> dict[str, Any]:
        """Return what the record says of it."""
        return {
            "name": self.model.name,
            **self.chosen.record,
            "channels": [channel + 1 for channel, _ in self.view.inputs],
            "planes": [plane + 1 for _, plane in self.view.inputs],
            "scale": self.scale,
            "tiles_yx": None if windows else list(self.parts),
            "step": windows.step(max(self.config.multiple)) if windows else None,
            "normalization": dict(self.model.normalization),
            "norm_values": [list(pair) for pair in self.measured.levels.pairs],
            "norm_sample": self.measured.record(),
        }
