"""Pixels between numpy and Java arrays, one copy each way.

A direct buffer of `java.nio` looks at numpy's memory, and its bulk `get` and `put` are a plain memory copy inside the
JVM: as fast as numpy's own copy, and several times faster than slices of JPype arrays.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

# numpy dtype: (Java element type, view of a byte buffer). Java has no unsigned types; the bits are the same.
_VIEWS = {
    "uint8": ("JByte", None),
    "uint16": ("JShort", "asShortBuffer"),
    "int32": ("JInt", "asIntBuffer"),
    "int64": ("JLong", "asLongBuffer"),
    "float32": ("JFloat", "asFloatBuffer"),
    "float64": ("JDouble", "asDoubleBuffer"),
}
_LARGEST_ARRAY = 2**31 - 9  # elements of a Java array


def to_java(values: NDArray[Any]) -> Any:
    """Copy an array into a new flat Java array.

    Parameters
    ----------
    values : array
        uint8, uint16, int32, int64, float32 or float64, any shape; read in C order.

    Returns
    -------
    Java array
        byte[], short[], int[], long[], float[] or double[].

    Raises
    ------
    BadInput
        The Java heap or a Java array cannot hold it.
    """
    import jpype

    element, _ = _VIEWS[values.dtype.name]
    if values.size > _LARGEST_ARRAY:
        raise BadInput(f"Found {values.size} values in one piece; expected at most {_LARGEST_ARRAY}, Java's limit.")
    try:
        array = _array_class(element)(values.size)
    except (MemoryError, jpype.JClass("java.lang.OutOfMemoryError")) as error:
        raise BadInput(_heap_message(values.nbytes)) from error
    if values.size:
        flat = np.ascontiguousarray(values).reshape(-1)
        _buffer(flat).get(array)
    return array


def from_java(array: Any, out: NDArray[Any]) -> None:
    """Copy a flat Java array into `out`.

    Parameters
    ----------
    array : Java array
        Of the element type that belongs to the dtype of `out`.
    out : array
        C-contiguous and writable, with as many values as `array`.

    Raises
    ------
    BadInput
        The Java array has another length or element type.
    """
    element, _ = _VIEWS[out.dtype.name]
    if not isinstance(array, _array_class(element)) or len(array) != out.size:
        raise BadInput(f"Found pixels {type(array).__name__} of length {len(array)}; expected {out.size} {out.dtype}.")
    if out.size:
        _buffer(out.reshape(-1)).put(array)


def _buffer(flat: NDArray[Any]) -> Any:
    """Return a `java.nio` buffer over numpy's own memory, which it keeps alive."""
    import jpype

    _, view = _VIEWS[flat.dtype.name]
    data = jpype.nio.convertToDirectBuffer(memoryview(flat.data).cast("B"))
    return data if view is None else getattr(data.order(_native_order()), view)()


@lru_cache(maxsize=8)
def _array_class(element: str) -> Any:
    """Return the class of Java arrays of one primitive type."""
    import jpype

    return jpype.JArray(getattr(jpype, element))


@lru_cache(maxsize=1)
def _native_order() -> Any:
    """Return this machine's byte order as Java names it."""
    import jpype

    return jpype.JClass("java.nio.ByteOrder").nativeOrder()


def _heap_message(needed: int) -> str:
    """Say how much Java memory there is."""
    import jpype

    most = jpype.JClass("java.lang.Runtime").getRuntime().maxMemory()
    return (
        f"Java's memory is full: {needed / 2**20:.0f} MB more were needed of {most / 2**20:.0f} MB in all. "
        "Close images, or start with more memory (java_options -Xmx8g, or Edit > Options > Memory & Threads in Fiji)."
    )
