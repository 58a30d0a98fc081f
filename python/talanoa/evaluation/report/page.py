"""What every report of an evaluation shares: how numbers are shown, the page, the learning curve, the result folder."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core.files import write_aside
from talanoa.core.record import jsonable, write_record
from talanoa.evaluation.report.pictures import Picture, encode
from talanoa.measure.tables import write_csv
from talanoa.training.advice import advise
from talanoa.training.table import read_losses

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.evaluation.leaks import LeakCheck
    from talanoa.models.folder import Model

REPORT, EVERYTHING = "report.html", "evaluation.json"
TEMPLATES = Path(__file__).resolve().parent / "templates"


def write(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    everything: Mapping[str, Any],
    pictures: Sequence[Picture],
    page: Callable[[], str],
    record: Mapping[str, Any],
) -> Path:
    """Write the result folder of an evaluation, whole or not at all.

    Parameters
    ----------
    folder : Path
        New folder; an existing one is an error.
    tables : mapping of str to DataFrame
        Become CSV files of these names.
    everything : mapping
        Becomes ``evaluation.json``.
    pictures : sequence of Picture
        Become PNG files in ``overlays/``.
    page : function
        Makes the report, ``report.html``.
    record : mapping
        What goes into ``result.json``, such as times.

    Returns
    -------
    Path
        The report.
    """
    with write_aside(folder) as aside:
        aside.mkdir()
        for name, table in tables.items():
            write_csv(aside / name, table)
        if pictures:
            (aside / "overlays").mkdir()
        for name, one in zip(file_names([each.name for each in pictures]), pictures, strict=True):
            (aside / "overlays" / f"{name}.png").write_bytes(encode(one.pixels))
        text = json.dumps(jsonable(dict(everything)), indent=1, ensure_ascii=False, allow_nan=False)
        (aside / EVERYTHING).write_text(text + "\n", encoding="utf-8")
        (aside / REPORT).write_text(page(), encoding="utf-8")
        write_record(aside, dict(record))
    return folder / REPORT


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a report as one HTML page: pictures, charts, styles and the little script are inside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, exact=exact)
    return environment.get_template(template).render(context)


def number(value: Any, digits: int = 3) -> str:
    """Return a number as the report shows it; "–" where it is not defined."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    if isinstance(value, int | np.integer) or (float(value).is_integer() and abs(value) >= 10):
        return f"{int(value)}"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.1f}"


def exact(value: Any) -> str:
    """Return a number as the CSV files hold it."""
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else str(value)


def percent(value: float) -> str:
    """Return a share as a percentage."""
    return "–" if not math.isfinite(value) else f"{100 * value:.1f} %"


def leaks_as_json(check: LeakCheck | None) -> dict[str, Any] | None:
    """Return a leak check as plain data; None where it was not made."""
    if check is None:
        return None
    leaks = [vars(leak) for leak in check.leaks]
    return {"how": check.how, "tested": check.tested, "trained": check.trained, "leaks": leaks}


def learning_curve(model: Model | None) -> dict[str, Any] | None:
    """Return the learning curve that a model's folder holds, and plain advice on it; None where there is none."""
    from talanoa.training.loop import LOSSES
    from talanoa.training.report import CURVE

    if model is None or model.folder is None or not (model.folder / LOSSES).is_file():
        return None
    losses = read_losses(model.folder / LOSSES)
    picture = model.folder / CURVE
    best = min(losses, key=lambda row: row["val_loss"])
    return {
        "picture": embed(picture.read_bytes(), "png") if picture.is_file() else "",
        "advice": advise(losses),
        "epochs": len(losses),
        "best": best,
        "last": losses[-1],
    }


def embed(data: bytes, kind: str) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def file_names(names: Sequence[str]) -> list[str]:
    """Return a name for each that is a file name everywhere; no two are the same, also where case does not count."""
    taken: set[str] = set()
    made = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", name)
        wanted = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        made.append(next(each for each in wanted if each.casefold() not in taken))
        taken.add(made[-1].casefold())
    return made
