import logging
import threading
from typing import Any

import numpy as np
import pytest

from talanoa.core.compiled import in_parts, kernel
from talanoa.models import geometry


def test_a_kernel_works_where_no_folder_can_keep_its_machine_code(caplog: pytest.LogCaptureFixture) -> None:
    names: dict[str, Any] = {}
    exec("def double(x): return 2 * x", names)  # has no file, so there is no place beside it
    with caplog.at_level(logging.WARNING):
        double = kernel(names["double"])
    assert double(21) == 42
    assert "double is compiled anew in each process" in caplog.text


@pytest.mark.parametrize("n, least, threads", [(0, 1, 4), (1, 1, 4), (7, 1, 3), (100, 7, 2), (100, 200, 8), (5, 0, 9)])
def test_parts_cover_everything_once(n: int, least: int, threads: int) -> None:
    seen = np.zeros(n, int)

    def work(first: int, end: int) -> None:
        seen[first:end] += 1

    in_parts(work, n, least, threads)
    assert (seen == 1).all()


def test_what_fails_in_a_thread_is_raised() -> None:
    def work(first: int, end: int) -> None:
        if first <= 50 < end:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_parts(work, 100, 1, 4)


def test_kernels_can_be_used_by_several_threads_at_once() -> None:
    labels = np.kron(np.arange(1, 401).reshape(20, 20), np.ones((20, 20), int))
    expected = geometry.star_distances(labels, 8), geometry.edge_probability(labels)
    different: list[bool] = []

    def use() -> None:
        found = geometry.star_distances(labels, 8), geometry.edge_probability(labels)
        different.append(any((one != other).any() for one, other in zip(found, expected, strict=True)))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == [False] * 6


def test_after_warming_up_nothing_is_compiled_any_more() -> None:
    from talanoa.measure import perimeter
    from talanoa.models.geometry import edt, nms2d, render2d, star2d

    geometry.warm_up()
    kernels = (star2d._march, edt._rows, nms2d._suppress, render2d._draw, perimeter._walk_all)
    compiled = [len(each.signatures) for each in kernels]
    labels = np.kron(np.arange(6).reshape(2, 3), np.ones((9, 9), int)).astype(np.uint8)
    distances = geometry.star_distances(labels, 16, (2, 1))[4:6, 12]
    geometry.edge_probability(labels[:, ::2])
    kept = geometry.suppress_overlaps(distances, np.ones(2, np.float32), np.array([[8, 12], [10, 12]], np.int16), 0.4)
    corners = geometry.polygon_corners(distances, np.array([[8.0, 12.0], [10.0, 12.0]]))
    geometry.render_polygons(corners[kept], np.ones(len(kept)), (18, 27), np.ones(len(kept), np.uint16))
    assert [len(each.signatures) for each in kernels] == compiled


def test_every_public_name_is_there() -> None:
    assert all(callable(getattr(geometry, name)) for name in geometry.__all__)
    geometry.warm_up3d()
