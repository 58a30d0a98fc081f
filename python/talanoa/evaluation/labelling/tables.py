"""The tables of an evaluation of stains: one row for each image, each score, each candidate beside the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from talanoa.evaluation.labelling import cycle
from talanoa.evaluation.labelling.explain import MEASURES, PIXEL
from talanoa.evaluation.labelling.scores import ALL, Score, as_table, value_of

if TYPE_CHECKING:
    from talanoa.evaluation.labelling.result import Evaluation, Judgement

BESIDE = (("count", "pearson"), ("count", "bias"), ("area", "pearson"), ("mean", "pearson"), ("pixel", "pcc"))


def images_table(judgement: Judgement, unit: str) -> pd.DataFrame:
    """Return one row for each image and stain, the lowest PCC first, empty images last."""
    rows = []
    for stain, measured in judgement.measured.items():
        for each in measured:
            row: dict[str, Any] = {
                "Image": each.name,
                "Stain": stain,
                "Plate": each.plate,
                "Well": each.well,
                "Phenotype": each.phenotype,
                "Empty": int(each.empty),
            }
            for measure, words in MEASURES.items():
                sides = {"True": each.true, "Predicted": each.predicted}
                if measure.endswith("_calibrated"):
                    sides = {"Predicted": each.calibrated}
                for side, objects in sides.items():
                    name = f"{side} {words.lower()}{f' ({unit})' if measure == 'area' else ''}"
                    row[name] = None if objects is None else value_of(measure, objects)
            row.update({what.name: each.pixel.get(key) for key, what in PIXEL.items()})
            rows.append(row)
    table = pd.DataFrame(rows)
    numbers = [name for name in table.columns if name not in ("Image", "Stain", "Plate", "Well", "Phenotype")]
    table[numbers] = table[numbers].astype(float)
    return table.sort_values(["Empty", "PCC", "Image", "Stain"], na_position="last", ignore_index=True)


def all_images(found: Evaluation) -> pd.DataFrame:
    """Return the rows of every candidate, with its name in front."""
    return _all(found, lambda judgement: images_table(judgement, found.unit))


def all_scores(found: Evaluation) -> pd.DataFrame:
    """Return the scores of every candidate, with its name in front."""
    return _all(found, lambda judgement: as_table(judgement.scores))


def score_of(
    judgement: Judgement, stain: str, measure: str, metric: str, group: str = ALL, per: str = "image"
) -> Score | None:
    """Return one score, None where there is none."""
    wanted = (stain, group, per, measure, metric)
    return next((row for row in judgement.scores if row[:5] == wanted), None)


def side_by_side(found: Evaluation) -> pd.DataFrame:
    """Return one row for each candidate (and scale) and stain; empty where only one is judged."""
    if len(found.judgements) == 1:
        return pd.DataFrame()
    rows = []
    for judgement in found.judgements:
        for stain in found.stains:
            chosen = {key: score_of(judgement, stain, *key) for key in BESIDE}
            row = {"Judged": judgement.contender.name, "Scale": judgement.contender.factor, "Stain": stain}
            rows.append({**row, **{f"{m} {k}": one.value if one else None for (m, k), one in chosen.items()}})
    return pd.DataFrame(rows)


def stages_table(found: Evaluation) -> pd.DataFrame:
    """Return the cell cycle of each candidate: true stages as rows, predicted ones as columns; may be empty."""
    rows = []
    for judgement in found.judgements:
        if judgement.stages is not None:
            for k in (1, 2, 3):
                counts = dict(zip(cycle.NAMES[1:], map(int, judgement.stages[k][1:]), strict=True))
                rows.append({"Judged": judgement.contender.name, "True": cycle.NAMES[k], **counts})
    return pd.DataFrame(rows)


def _all(found: Evaluation, make: Any) -> pd.DataFrame:
    parts = []
    for judgement in found.judgements:
        part = make(judgement)
        part.insert(0, "Judged", judgement.contender.name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
