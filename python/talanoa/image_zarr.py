"""OME-Zarr (NGFF 0.4 and 0.5): the full-resolution level of an image, both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.errors import BadInput
from talanoa.files import write_aside
from talanoa.image import from_array
from talanoa.limits import check_declared
from talanoa.units import to_metres, to_seconds

_DAMAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OSError)
_SMALLEST_LEVEL = 256  # pixels; viewers need no smaller one
_CHUNK = (1, 1, 16, 512, 512)
_LONG_NAMES = {"µm": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter",
               "pm": "picometer", "Å": "angstrom", "inch": "inch", "dm": "decimeter"}  # fmt: skip


def read(path: Path, dims: str | None = None) -> xr.DataArray:
    """Read the full-resolution level of an OME-Zarr image; see `talanoa.image.read`."""
    if not any((path / name).is_file() for name in (".zgroup", ".zattrs", "zarr.json")):
        raise BadInput(f"{path} is a folder; expected an image file or an OME-Zarr folder. Give one file of it.")
    with damage_explained(path):
        return _read(path, dims)


def describe_levels(folder: Path, shapes: Sequence[Sequence[int]], attrs: Mapping[str, Any]) -> None:
    """Write the metadata of OME-Zarr 0.4 for arrays "0", "1", … (t, c, z, y, x) that are there already.

    Parameters
    ----------
    folder : Path
        A zarr group.
    shapes : sequence of (t, c, z, y, x)
        Of each level; y and x are halved from one to the next.
    attrs : mapping
        ``pixel_size``, ``unit``, ``frame_interval`` and ``name`` of the image form.
    """
    import zarr
    from ome_zarr.format import FormatV04
    from ome_zarr.writer import write_multiscales_metadata

    size_z, size_y, size_x = attrs["pixel_size"]
    interval = attrs["frame_interval"]
    scales = [[interval or 1.0, 1.0, size_z, size_y * 2**level, size_x * 2**level] for level in range(len(shapes))]
    steps = [[{"type": "scale", "scale": scale}] for scale in scales]
    unit = _LONG_NAMES.get(attrs["unit"])
    write_multiscales_metadata(
        zarr.open_group(folder, mode="r+", zarr_format=2),
        [{"path": str(level), "coordinateTransformations": step} for level, step in enumerate(steps)],
        fmt=FormatV04(),
        axes=list("tczyx"),
        axes_units={**(dict.fromkeys("zyx", unit) if unit else {}), **({"t": "second"} if interval else {})},
        name=attrs["name"],
        metadata={"method": "nearest"},
    )


@contextmanager
def damage_explained(path: Path, where: str = "") -> Iterator[None]:
    """Turn what a damaged folder makes the library raise into `BadInput`; `where`: the part of the image."""
    try:
        yield
    except _DAMAGE as error:
        place = f", {where}," if where else ""
        raise BadInput(
            f"{path.name}{place} cannot be read as OME-Zarr ({type(error).__name__}: {error}); expected an image of "
            "version 0.4 or 0.5. The folder is damaged or incomplete: copy or export it again."
        ) from error


def write(path: Path, image: xr.DataArray, overwrite: bool = False) -> None:
    """Write OME-Zarr 0.4 with smaller levels for viewers; see `talanoa.image.write`."""
    import zarr
    from ome_zarr.format import FormatV04
    from ome_zarr.writer import write_multiscale

    if overwrite and path.exists() and not any((path / name).is_file() for name in (".zgroup", "zarr.json")):
        raise BadInput(f"{path} exists and is no OME-Zarr folder; expected one to replace. Choose another name.")
    levels = _pyramid(np.asarray(image))
    size_z, size_y, size_x = image.attrs["pixel_size"]
    units = {axis: _LONG_NAMES[image.attrs["unit"]] for axis in "zyx" if image.attrs["unit"] in _LONG_NAMES}
    interval = image.attrs["frame_interval"]
    with write_aside(path, overwrite) as aside:
        write_multiscale(
            levels,
            zarr.open_group(aside, mode="w", zarr_format=2),
            fmt=FormatV04(),
            axes=list("tczyx"),
            axes_units={**units, **({"t": "second"} if interval else {})},
            scale={"t": interval or 1.0, "c": 1.0, "z": size_z, "y": size_y, "x": size_x},
            storage_options={"chunks": tuple(min(pair) for pair in zip(_CHUNK, image.shape, strict=True))},
            name=image.attrs["name"],
            metadata={"method": "nearest"},
        )
        _add_channels(aside, image.attrs["channel_names"])


def _read(path: Path, dims: str | None) -> xr.DataArray:
    """Read an image group; what a damaged one raises is handled by the caller."""
    array, names, form = full_level(path)
    check_declared(path, array.shape, array.dtype.itemsize)
    return from_array(np.asarray(array[...]), dims or names, **form)


def full_level(path: Path) -> tuple[Any, list[str], dict[str, Any]]:
    """Open the full-resolution level: the zarr array, the names of its axes, keywords of `from_array`."""
    import zarr

    group: Any = zarr.open_group(path, mode="r")
    attrs: dict[str, Any] = dict(group.attrs)
    attrs = dict(attrs.get("ome", attrs))  # 0.5 has one block more
    if "multiscales" not in attrs:
        raise BadInput(
            f"{path.name} holds no image at its top ({', '.join(sorted(group.keys())[:8]) or 'nothing'} lie in it); "
            "expected the folder of one image. Give the path of the image inside it."
        )
    scales = attrs["multiscales"][0]
    level = scales["datasets"][0]
    array = group[str(level["path"])]
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", "tczyx")]
    names = [str(axis["name"]) for axis in axes]
    transforms = [step for part in (level, scales) for step in part.get("coordinateTransformations", ())]
    scale = _scale(len(names), transforms)
    form = _calibration(dict(zip(names, scale, strict=True)), {str(a["name"]): a.get("unit", "") for a in axes})
    form |= {"name": str(scales.get("name") or ""), "channel_names": _channels(attrs, names, array.shape)}
    return array, names, form


def _scale(axes: int, transforms: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Multiply the scales of a level and of the whole image."""
    scale = np.ones(axes)
    for transform in transforms:
        if transform.get("type") == "scale":
            scale = scale * np.asarray(transform["scale"], float)
    return scale


