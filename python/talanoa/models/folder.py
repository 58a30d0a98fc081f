"""The one format of a trained model: a folder with ``model.json`` (plain data) and ``weights.safetensors``.

Weights are data, never code: a model folder from a stranger is safe to open.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from talanoa.core import places, resources
from talanoa.core.errors import BadInput
from talanoa.core.files import check_plain, exists, file_sha256, write_aside
from talanoa.core.record import jsonable
from talanoa.models.record import COMPUTED, FORMAT, RECORD, check_finite, read_record
from talanoa.models.weights import WEIGHTS, check_tensors, check_weights, load_network

VERBS = {"objects": "segment", "image": "restore", "stains": "predict"}  # the task for what a method makes


@dataclass(frozen=True)
class Model:
    """A trained model, ready to be applied.

    Parameters
    ----------
    name : str
        Its name in menus.
    method : str
        Key of `talanoa.models.methods.METHODS`.
    config : dict
        Configuration of the method, complete.
    thresholds : dict
        Decision thresholds, for StarDist ``prob`` and ``nms``.
    normalization : dict
        How intensities become the network's units: see `talanoa.image.ops.normalize.fit`.
    pixel_size : float or None
        Median pixel width of the training images in `unit`; None when they were not calibrated.
    pixel_depth : float or None
        Median distance of the slices of the training stacks; None for a model of planes.
    unit : str
        Unit of `pixel_size` and `pixel_depth`.
    description, licence : str
        What it was trained on, and the licence of that data.
    training : dict
        Settings, seed, hashes of the training data, versions, scores.
    folder : Path or None
        Where it was read from.
    labelling : dict or None
        Inputs and stains of a labelling model, see `talanoa.labelling.record.LabellingRecord`; None for others.
    """

    name: str
    method: str
    config: dict[str, Any]
    thresholds: dict[str, float]
    normalization: dict[str, Any] = field(default_factory=lambda: {"low": 1.0, "high": 99.8})
    pixel_size: float | None = None
    unit: str = "pixel"
    description: str = ""
    licence: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    pixel_depth: float | None = None
    labelling: dict[str, Any] | None = None

    @property
    def ndim(self) -> int:
        """2 for a model of planes, 3 for a model of volumes."""
        from talanoa.models import methods

        return methods.get(self.method).ndim

    @property
    def channels(self) -> int:
        """Channels that the network takes."""
        return int(self.config.get("n_channel_in", 1))

    @property
    def sha256(self) -> str:
        """SHA-256 over configuration and weights of the folder."""
        if self.folder is None:
            return ""
        return file_sha256(self.folder / RECORD)[:32] + file_sha256(self.folder / WEIGHTS)[:32]

    def network(self) -> Any:
        """Return the torch module with its weights, in evaluation mode, on the CPU."""
        from talanoa.models import methods

        method = methods.get(self.method)
        config = method.config(**self.config)
        if self.folder is None:
            return method.build(config).eval()
        return load_network(lambda: method.build(config), self.folder / WEIGHTS).eval()


@dataclass(frozen=True)
class ModelInfo:
    """One line of the list of models."""

    name: str
    folder: Path
    method: str
    description: str
    shipped: bool


def user_models() -> Path:
    """Return the user's folder of models: ``models`` in $TALANOA_HOME, or in ``talanoa`` in the home folder."""
    home = os.environ.get("TALANOA_HOME")
    return (Path(home) if home else Path.home() / "talanoa") / "models"


def shipped_models() -> Path:
    """Return the folder of the models that come with the package."""
    return resources.models()


def available() -> list[ModelInfo]:
    """List the models: the user's own first, then the shipped ones that no own model hides."""
    found: dict[str, ModelInfo] = {}
    for parent, shipped in ((user_models(), False), (shipped_models(), True)):
        if not parent.is_dir():
            continue
        for folder in sorted(parent.iterdir()):
            if not (folder / RECORD).is_file() or folder.name.startswith(".") or folder.name in found:
                continue
            try:
                record = read_record(folder)
            except BadInput as problem:
                found[folder.name] = ModelInfo(folder.name, folder, "damaged", str(problem), shipped)
                continue
            found[folder.name] = ModelInfo(
                folder.name, folder, str(record["method"]), str(record.get("description", "")), shipped
            )
    return list(found.values())


def find(name: str) -> Path:
    """Return the folder of a model given by path or by name.

    Raises
    ------
    BadInput
        There is none; the message lists the models that there are.
    """
    as_path = Path(name).expanduser()
    if exists(as_path / RECORD):  # NB: "." and "models/.." have no name of their own
        return as_path if as_path.name not in ("", "..") else as_path.resolve()
    for info in available():
        if info.name == name:
            return info.folder
    if exists(as_path) and as_path.is_dir():
        raise BadInput(_foreign(as_path))
    known = ", ".join(info.name for info in available()) or "none"
    raise BadInput(
        f"Unknown model {name!r}; models found: {known}. Give one of these names or the path of a model folder "
        f"(your own models are in {user_models()})."
    )


def _foreign(folder: Path) -> str:
    """Say what a folder that is no model folder looks like."""
    names = {path.name for path in folder.iterdir()}
    if "config.json" in names and any(name.endswith(".h5") for name in names):
        return (
            f"{folder} holds a model of a TensorFlow package; expected a Talanoa model. "
            f'Import it once: talanoa models import "{folder}"'
        )
    if any(name.endswith((".pt", ".pth", ".pkl", ".ckpt")) for name in names):
        kind = "pickled weights, which can run code when opened and are not read"
    else:
        kind = "none of the files of a model"
    return f"{folder} holds {kind}; expected {RECORD} and {WEIGHTS} as a Talanoa training writes them."


