"""The colours of label images."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.image.lut import glasbey


def test_black_background_and_255_different_colours() -> None:
    table = glasbey()
    assert table.shape == (256, 3) and table.dtype == np.uint8
    assert table[0].tolist() == [0, 0, 0] and len(np.unique(table, axis=0)) == 256
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_no_label_vanishes_on_black_and_neighbours_differ() -> None:
    table = glasbey().astype(int)
    assert (table[1:] @ np.array([0.2126, 0.7152, 0.0722])).min() > 20
    assert np.linalg.norm(np.diff(table[1:], axis=0), axis=1).min() > 25
    assert np.linalg.norm(table[1:9, None] - table[None, 1:9], axis=2)[~np.eye(8, dtype=bool)].min() > 80
