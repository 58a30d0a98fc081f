"""Fields without a stain are told from faint ones by what is left after a blur, not by their noise."""

from __future__ import annotations

import numpy as np

from talanoa.labelling import emptiness
from talanoa.labelling.fields import LabelField
from talanoa.labelling.record import Stain
from talanoa.samples import plate
from talanoa.training import label_scores


def test_noise_alone_is_empty_and_a_few_faint_cells_are_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (128, 128)).astype(np.float32)
    bright, faint = noise.copy(), noise.copy()
    bright[30:50, 30:50] += 1
    faint[60:80, 60:80] += 0.4
    found = [emptiness.contrast(plane) for plane in (bright, faint, noise)]
    assert emptiness.is_empty(found, emptiness.usual(found)).tolist() == [False, False, True]


def test_all_of_nothing_is_empty() -> None:
    blank = [emptiness.contrast(np.zeros((32, 32))) for _ in range(3)]
    assert emptiness.is_empty(blank, emptiness.usual(blank)).all()


def test_an_empty_well_of_the_drawn_plate_counts_apart_in_every_stain() -> None:
    drawn = [plate.draw(well, (192, 192), 1, (3, number)) for number, well in enumerate(plate.wells(6))]
    levels = {stain: np.percentile([each.stains[stain] for each in drawn], (1, 99.9)) for stain in plate.STAINS}
    fields = []
    for number, each in enumerate(drawn):
        units = [(each.stains[name] - low) / (high - low) for name, (low, high) in levels.items()]
        target = np.clip(np.stack(units), 0, 1).astype(np.float32)
        fields.append(LabelField(str(number), each.phase[:1].astype(np.float32), target))
    made = [label_scores.Predicted(each.name, each.target, each.target) for each in fields]
    stains = [Stain(name=name) for name in plate.STAINS]
    scores = label_scores.scores_of(made, stains, label_scores.usual_contrasts(fields))
    assert [row["empty"] for row in scores.values()] == [1, 1, 1]  # the sixth well
    assert all(row["images"] == 5 and row["pcc"] == 1 for row in scores.values())
