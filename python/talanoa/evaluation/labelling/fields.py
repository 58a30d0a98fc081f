"""Where the true and the predicted stains of each field of view are: plates, folders of stains, multichannel images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.evaluation import pairing
from talanoa.labelling.data import plates


@dataclass(frozen=True)
class Source:
    """Where a stain is: a file, and the channel of a file with several, counted from 0."""

    path: Path
    channel: int | None = None


Stains = Mapping[str, Source]


@dataclass(frozen=True, eq=False)
class View:
    """One field of view.

    Parameters
    ----------
    name : str
        File name without suffix; of several plates with the plate's before it.
    truths : mapping of str to Source
        The true stains.
    light : Path or None
        Transmitted light, which a model needs; of several kinds of light the first one.
    plate, well, phenotype : str
        Empty where they are not known.
    predictions : sequence of mapping
        The stains that each candidate without a model predicted, in their order.
    """

    name: str
    truths: Stains
    light: Path | None = None
    plate: str = ""
    well: str = ""
    phenotype: str = ""
    predictions: Sequence[Stains] = ()


def find_stains(place: Path, stains: Sequence[str], what: str) -> dict[str, dict[str, Source]]:
    """Return the stains of each image of a folder.

    Parameters
    ----------
    place : Path
        A folder with one folder for each stain (a plate, too); of multichannel images; of result folders; or one image.
    stains : sequence of str
        Which ones; none: all that there are. Channels of images are named by the file, or come in this order.
    what : str
        How messages call it, such as "truth".

    Raises
    ------
    BadInput
        There is nothing, a stain or an image of a stain is missing, names of channels are not known.
    """
    place = place.expanduser()
    there = stain_folders(place) if place.is_dir() and not pairing.is_single(place) else {}
    if there:
        return _of_folders(place, there, stains, what)
    found = pairing.find_images(place, what, pairing.RESULT_STAINS)
    return {name: _of_file(path, stains, what) for name, path in found.items()}


def stain_folders(place: Path) -> dict[str, Path]:
    """Return the folders of images in a folder by name, without those of transmitted light, labels and results."""
    left_out = (*plates.TRANSMITTED, *plates.NOT_STAINS)
    return {
        path.name: path
        for path in sorted(place.iterdir())
        if path.is_dir()
        and path.name.lower() not in left_out
        and not (path / pairing.RESULT_STAINS).is_file()
        and plates.has_images(path)
    }


def _of_folders(
    place: Path, there: Mapping[str, Path], stains: Sequence[str], what: str
) -> dict[str, dict[str, Source]]:
    absent = [name for name in stains if name not in there]
    if absent:
        raise BadInput(
            f"{what}: {place} has no folder {', '.join(absent)}; there are {', '.join(there)}. Check stains."
        )
    files = {name: plates.images_in(there[name]) for name in stains or there}
    names = sorted({image for found in files.values() for image in found})
    for stain, found in files.items():
        missing = [name for name in names if name not in found]
        if missing:
            raise BadInput(
                f"{what}: {place / stain} lacks {len(missing)} image{'s' * (len(missing) != 1)} "
                f"({pairing.some(missing, 5)}), which another stain has; expected the same names in all folders."
            )
    return {name: {stain: Source(found[name]) for stain, found in files.items()} for name in names}


def _of_file(path: Path, stains: Sequence[str], what: str) -> dict[str, Source]:
    """Return the channels of an image by the names of stains."""
    form = images.read(path)
    count, named = form.sizes["c"], [str(name) for name in form.attrs["channel_names"]]
    lower = [name.lower() for name in named]
    if stains and all(stain.lower() in lower for stain in stains):
        return {stain: Source(path, lower.index(stain.lower())) for stain in stains}
    if stains and len(stains) == count:
        return {stain: Source(path, k) for k, stain in enumerate(stains)}
    if not stains and all(named) and len(set(named)) == count:
        return {name: Source(path, k) for k, name in enumerate(named)}
    told = f"named {', '.join(named)}" if all(named) else "without names"
    wanted = ", ".join(stains) or "names of stains"
    raise BadInput(
        f"{what}: {path.name} has {count} channel{'s' * (count != 1)} {told}; expected {wanted}. Name the stains in "
        "the order of the channels by stains, or give a folder with one folder for each stain."
    )


def find_truth(
    truth: Sequence[Path],
    lights: Sequence[Path],
    transmitted: Sequence[str],
    stains: Sequence[str],
    light: bool,
    notes: list[str],
) -> list[View]:
    """Return the fields with their true stains, and their transmitted light where it is needed.

    Parameters
    ----------
    truth, lights : sequence of Path
        Folders of the true stains, and of the images of transmitted light (or of plates); one of both may be empty:
        then it is taken from the other, a plate.
    transmitted : sequence of str
        Names of a plate's folders of transmitted light; none: the usual one.
    stains : sequence of str
        Which ones; none: all.
    light : bool
        Whether transmitted light is needed.
    notes : list of str
        What is left out is added here.
    """
    if truth and lights and len(truth) != len(lights):
        raise BadInput(f"Found {len(truth)} folders in truth and {len(lights)} in images; expected as many in both.")
    found: list[View] = []
    places = truth or lights
    for number, place in enumerate(places):
        known = find_stains(place, stains, "truth" if truth else "images")
        lit = _lights(lights[number] if lights else place, transmitted, known, light)
        notes += _without_truth(place, lit, known)
        kinds = plates.phenotypes(place) if place.is_dir() else {}
        for name, sources in known.items():
            well = plates.well_of(name)
            prefix = f"{place.name}/" if len(places) > 1 else ""
            kind = kinds.get(well, "")
            found.append(View(f"{prefix}{name}", sources, lit.get(name), place.name, well, kind))
    names = {tuple(view.truths) for view in found}
    if len(names) > 1:
        raise BadInput(
            f"The fields have different stains ({'; '.join(', '.join(each) for each in sorted(names))}); expected the "
            "same ones. Name those to judge by stains."
        )
    return found


def _without_truth(place: Path, lit: Mapping[str, Path], known: Mapping[str, object]) -> list[str]:
    """Return a note on the fields that have transmitted light, but none of the true stains."""
    lonely = [name for name in lit if name not in known]
    if not lonely:
        return []
    what = f"{len(lonely)} of {len(lit)} fields have none of the true stains"
    return [f"{place.name}: {what}, and are left out: {pairing.some(lonely, 5)}."]


def _lights(place: Path, transmitted: Sequence[str], names: Mapping[str, object], needed: bool) -> dict[str, Path]:
    """Return the images of transmitted light by name: those of a plate, or of a folder.

    Where they are not `needed`, and only tell whether they were trained on, none are an answer, too.
    """
    if needed:
        return _all_lights(place.expanduser(), transmitted, names)
    try:
        return _all_lights(place.expanduser(), transmitted, names)
    except BadInput:
        return {}


def _all_lights(place: Path, transmitted: Sequence[str], names: Mapping[str, object]) -> dict[str, Path]:
    if place.is_dir() and not pairing.is_single(place):
        inside = {path.name: path for path in sorted(place.iterdir()) if path.is_dir() and plates.has_images(path)}
        if inside:
            found = plates.images_in(inside[plates.transmitted_of(place, inside, transmitted)[0]])
        else:
            found = pairing.image_files(place)
    else:
        found = pairing.image_files(place)
    missing = [name for name in names if name not in found]
    if missing and not len(names) == len(found) == 1:
        raise BadInput(
            f"images: {place} lacks the transmitted light of {len(missing)} field{'s' * (len(missing) != 1)} "
            f"({pairing.some(missing, 5)}); expected the names of the true stains."
        )
    return found if not missing else dict(zip(names, found.values(), strict=True))
