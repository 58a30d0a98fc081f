"""OME-Zarr (NGFF 0.4 and 0.5): the full-resolution level of an image, both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.core.limits import check_declared
from talanoa.image import axes as image_axes
from talanoa.image import spatial
from talanoa.image.form import axis_letter, from_array
from talanoa.image.formats import missing, zarr_chunks
from talanoa.image.reading import AS_STORED, Reading, axes_asked

_DAMAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OSError)
_SMALLEST_LEVEL = 256  # pixels; viewers need no smaller one
_CHUNK = (1, 1, 16, 512, 512)
_LONG_NAMES = {"µm": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter",
               "pm": "picometer", "Å": "angstrom", "inch": "inch", "dm": "decimeter"}  # fmt: skip


def read(path: Path, how: Reading = AS_STORED) -> xr.DataArray:
    """Read the full-resolution level of an OME-Zarr image; see `talanoa.image.read`."""
    if not any((path / name).is_file() for name in (".zgroup", ".zattrs", "zarr.json")):
        raise BadInput(f"{path} is a folder; expected an image file or an OME-Zarr folder. Give one file of it.")
    with damage_explained(path):
        array, named, form, attrs = opened(path, how)
        check_declared(path, array.shape, array.dtype.itemsize)
        image = from_array(np.asarray(array[...]), named, **form)
    image.attrs.update(attrs)
    return image


def opened(path: Path, how: Reading) -> tuple[Any, list[str], dict[str, Any], dict[str, Any]]:
    """Open the image of a folder: its array, names of axes, keywords of `from_array`, further attributes."""
    array, named, form, more = full_level(path, how)
    letters = "".join(axis_letter(name) or "?" for name in named)
    whole, kept = zarr_chunks.complete(path, array, letters, how.missing, how.labels)
    notes = (*more.pop("notes", ()), *kept.notes)
    attrs = missing.adapted({**more, "form": form, "notes": notes}, kept)
    form = attrs.pop("form")
    if not attrs["notes"]:
        del attrs["notes"]
    return whole, named, form, attrs


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
    # chunks that are 0 everywhere are written, too: one that is not there then is one that was lost
    with write_aside(path, overwrite) as aside, zarr.config.set({"array.write_empty_chunks": True}):
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


def full_level(path: Path, how: Reading = AS_STORED) -> tuple[Any, list[str], dict[str, Any], dict[str, Any]]:
    """Open the full-resolution level: the zarr array, its axes, keywords of `from_array`, and further attributes."""
    import zarr

    group: Any = zarr.open_group(path, mode="r")
    group, attrs, scales, other = _image_of(path, group, how)
    level = scales["datasets"][0]
    array = group[str(level["path"])]
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", "tczyx")]
    names = [str(axis["name"]) for axis in axes]
    notes = [other] if other else []
    transforms = [step for part in (level, scales) for step in part.get("coordinateTransformations", ())]
    scale = _scale(names, transforms, notes)
    sizes = dict(zip(names, array.shape, strict=True))
    form, more = _calibration(scale, {str(a["name"]): str(a.get("unit") or "") for a in axes}, sizes.get("z", 1), notes)
    form |= {"name": str(scales.get("name") or ""), "channel_names": _channels(attrs, names, array.shape)}
    if how.dims is not None and not how.own:
        found = "".join(axis_letter(name) or "?" for name in names).upper()
        letters = axes_asked(path.name, found, array.shape, how, known="?" not in found)
        names = list(letters.lower())
        channels = array.shape[letters.index("C")] if "C" in letters else 1
        notes += filter(None, (image_axes.drop(image_axes.moved(found, letters), form, more, channels),))
        notes += filter(None, (image_axes.note_unused(found, letters, how),))
    return array, names, form, {**more, **({"notes": tuple(notes)} if notes else {})}


def _image_of(path: Path, group: Any, how: Reading) -> tuple[Any, Mapping[str, Any], Mapping[str, Any], str]:
    """Return the group of an image, its attributes, its levels, and a note where other images are left out."""
    attrs = _attributes(group)
    if "multiscales" in attrs:
        found = [(group, attrs, scales) for scales in attrs["multiscales"]]
    else:
        inside = [(group[key], _attributes(group[key])) for key in sorted(group.group_keys(), key=_by_number)]
        found = [(each, of, of["multiscales"][0]) for each, of in inside if "multiscales" in of]
        if how.series is None or not found:
            _refuse_collection(path, group, len(found))
    if (how.series or 1) > len(found) and not (how.labels and len(found) == 1):
        raise BadInput(f"{path.name} holds {len(found)} image{'s' * (len(found) > 1)}; found series={how.series}.")
    note = f"the file holds {len(found)} images; the first was read (series=2 reads the second)"
    number = 1 if how.labels and len(found) == 1 else how.series or 1
    return *found[number - 1], note if len(found) > 1 and how.series is None else ""


def _attributes(group: Any) -> dict[str, Any]:
    """Return the attributes of a group; version 0.5 has one block more."""
    attrs = dict(group.attrs)
    return dict(attrs.get("ome", attrs))


def _by_number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (1 << 31, key)


def _refuse_collection(path: Path, group: Any, images: int) -> None:
    """Say what lies in a folder that is not itself an image."""
    remedy = f", or series=1 to {images}" if images > 1 else ", or series=1" if images else ""
    raise BadInput(
        f"{path.name} holds no image at its top ({', '.join(sorted(group.keys())[:8]) or 'nothing'} lie in it); "
        f"expected the folder of one image. Give the path of the image inside it{remedy}."
    )


def _scale(names: Sequence[str], transforms: Sequence[Mapping[str, Any]], notes: list[str]) -> dict[str, float]:
    """Return the scale of each axis: of a level and of the whole image together; empty where none is given."""
    scales = [np.asarray(step["scale"], float) for step in transforms if step.get("type") == "scale"]
    for scale in scales:
        if scale.shape != (len(names),):
            notes.append(
                f"a scale of the file has {scale.size} numbers for {len(names)} axes ({', '.join(names)}) and cannot "
                "be used; the pixel size is not known"
            )
            return {}
    return dict(zip(names, np.prod(scales, axis=0).tolist(), strict=True)) if scales else {}


def _calibration(
    scale: Mapping[str, float], units: Mapping[str, str], slices: int, notes: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return keywords of `from_array`, all lengths in the unit of x, and further attributes."""
    z, y, x = (spatial.Axis(scale.get(axis), units.get(axis, "")) for axis in "zyx")
    if not scale:
        z, y, x = spatial.Axis(), spatial.Axis(), spatial.Axis()
    found = spatial.resolve(z, y, x, slices)
    notes += found.notes
    timed = spatial.seconds(scale.get("t"), units.get("t"), notes) if units.get("t") else 0.0
    return {"pixel_size": found.pixel_size, "unit": found.unit, "frame_interval": timed}, found.attrs


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
