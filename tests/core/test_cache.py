"""Handles: values under ids, within a limit of memory."""

from __future__ import annotations

import pytest

from talanoa.core.cache import HANDLES, Handles
from talanoa.core.errors import BadInput


def test_a_value_is_found_until_it_is_dropped() -> None:
    handles = Handles(100)
    identity = handles.put("value", 60)
    assert identity is not None and handles.get(identity) == "value"
    handles.drop(identity)
    handles.drop(identity)
    with pytest.raises(BadInput, match="not kept any more.*Run Segment Objects again"):
        handles.get(identity)


def test_the_least_recently_used_goes_first() -> None:
    handles = Handles(100)
    first, second = handles.put("first", 40), handles.put("second", 40)
    assert first is not None and second is not None
    handles.get(first)
    third = handles.put("third", 40)
    assert third is not None and handles.nbytes == 80
    assert [handles.get(one) for one in (first, third)] == ["first", "third"]
    with pytest.raises(BadInput):
        handles.get(second)


def test_what_is_larger_than_the_limit_is_not_kept() -> None:
    handles = Handles(100)
    small = handles.put("small", 10)
    assert handles.put("large", 101) is None
    assert small is not None and handles.get(small) == "small"


def test_the_default_limit_follows_the_machine() -> None:
    assert 0 < HANDLES.limit <= 4 << 30
