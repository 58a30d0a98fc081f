"""What a training cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from talanoa.core.cost import Meter, priced

if TYPE_CHECKING:
    from talanoa.training.request import TrainRequest


def of_training(
    meter: Meter, losses: Sequence[Mapping[str, float]], end: float, request: TrainRequest
) -> dict[str, Any]:
    """Return the record of a training: that of the meter, and for each epoch.

    Parameters
    ----------
    meter : Meter
        Begun with the training; memory and energy are those since then, also where it goes on with an earlier one.
    losses : sequence of mapping
        All rows of ``loss.csv``: their ``seconds``, and those of them spent ``waiting`` for data, where they are known.
    end : float
        Seconds that followed the last epoch.
    request : TrainRequest
        ``price`` and ``currency``.
    """
    seconds = sum(row["seconds"] for row in losses) + end
    each = statistics.median(row["seconds"] for row in losses)
    record = {**meter.record(), "seconds": round(seconds, 3), "seconds_per_epoch": round(each, 4)}
    known = [row for row in losses if "waiting" in row]
    if known:
        record["waiting"] = round(sum(row["waiting"] for row in known) / sum(row["seconds"] for row in known), 4)
    money = priced(seconds, request.price, request.currency)
    return {**record, **money, **({"cost_per_epoch": request.price * each / 3600} if request.price is not None else {})}