def _calibration(scale: Mapping[str, float], units: Mapping[str, str]) -> dict[str, Any]:
    """Return keywords of `from_array`; all lengths in the unit of x."""
    unit = units.get("x", "")
    sizes = []
    for axis in "zyx":
        own, wanted = to_metres(units.get(axis, "")), to_metres(unit)
        sizes.append(scale.get(axis, 1.0) * (own / wanted if own and wanted else 1.0))
    timed = bool(units.get("t"))
    return {
        "pixel_size": tuple(sizes),
        "unit": unit,
        "frame_interval": scale.get("t", 0.0) * to_seconds(units.get("t")) if timed else 0.0,
    }


def _channels(attrs: Mapping[str, Any], names: Sequence[str], shape: Sequence[int]) -> tuple[str, ...]:
    """Return the channel names of the `omero` block when there is one per channel."""
    found = tuple(str(channel.get("label", "")) for channel in (attrs.get("omero") or {}).get("channels", ()))
    count = shape[names.index("c")] if "c" in names else 1
    return found if len(found) == count and any(found) else ()


def _add_channels(folder: Path, names: Sequence[str]) -> None:
    """Write the channel names into the `omero` block."""
    import zarr

    if any(names):
        group = zarr.open_group(folder, mode="r+")
        group.attrs["omero"] = {"channels": [{"label": name, "active": True, "color": "FFFFFF"} for name in names]}


def _pyramid(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Halve y and x by taking every second pixel (right for images and labels) until one screen holds it."""
    levels = [values]
    while max(levels[-1].shape[-2:]) > 2 * _SMALLEST_LEVEL:
        levels.append(np.ascontiguousarray(levels[-1][..., ::2, ::2]))
    return levels
