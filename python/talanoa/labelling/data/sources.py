"""Where the fields of a training lie: plates with a folder for each kind of light, or files with all channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.core.request import folders
from talanoa.image import folder as image_folder
from talanoa.labelling.data import plates
from talanoa.labelling.data.plates import View, well_of
from talanoa.labelling.data.split import split
from talanoa.training.request import names_of

if TYPE_CHECKING:
    from talanoa.training.request import TrainRequest

TEST_SHARE = 0.2  # Pankova 2022: 72 % to train on, 8 % to validate on, 20 % to test on
ENOUGH = 10  # images (wells, plates) from which some are put aside for a test without being asked for
TRAIN, VALIDATION, TEST = "train", "validation", "test"


def find(request: TrainRequest) -> list[View]:
    """Return the fields that a request names.

    Raises
    ------
    BadInput
        No such folders, nothing in them, plates beside files with all channels.
    """
    places = folders(request.images)
    alone = [place for place in places if _holds_files(place)]
    if not alone:
        return plates.find(places, names_of(request.transmitted), names_of(request.stains))
    if len(alone) < len(places):
        other = next(place for place in places if place not in alone)
        raise BadInput(
            f"{alone[0]} holds images, {other} folders of images; expected either plates (a folder of transmitted "
            "light and one for each stain) or files with all channels. Train on one kind."
        )
    return [view for place in places for view in _files(place)]


def several_plates(views: Sequence[View]) -> bool:
    """Tell whether fields come from more than one plate, so that names alone do not tell them apart."""
    return len({view.plate for view in views}) > 1


def name_of(view: View, several: bool) -> str:
    """Return a name that tells a field apart, with that of its plate where there are several."""
    return f"{view.plate.name}/{view.name}" if several else view.name


def all_channels(view: View) -> bool:
    """Tell whether one file holds transmitted light and stains as channels."""
    return not view.stains


def _holds_files(place: Path) -> bool:
    """Tell whether a place is an image, or a folder with images in it."""
    if place.is_file() or (place.is_dir() and not image_folder.is_folder_of_images(place)):
        return True
    if not place.is_dir():
        raise BadInput(
            f"{place} is neither a file nor a folder; expected a plate (a folder of transmitted light and one for each "
            "stain), or files with all channels. Check the path."
        )
    return bool(_images(place))


def _images(place: Path) -> list[Path]:
    """Return the images of a folder, or the file itself."""
    if place.is_file() or not image_folder.is_folder_of_images(place):
        return [place]
    return [each.path for each in image_folder.list_images(place)]


def _files(place: Path) -> list[View]:
    """Return the files with all channels of a folder; wells and phenotypes as on a plate."""
    folder = place if image_folder.is_folder_of_images(place) else place.parent
    kinds = plates.phenotypes(folder)
    found = _images(place)
    return [
        View(name, folder, (path,), {}, well_of(name), kinds.get(well_of(name), ""))
        for name, path in ((image_folder.name_of(path), path) for path in found)
    ]


def parts_of(request: TrainRequest, views: Sequence[View]) -> dict[str, list[View]]:
    """Return the fields to train on, to validate on and, where some are put aside, to test on.

    Raises
    ------
    BadInput
        Too few images (wells, plates), see `split`; names given twice.
    """
    twice = [name for name, count in Counter((view.plate, view.name) for view in views).items() if count > 1]
    if twice:
        raise BadInput(f"{twice[0][0]} is given twice, or has two files named {twice[0][1]}; expected each name once.")
    test = test_share(request, views)
    validation = request.validation * (1 - test)
    shares = {TRAIN: 1 - test - validation, VALIDATION: validation, TEST: test}
    return {
        TEST: [],
        **split(views, request.split_by, {key: share for key, share in shares.items() if share}, request.seed),
    }


def test_share(request: TrainRequest, views: Sequence[View]) -> float:
    """Return which part is put aside for a test."""
    if request.test_share is not None:
        return request.test_share
    groups = {(view.plate, {"image": view.name, "well": view.well, "plate": ""}[request.split_by]) for view in views}
    return TEST_SHARE if len(groups) >= ENOUGH else 0.0
