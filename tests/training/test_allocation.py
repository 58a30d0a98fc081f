"""Memory kept from step to step."""

from __future__ import annotations

import sys

import numpy as np
import psutil
import pytest

from talanoa.training.allocation import large_blocks_kept


def test_results_do_not_change_and_errors_come_through() -> None:
    with large_blocks_kept():
        values = np.ones(2**22) + np.ones(2**22)
    assert (values == 2).all()
    with pytest.raises(ZeroDivisionError), large_blocks_kept():
        1 / 0  # noqa: B018

    @large_blocks_kept()
    def twice(number: int) -> int:
        return 2 * number

    assert [twice(2), twice(3)] == [4, 6]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other allocators")
def test_blocks_are_kept_while_it_lasts_and_given_back_afterwards() -> None:
    pytest.importorskip("resource")
    import resource

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(2**23)  # 64 MiB, made and freed
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    process = psutil.Process()
    before = process.memory_info().rss
    with large_blocks_kept():
        counts = [faults() for _ in range(6)]
    assert min(counts[2:]) < 2000 or counts[0] < 2000  # 16,384 pages of 4 KiB are not asked for again
    assert process.memory_info().rss < before + 48 * 2**20
