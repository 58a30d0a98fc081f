"""Train on one part of plates, test on each: phenotypes, plates or magnifications (in silico labelling)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talanoa import image as images
from talanoa.core.files import write_aside
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.core.request import folders, parse
from talanoa.evaluation.labelling import segmenting
from talanoa.evaluation.request import EvaluateRequest
from talanoa.image.ops import resample
from talanoa.labelling.data import plates
from talanoa.labelling.data.plates import View
from talanoa.models import folder as model_folder
from talanoa.tasks.study.frame import frame
from talanoa.tasks.study.parts import KEY, names
from talanoa.training.request import names_of

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.tasks.study.frame import Done
    from talanoa.tasks.study.request import StudyRequest

PARTS, MATRIX = "parts", "matrix"
SCORES = (("count", "pearson", "count r"), ("area", "pearson", "area r"), ("pixel", "pcc", "PCC"))


def make(request: StudyRequest, out: Path, host: Host) -> dict[str, dict[str, str]]:
    """Write the parts of the plates into the folder of a study; those that are there are kept.

    Returns
    -------
    dict
        ``train`` and ``test``: the folder of each part by its name. Images are linked where the disk can, else copied;
        for ``scale`` they are written anew, larger or smaller.
    """
    made: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for what, text in (("train", request.images), ("test", request.test)):
        places = [place.expanduser().absolute() for place in folders(text)]
        for number, name in enumerate(names(request)):
            stop_if_cancelled(host)
            if request.across == "plate":
                made[what][name] = str(places[number])
                continue
            target = out / PARTS / what / name
            made[what][name] = str(target)
            if target.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            views = plates.find(places, names_of(request.transmitted))
            factor = request.factors[number] if request.across == "scale" else 1.0
            chosen = [view for view in views if request.across == "scale" or view.phenotype == name]
            with write_aside(target) as aside:
                _write(aside, chosen, factor)
    return made


def _write(folder: Path, views: Sequence[View], factor: float) -> None:
    """Write one part as a plate: transmitted light, stains, phenotypes of the wells."""
    several = len({view.plate for view in views}) > 1
    lines = ["well,phenotype"]
    for view in views:
        name = f"{view.plate.name}_{view.name}" if several else view.name
        for kind, path in (*((light.parent.name, light) for light in view.lights), *view.stains.items()):
            target = folder / kind / f"{name}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target) if factor == 1 else _magnified(path, target.with_suffix(".tif"), factor)
        if view.well and (line := f"{view.well},{view.phenotype}") not in lines:
            lines.append(line)
    (folder / plates.WELLS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _magnified(path: Path, target: Path, factor: float) -> None:
    """Write an image as a microscope with so much more magnification would show it, linearly interpolated."""
    image = images.read(path)
    t, c, z, y, x = image.shape
    flat = np.asarray(image.values).reshape(t * c * z, y, x)
    size = resample.sizes((y, x), (factor, factor))
    made = resample.resize(flat, size).reshape(t, c, z, *size)
    depth, height, width = image.attrs["pixel_size"]
    keys = {"pixel_size": (depth, height / factor, width / factor), "unit": image.attrs["unit"]}
    images.write(target, images.from_array(made, "tczyx", channel_names=image.attrs["channel_names"], **keys))


def scores(
    model: str,
    tests: Mapping[str, str],
    factors: Mapping[str, float],
    segment: str,
    transmitted: str | None,
    device: str,
    host: Host,
) -> dict[str, float]:
    """Return the scores of a model on each part: count r, area r, PCC of each stain, such as "nucleus PCC on compact".

    Parameters
    ----------
    model : str
        Name or folder.
    tests : mapping of str to str
        Folder of each part.
    factors : mapping of str to float
        Magnification of each part that has one: lengths of classical recipes follow it.
    segment, transmitted : str
        As for `evaluate`.
    """
    from talanoa.evaluation.labelling.evaluate import evaluate
    from talanoa.evaluation.labelling.tables import score_of
    from talanoa.labelling.record import record_of

    found: dict[str, float] = {}
    known = record_of(model_folder.load(model).labelling or {}).stains
    sides = [stain.name for stain in known], [stain.name for stain in known if stain.mask]
    for name, folder in tests.items():
        how = segmenting.magnified(segment, *sides, factors[name]) if name in factors else segment
        keys = {"model": model, "images": folder, "segment": how, "transmitted": transmitted, "device": device}
        asked = parse(EvaluateRequest, {**keys, "bootstrap": 0, "pictures": 0, "leaks": False}).request
        judged = evaluate(asked, host)
        for stain in judged.stains:
            for measure, metric, words in SCORES:
                score = score_of(judged.first, stain, measure, metric)
                if score is not None:
                    found[f"{stain} {words} on {name}"] = score.value
    return found


def matrix(found: pd.DataFrame, parts: Sequence[str]) -> pd.DataFrame:
    """Return one row for each score and part that was trained on, a column for each part that was tested on.

    Parameters
    ----------
    found : DataFrame
        See `talanoa.tasks.study.frame.frame`; repeats become their mean.
    """
    import pandas as pd

    kinds = dict.fromkeys(str(column).rpartition(" on ")[0] for column in found.columns if " on " in str(column))
    rows = []
    for kind in kinds:
        for trained in parts:
            own = found[(found[KEY] == trained) & (found["error"] == "")]
            tested = {part: own[f"{kind} on {part}"].mean() if len(own) else np.nan for part in parts}
            rows.append({"score": kind, KEY: trained, **tested})
    return pd.DataFrame(rows)


def draw(out: Path, table: pd.DataFrame, parts: Sequence[str]) -> None:
    """Write ``matrix.csv``, ``matrix.png`` and ``matrix.svg``: a heat map for each score."""
    from matplotlib.figure import Figure

    from talanoa.measure.tables import write_csv

    write_csv(out / f"{MATRIX}.csv", table, overwrite=True)
    kinds = list(dict.fromkeys(table["score"]))
    side = 1.1 + 0.75 * len(parts)
    figure = Figure(figsize=(max(4.0, len(kinds) * (side + 0.6)), side + 0.6), layout="constrained")
    for axes, kind in zip(np.atleast_1d(figure.subplots(1, len(kinds))), kinds, strict=True):
        values = table[table["score"] == kind][list(parts)].to_numpy(float)
        axes.imshow(values, vmin=min(0.0, float(np.nanmin(values, initial=0.0))), vmax=1.0, cmap="viridis")
        for (row, column), value in np.ndenumerate(values):
            colour = "black" if value > 0.6 else "white"
            axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(parts)), list(parts), rotation=30)
        axes.set_yticks(range(len(parts)), list(parts))
        axes.set(title=kind, xlabel="tested on", ylabel="trained on")
    for suffix in ("png", "svg"):
        with write_aside(out / f"{MATRIX}.{suffix}", overwrite=True) as aside:
            figure.savefig(aside, dpi=130, format=suffix)


def write(out: Path, done: Done, parts: Sequence[str]) -> None:
    """Write table and heat map of the cells that are done."""
    found = frame(done)
    if any(" on " in str(column) for column in found.columns):
        draw(out, matrix(found, parts), parts)
