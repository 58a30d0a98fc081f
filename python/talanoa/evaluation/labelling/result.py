"""What an evaluation of predicted stains found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation import leaks
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.labelling.fields import View
from talanoa.evaluation.labelling.measure import Line
from talanoa.evaluation.labelling.measures import Measured
from talanoa.evaluation.labelling.predicting import Contender
from talanoa.evaluation.labelling.scores import Score
from talanoa.evaluation.labelling.segmenting import Segmentation
from talanoa.evaluation.report.pictures import Picture


@dataclass(frozen=True, eq=False)
class Judgement:
    """The scores of one contender.

    Parameters
    ----------
    contender : Contender
    measured : dict of str to list of Measured
        By stain.
    scores : list of Score
    lines : dict of str to (float, float)
        Gain and offset of the calibration of each stain.
    stages : ndarray or None
        True against predicted stages of the cell cycle.
    """

    contender: Contender
    measured: Mapping[str, list[Measured]]
    scores: list[Score]
    lines: Mapping[str, Line]
    stages: NDArray[np.int64] | None = None

    @property
    def candidate(self) -> Candidate:
        """The model or folder."""
        return self.contender.candidate


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that the report tells.

    Parameters
    ----------
    judgements : list of Judgement
        What is judged first, then what it is compared with and the study of scales.
    leaks : LeakCheck or None
    notes : list of str
    pictures : list of Picture
        The worst images first.
    stains : list of str
    segmentations : mapping of str to Segmentation or None
    unit : str
        Of areas.
    views : list of View
    """

    judgements: list[Judgement]
    leaks: leaks.LeakCheck | None
    notes: list[str]
    pictures: list[Picture]
    stains: list[str]
    segmentations: Mapping[str, Segmentation | None]
    unit: str
    views: list[View]
    kind: str = "stains"

    @property
    def first(self) -> Judgement:
        """What is judged."""
        return self.judgements[0]
