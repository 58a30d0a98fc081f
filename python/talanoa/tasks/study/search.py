"""A search among parameters by optuna: each combination is chosen by what the ones before it gave.

Tree-structured Parzen estimator: Bergstra et al. 2011 (NIPS 24). optuna: Akiba et al. 2019,
doi:10.1145/3292500.3330701.

A study that goes on chooses as one that was never interrupted: every choice has a seed of its own and depends on the
results before it alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from talanoa.core.errors import BadInput
from talanoa.tasks.study.plan import LOGARITHMIC, Cell, repeats_of
from talanoa.tasks.study.request import StudyRequest, range_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MISSING = (
    'search=optuna: the package optuna is not installed; expected it. Install it: pip install "talanoa[search]", or '
    "list values and leave search out."
)
Tell = Callable[[Sequence[dict[str, Any]]], None]


def check(request: StudyRequest) -> None:
    """Raise `BadInput` where optuna is missing, or the training refuses a value or the end of a range."""
    _optuna()
    tried = {key: range_of(values[0]) or tuple(values) for key, values in request.grid_axes()}
    first = {key: values[0] for key, values in tried.items()}
    for key, values in tried.items():
        for value in values:
            repeats_of(request, {**first, key: value}, 0, request.trials)


def rounds(request: StudyRequest) -> Iterator[tuple[list[Cell], Tell]]:
    """Yield the trainings of each trial, and the function that is to be told their results before the next one."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    distributions = distributions_of(request)
    for number in range(request.trials):
        study.sampler = optuna.samplers.TPESampler(seed=(request.seed + number) % 2**32)
        trial = study.ask(distributions)

        def tell(results: Sequence[dict[str, Any]], trial: Any = trial) -> None:
            """Remember how good a trial was: the mean of the first score of its repeats."""
            good = [next(iter(each["scores"].values())) for each in results if each.get("scores")]
            if len(good) < len(results):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, statistics.mean(good))

        yield repeats_of(request, trial.params, number, request.trials), tell


def distributions_of(request: StudyRequest) -> dict[str, BaseDistribution]:
    """Return what each key is drawn from: its values, or its range, logarithmic where that spans a factor of ten."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for key, values in request.grid_axes():
        ends = range_of(values[0])
        if ends is None:
            found[key] = CategoricalDistribution(values)
            continue
        low, high = ends
        log = low > 0 and high / low >= LOGARITHMIC
        if isinstance(low, int) and isinstance(high, int):
            found[key] = IntDistribution(low, high, log=log)
        else:
            found[key] = FloatDistribution(low, high, log=log)
    return found


def _optuna() -> Any:
    """Return the package optuna."""
    try:
        import optuna
    except ImportError as error:
        raise BadInput(MISSING) from error
    return optuna
