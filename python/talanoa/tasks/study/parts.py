"""The parts of the plates that a study trains on, and tests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.core.request import folders
from talanoa.labelling.data import plates
from talanoa.training.request import names_of

if TYPE_CHECKING:
    from talanoa.tasks.study.request import StudyRequest

KEY = "trained_on"  # column of the table


def names(request: StudyRequest) -> list[str]:
    """Return the parts that are trained on, and tested on, in order.

    Raises
    ------
    BadInput
        Fewer than two parts, or other ones in the test plates.
    """
    if request.across == "scale":
        return [f"{factor:g}x" for factor in request.factors]
    found = [_parts_of(request, text) for text in (request.images, request.test)]
    if request.across == "plate" and len(found[0]) == len(found[1]) > 1:
        return found[0]
    if len(found[0]) < 2 or set(found[0]) != set(found[1]):
        raise BadInput(
            f"across={request.across}: found {', '.join(found[0]) or 'none'} in images and "
            f"{', '.join(found[1]) or 'none'} in test; expected the same ones in both, two or more."
        )
    return found[0]


def _parts_of(request: StudyRequest, text: str | None) -> list[str]:
    places = [place.expanduser() for place in folders(text)]
    if request.across == "plate":
        return [place.name for place in places]
    return sorted({view.phenotype for view in plates.find(places, names_of(request.transmitted)) if view.phenotype})