def load(name_or_path: str | Path) -> Model:
    """Read a model by name or folder; see `find` for where it is looked for.

    Raises
    ------
    BadInput
        Unknown, damaged or foreign folder, one with links in it, unknown method or configuration key; weights,
        thresholds or normalisation that are not finite.
    """
    from talanoa.models import methods

    folder = find(str(name_or_path))
    check_plain(folder, "Copy the model folder with the files themselves.")
    record = read_record(folder)
    if not (folder / WEIGHTS).is_file():
        raise BadInput(f"{folder} has no {WEIGHTS}; the model is incomplete. Copy the whole folder again.")
    check_weights(folder / WEIGHTS)
    method = methods.get(str(record["method"]))
    config = method.config(**record["config"]).model_dump(mode="json")
    known = {key: record[key] for key in Model.__dataclass_fields__ if key in record}
    known.update(name=folder.name, config=config, thresholds=_thresholds(record, method.thresholds(), folder))
    return Model(**{**known, "folder": folder})


def _thresholds(record: dict[str, Any], expected: dict[str, float], folder: Path) -> dict[str, float]:
    found = record["thresholds"]
    fits = isinstance(found, dict) and found.keys() == expected.keys()
    if not fits or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in found.values()):  # NaN is not
        raise BadInput(f"{folder / RECORD}: thresholds are {found}; expected {sorted(expected)} between 0 and 1.")
    return {key: float(value) for key, value in found.items()}


def check_kind(model: Model, expected: str) -> None:
    """Raise `BadInput` that names the right command when a model makes something else.

    Parameters
    ----------
    model : Model
    expected : "objects", "image" or "stains"
        What the task at hand makes, see `talanoa.models.methods.Method.kind`.
    """
    from talanoa.models import methods

    found = methods.get(model.method).kind
    if found == expected:
        return
    does = {"objects": "finds objects", "image": "restores images", "stains": "predicts stains"}
    raise BadInput(
        f"Model {model.name} ({model.method}) {does[found]}; {VERBS[expected]} needs one that {does[expected]}. "
        f"Use {VERBS[found]} with this model, or choose another model."
    )


def check_name(name: str) -> Path:
    """Return the folder of a new model of the user; a taken or impossible name is a `BadInput`."""
    if not name or name.strip(" .") != name or any(letter in name for letter in '/\\:*?"<>|'):
        raise BadInput(f'{name!r} cannot be a model name; use letters, digits, blanks, "-" and "_".')
    folder = user_models() / name
    taken = {info.name for info in available()}
    if folder.exists() or name in taken:
        number = 2
        while f"{name}-{number}" in taken or (user_models() / f"{name}-{number}").exists():
            number += 1
        raise BadInput(f"A model named {name!r} exists already. Choose another name; free is {name}-{number}.")
    return folder


def save(folder: Path, model: Model, weights: dict[str, Any]) -> None:
    """Write a model folder whole: record and weights.

    Parameters
    ----------
    folder : Path
        New folder; an existing one is an error.
    model : Model
        What goes into the record.
    weights : dict of Tensor
        State dict of the network.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(folder) as aside:
        aside.mkdir()
        write_files(aside, model, weights)


def portable(model: Model) -> Model:
    """Return a model whose record names files without their folders, because models are passed on."""
    if not model.training:
        return replace(model, description=places.portable({"": model.description})[""])
    training = jsonable(model.training)
    if places.KEY not in training:
        images = (training.get("request") or {}).get("images")
        training = {places.KEY: places.remember({"images": images}), **training}
    short = places.portable({"training": training, "description": model.description})
    return replace(model, training=short["training"], description=short["description"])


def write_files(folder: Path, model: Model, weights: dict[str, Any]) -> None:
    """Write record and weights into an existing folder; numbers that are not finite are a `BadInput`."""
    from safetensors.torch import save as to_bytes

    check_tensors(weights, folder / WEIGHTS)
    tensors = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
    (folder / WEIGHTS).write_bytes(to_bytes(tensors))  # safetensors' own writer makes files only their owner can read
    record = {"format": FORMAT, **asdict(portable(model))}
    del record["folder"]
    if model.labelling is None:
        del record["labelling"]
    check_finite({key: record[key] for key in COMPUTED if key in record}, folder / RECORD)
    (folder / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def model_facts(model: Model) -> dict[str, Any]:
    """Return what a record says of the model."""
    return {
        "name": model.name,
        "folder": str(Path(model.folder).absolute()) if model.folder else None,
        "sha256": model.sha256,
        "seed": model.training.get("settings", {}).get("seed"),
    }


def attachments(model: Model, copy_model: bool) -> dict[str, Path]:
    """Return what goes into the result folder from the model's: all of it, or its parameters and report."""
    if model.folder is None:
        return {}
    if copy_model:
        return {"model": model.folder}
    kept = {"model.json": "model.json", "model-report.md": "report.md", "model-loss.csv": "loss.csv"}
    return {name: model.folder / file for name, file in kept.items() if (model.folder / file).is_file()}


def own_normalization(model: Model) -> dict[str, Any] | None:
    """Return the normalisation that a model brings along; None: that of the request."""
    return model.normalization if "kind" in model.normalization else None
