"""What an evaluation of restored images found."""

from __future__ import annotations

from dataclasses import dataclass

from talanoa.evaluation import leaks
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.restoration.pictures import Shown
from talanoa.evaluation.restoration.scores import Measured
from talanoa.evaluation.restoration.summary import Contrast
from talanoa.evaluation.segmentation.summary import Score

INPUT = "input"


@dataclass(frozen=True, eq=False)
class Judgement:
    """The scores of one candidate: one `Measured` for each image, and those of the set."""

    candidate: Candidate
    measured: list[Measured]
    scores: list[Score]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that the report tells.

    Parameters
    ----------
    judgements : list of Judgement
        The candidate that is judged first, then those that it is compared with.
    contrasts : list of Contrast
        The prediction against the input, and the other candidates against the first.
    leaks : LeakCheck or None
    notes : list of str
    shown : list of Shown
        Pictures and curves, the worst image first.
    unit : str
        Of resolutions.
    truth, noisy : bool
        What was there.
    disagreement : str
        "models", "turns" or "none".
    """

    judgements: list[Judgement]
    contrasts: list[Contrast]
    leaks: leaks.LeakCheck | None
    notes: list[str]
    shown: list[Shown]
    unit: str
    truth: bool
    noisy: bool
    disagreement: str
    kind: str = "image"

    @property
    def first(self) -> Judgement:
        """The candidate that is judged."""
        return self.judgements[0]
