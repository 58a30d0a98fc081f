"""What the reader of a report should know about the test set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from talanoa.evaluation import pairing
from talanoa.evaluation.segmentation.scores import Judged


def remarks(judged: Sequence[Judged], classes: Sequence[str]) -> Iterator[str]:
    """Yield what makes the scores less certain than they look: few images, images without objects, missing classes."""
    n_true = sum(each.n_true for each in judged)
    files = len({each.file for each in judged})
    if files < 10:
        yield (
            f"Only {files} image{'s' * (files > 1)}, {n_true} objects: "
            + ("confidence intervals over so few images are too narrow." if files > 1 else "no confidence intervals.")
        )
    empty = [each.name for each in judged if each.n_true == 0]
    if empty:
        yield f"{len(empty)} of {len(judged)} images have no true object: {pairing.some(empty, 5)}."
    tables = [each.confusion for each in judged if each.confusion is not None]
    if classes and len(tables) != len(judged):
        yield "Classes were not judged: they are not known for the objects of every image, true and predicted."
    for k, name in enumerate(classes, 1):
        if tables and len(tables) == len(judged) and not sum(int(table[k].sum()) for table in tables):
            yield f'No object of the class "{name}" is in the ground truth: nothing can be said about it.'
