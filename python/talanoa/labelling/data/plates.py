"""Plates of images: folders of transmitted light beside one folder for each stain, the same names in all of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.image import folder as image_folder

TRANSMITTED = ("phase", "phasecontrast", "ph", "dic", "brightfield", "bf", "transmitted", "trans", "tl")
NOT_STAINS = ("masks", "labels", "rois", "truth", "results", "predictions")
WELLS = "wells.csv"
_WELL = re.compile(r"(?<![A-Za-z0-9])([A-P])0?(\d{1,2})(?![A-Za-z0-9])")
_SHOWN = 10  # names in a message


@dataclass(frozen=True)
class View:
    """One field of view.

    Parameters
    ----------
    name : str
        File name without suffix, which transmitted light and stains share.
    plate : Path
        Folder of the plate.
    lights : tuple of Path
        The image in transmitted light, or one for each kind of it; of files with all channels the file.
    stains : mapping of str to Path
        The image of each stain; empty where there are only images to predict from.
    well : str
        Such as B03; empty where the name holds none.
    phenotype : str
        From ``wells.csv`` (columns well, phenotype); else empty.
    """

    name: str
    plate: Path
    lights: tuple[Path, ...]
    stains: Mapping[str, Path]
    well: str = ""
    phenotype: str = ""


def find(plates: Sequence[Path], transmitted: Sequence[str] = (), stains: Sequence[str] = ()) -> list[View]:
    """Return the fields of plates.

    Parameters
    ----------
    plates : sequence of Path
        Folders that hold a folder of transmitted light (or several) and one for each stain.
    transmitted : sequence of str
        Names of the folders of transmitted light; none: the one whose name says so (phase, DIC, brightfield, …).
    stains : sequence of str
        Names of the folders of stains; none: all others that hold images and are not named like transmitted light.

    Raises
    ------
    BadInput
        No such folders, images of which a stain is missing (they are listed), plates with other stains.
    """
    found = [_views(plate, transmitted, stains) for plate in plates]
    kinds = {tuple(views[0].stains) for views in found}
    if len(kinds) > 1:
        listed = "; ".join(f"{views[0].plate.name}: {', '.join(views[0].stains)}" for views in found)
        raise BadInput(
            f"The plates have other stains ({listed}); expected the same ones. Name those to learn by stains."
        )
    return [view for views in found for view in views]


def _views(plate: Path, transmitted: Sequence[str], stains: Sequence[str]) -> list[View]:
    """Return the fields of one plate."""
    if not plate.is_dir():
        raise BadInput(f"{plate} is no folder; expected a plate: a folder of transmitted light and one for each stain.")
    folders = {path.name: path for path in sorted(plate.iterdir()) if path.is_dir() and has_images(path)}
    lights = transmitted_of(plate, folders, transmitted)
    others = [name for name in folders if name not in lights]
    named = list(stains) or [name for name in others if not is_transmitted(name) and name.lower() not in NOT_STAINS]
    absent = [name for name in named if name not in folders]
    if absent or not named:
        there = ", ".join(others) or "none"
        what = f"no folder {', '.join(absent)} with images" if absent else "no stain"
        raise BadInput(
            f"{plate} has {what} beside {', '.join(lights)}; there are: {there}. Check stains, or the folder."
        )
    if both := set(lights) & set(named):
        raise BadInput(f"{', '.join(sorted(both))}: found as transmitted and as stains; expected each folder once.")
    images = {name: images_in(folders[name]) for name in (*lights, *named)}
    _check_complete(plate, lights[0], images)
    kinds = phenotypes(plate)
    made = []
    for name in images[lights[0]]:
        well = well_of(name)
        files = {stain: images[stain][name] for stain in named}
        lit = tuple(images[light][name] for light in lights)
        made.append(View(name, plate, lit, files, well, kinds.get(well, "")))
    return made


def is_transmitted(name: str) -> bool:
    """Tell whether a folder is named like transmitted light."""
    return re.sub(r"[\s_-]", "", name.lower()) in TRANSMITTED


def transmitted_of(plate: Path, folders: Mapping[str, Path], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the folders of transmitted light: those wanted, else the only one named like it."""
    there = ", ".join(folders) or "none with images"
    if wanted:
        absent = [name for name in wanted if name not in folders]
        if absent:
            raise BadInput(
                f"{plate} has no folder {', '.join(absent)} with images; there are: {there}. Check transmitted."
            )
        if len(set(wanted)) < len(wanted):
            raise BadInput(f"transmitted={','.join(wanted)}: a folder is named twice; expected each once.")
        return tuple(wanted)
    known = [name for name in folders if is_transmitted(name)]
    if len(known) != 1:
        raise BadInput(
            f"{plate}: {len(known)} folders are named like transmitted light ({', '.join(known) or 'none'}); there "
            f"are: {there}. Expected one such as phase, DIC or brightfield. Name it by transmitted, or several for a "
            "network that looks at all of them."
        )
    return (known[0],)


def images_in(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by name; see `talanoa.image.folder.by_name`."""
    return {name: each.path for name, each in image_folder.by_name(folder).items()}


def has_images(folder: Path) -> bool:
    """Tell whether a folder holds images, and is no OME-Zarr image itself."""
    return image_folder.is_folder_of_images(folder) and any(map(image_folder.is_image, folder.iterdir()))


def _check_complete(plate: Path, light: str, images: Mapping[str, Mapping[str, Path]]) -> None:
    """Raise `BadInput` where a stain lacks images, or has some without transmitted light."""
    problems = []
    for stain, files in images.items():
        missing = [name for name in images[light] if name not in files]
        extra = [name for name in files if name not in images[light]]
        if missing:
            problems.append(f"{stain} lacks {_listed(missing)}")
        if extra:
            problems.append(f"{light} lacks {_listed(extra)}, which {stain} has")
    if problems:
        raise BadInput(
            f"{plate}: {'; '.join(problems)}. Expected the same file names in all folders. Add the missing images, or "
            "take the others out."
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} image{'s' * (len(names) != 1)} ({', '.join(names[:_SHOWN])}{more})"


def well_of(name: str) -> str:
    """Return the well that a file name holds, such as B03 of ``scan_B3_f01``; empty where there is none.

    >>> well_of("A01_spread_f02"), well_of("image7")
    ('A01', '')
    """
    found = _WELL.search(name.replace("_", " "))
    return f"{found[1]}{int(found[2]):02d}" if found else ""


def phenotypes(plate: Path) -> dict[str, str]:
    """Return the phenotype of each well."""
    path = plate / WELLS
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        if not {"well", "phenotype"} <= set(rows.fieldnames or ()):
            raise BadInput(
                f"{path} has the columns {rows.fieldnames}; expected well and phenotype. Correct its first line."
            )
        return {well_of(row["well"]) or row["well"]: row["phenotype"] for row in rows}
