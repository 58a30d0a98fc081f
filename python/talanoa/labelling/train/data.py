"""Fields to learn stains from: read, aligned, normalised, their targets prepared; what the model shall know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput, counted
from talanoa.core.files import file_sha256
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.core.request import folders
from talanoa.image import folder
from talanoa.image.ops import normalize
from talanoa.labelling.data import align, exposure, levels, sources
from talanoa.labelling.data.field import TRAINING, VALIDATION, LabelField, middle_planes
from talanoa.labelling.data.plates import View, well_of
from talanoa.labelling.record import LabellingRecord, record_of
from talanoa.labelling.targets import Steps
from talanoa.labelling.train import read, regions
from talanoa.labelling.train import targets as label_targets
from talanoa.labelling.train.read import Seen
from talanoa.models.methods.labelling import LabellingConfig
from talanoa.models.networks import pretrained
from talanoa.rois import damaged
from talanoa.training import copies
from talanoa.training.recipe import Loaded
from talanoa.training.request import names_of

if TYPE_CHECKING:
    from talanoa.rois.given import Given
    from talanoa.training.request import TrainRequest

EVEN = 10  # fields by which an illumination is found, at least
KINDS = {"minmax": "minmax", "zscore": "zscore_image", "percentile": "percentile"}
Roles = Sequence[tuple[Seen, str]]


def load(request: TrainRequest, host: Host, given: Given | None = None) -> Loaded:
    """Return the fields of a request to train and to validate on; those of the test are named, but not read.

    Parameters
    ----------
    request : TrainRequest
        ``images`` (plates, files with all channels; omitted: the open image) and the keys of `labelling`.
    host : Host
        Progress and cancelling.
    given : Given, optional
        The open image and a selection of it.

    Returns
    -------
    Loaded
        `LabelField`s in the network's units. Its `extra`: ``labelling`` (a `LabellingRecord`), ``split``,
        ``test_images``, ``offsets``.

    Raises
    ------
    BadInput
        Too few images, images that do not belong together or cannot be learned from.
    """
    if request.ndim == 3:
        raise BadInput("ndim=3: labelling predicts planes. Leave it out; planes= says which planes it looks at.")
    seen, extra = _read(request, host, given)
    _alike(seen)
    seen, offsets, notes = _aligned(request, seen)
    normalization = _normalization(request, seen)
    lights = _normalised(request, seen, normalization, extra.pop("views"))
    stains, targets, steps = label_targets.targets_of(request, seen, host)
    several = sources.several_plates([each.view for each, _ in seen])
    items = [
        _field(each, role, light, target, made, several)
        for (each, role), light, target, made in zip(seen, lights, targets, steps, strict=True)
    ]
    notes += [*label_targets.empty_notes(items, stains), *_encoder_notes(request)]
    items[0] = replace(items[0], notes=(*items[0].notes, *notes))
    first = seen[0][0]
    record = LabellingRecord(lights=first.lights, stains=tuple(stains))
    extra.update(labelling=record.model_dump(mode="json"), offsets=offsets)
    return Loaded(items, (), normalization, extra)


def _read(request: TrainRequest, host: Host, given: Given | None) -> tuple[list[tuple[Seen, str]], dict[str, Any]]:
    """Return what is read with its role, and what the record says of the split."""
    if request.images is None:
        view, picture = read.open_view(given)
        found = read.of_image(request, picture, view, read.OPEN)
        return regions.cut_apart(request, found), {"split": "by region", "test_images": {}, "views": [view]}
    views = sources.find(request)
    named = folders(request.images)  # of files that were named the others in their folder do not matter
    for note in folder.notes(path.parent for view in views for path in _files(view) if path not in named):
        host.warn(note)
    if len(views) == 1:
        found = read.read(request, views[0])
        return regions.cut_apart(request, found), {"split": "by region", "test_images": {}, "views": views}
    parts = sources.parts_of(request, views)
    wanted = [(view, role) for role, part in ((TRAINING, "train"), (VALIDATION, "validation")) for view in parts[part]]
    seen = []
    for number, (view, role) in enumerate(wanted, start=1):
        stop_if_cancelled(host)
        with damaged.all_named(_files(view), (path for each, _ in wanted[number:] for path in _files(each))):
            seen += [(each, role) for each in read.read(request, view)]
        host.progress(number, len(wanted), "Reading images")
    if note := copies.note((each.name, each.hashes[0]) for each, _ in seen if each.hashes):
        host.warn(note)
    several = sources.several_plates(views)
    test = {sources.name_of(view, several): [file_sha256(path) for path in _files(view)] for view in parts["test"]}
    return seen, {"split": f"by {request.split_by}", "test_images": test, "views": views}


def stains_of(request: TrainRequest, given: Given | None = None) -> dict[str, int | None]:
    """Return the stains of a request, with their channels where one file holds all of them."""
    if request.images is None:
        _, picture = read.open_view(given)
        label = read.OPEN
    else:
        view = sources.find(request)[0]
        if not sources.all_channels(view):
            return dict.fromkeys(view.stains)
        picture, label = images.read(view.lights[0]), view.lights[0].name
    _, numbers = read.channels_of(request, picture.sizes["c"], label)
    return dict(zip(read.stain_names(request, picture, numbers), numbers, strict=True))


def for_stain(request: TrainRequest, stain: str, channel: int | None) -> TrainRequest:
    """Return the request for the model of one stain, called by it."""
    changes = {"name": f"{request.name} {stain}", "stains": stain, "one_per_stain": False}
    changes["prepare"] = label_targets.prepare_for(request.prepare, stain)
    return request.model_copy(update=changes if channel is None else {**changes, "target_channels": str(channel)})


def _files(view: View) -> list[Any]:
    return [*view.lights, *view.stains.values()]


def _alike(seen: Roles) -> None:
    """Raise `BadInput` where fields have other planes or stains than the first one."""
    first = seen[0][0]
    for each, _ in seen:
        own, expected = ([(light.planes, light.stack) for light in one.lights] for one in (each, first))
        if own != expected:
            found, wanted = (_planes_of(one) for one in (each, first))
            raise BadInput(
                f"{each.name} has {found} planes of transmitted light, {first.name} {wanted}; expected as many in "
                "each. Leave out what differs, or name planes=."
            )
        if list(each.stains) != list(first.stains):
            raise BadInput(
                f"{each.name} has the stains {', '.join(each.stains)}, {first.name} {', '.join(first.stains)}; "
                "expected the same in each. Name them by stains, in the order of target_channels."
            )


def _planes_of(seen: Seen) -> str:
    """Return how many planes the stacks of a field have."""
    return " + ".join(str(light.stack) for light in seen.lights)


def _encoder_notes(request: TrainRequest) -> list[str]:
    """Return a warning about an encoder of photographs that has not seen any."""
    if request.network != "encoder" or request.encoder_weights or request.init or request.resume:
        return []
    where = pretrained.where_from(request.encoder or LabellingConfig.model_fields["encoder"].default)
    return [f"network=encoder without encoder_weights: its encoder has learned nothing from photographs. {where}"]


def _aligned(request: TrainRequest, seen: Roles) -> tuple[list[tuple[Seen, str]], dict[str, Any], list[str]]:
    """Return fields whose stains lie on the transmitted light as far as was asked for, the offsets, and warnings."""
    offsets: dict[str, Any] = {}
    notes: list[str] = []
    steps: dict[tuple[Any, str], tuple[int, int]] = {}
    plates = list(dict.fromkeys(each.view.plate for each, _ in seen))
    for plate in plates:
        own = [each for each, _ in seen if each.view.plate == plate]
        chosen = [own[k] for k in np.unique(np.linspace(0, len(own) - 1, align.MEASURED).round().astype(int))]
        for stain in own[0].stains:
            pairs = ((_middle(each)[0], each.stains[stain].max(axis=0)) for each in chosen)
            found = align.offset(pairs)
            if found is None or found.length < align.SHIFTED:
                continue
            offsets[f"{plate.name}/{stain}"] = [found.dy, found.dx]
            notes.append(_of_offset(request, plate.name, stain, found))
            steps[plate, stain] = (round(found.dy), round(found.dx))
    if request.registration != "correct" or not any(map(any, steps.values())):
        return list(seen), offsets, notes
    return [(_moved(each, steps), role) for each, role in seen], offsets, notes


def _of_offset(request: TrainRequest, plate: str, stain: str, found: align.Offset) -> str:
    """Say by how much a stain is shifted."""
    text = f"y {found.dy:+g}, x {found.dx:+g} pixels, as {found.agree} of {found.measured} images agree"
    if request.registration == "correct":
        return f"{plate}: {stain} was moved by {text} (whole ones), and the edges cut off."
    return (
        f"{plate}: {stain} is shifted against the transmitted light, by {text}. What is trained on such pairs blurs or "
        "moves. Register them, or set registration=correct."
    )


def _moved(each: Seen, steps: Mapping[tuple[Any, str], tuple[int, int]]) -> Seen:
    """Return a field with its stains moved onto the transmitted light, cut to what all of them show."""
    own = {stain: steps.get((each.view.plate, stain), (0, 0)) for stain in each.stains}
    where = align.shared_part(each.light.shape[1:], list(own.values()))
    stains = {stain: align.moved(values, where, own[stain]) for stain, values in each.stains.items()}
    return replace(each, light=each.light[:, where[0], where[1]], stains=stains)


def _normalization(request: TrainRequest, seen: Roles) -> dict[str, Any]:
    """Return how transmitted light is normalised, for the model's record."""
    found: dict[str, Any] = {"kind": KINDS[request.normalization]}
    if found["kind"] == "percentile":
        found.update(low=request.norm_low, high=request.norm_high)
    if request.flat_field:
        fields = [_middle(each) for each, role in seen if role == TRAINING]
        shapes = {lights[0].shape for lights in fields}
        if len(fields) < EVEN or len(shapes) > 1:
            raise BadInput(
                f"flat_field: found {counted(len(fields), 'training image')} of {counted(len(shapes), 'size')}; "
                f"expected at least {EVEN} "
                "of one size, to tell the illumination from the cells. Leave it out."
            )
        grids = [levels.illumination(images) for images in zip(*fields, strict=True)]
        found["illumination"] = grids if len(grids) > 1 else grids[0]
    return found


def _middle(seen: Seen) -> list[NDArray]:
    """Return the middle plane (y, x) of each kind of light."""
    return middle_planes(seen.light, [len(light.planes) for light in seen.lights])


def even(seen: Seen, normalization: Mapping[str, Any]) -> NDArray:
    """Return transmitted light (planes, y, x) divided by the illumination of the model's record, if it has one."""
    if "illumination" not in normalization:
        return seen.light
    found = levels.illumination_of(normalization["illumination"], seen.light.shape[1:], seen.lights)
    return exposure.flattened(seen.light, found)


def _normalised(
    request: TrainRequest, seen: Roles, normalization: dict[str, Any], views: Sequence[View]
) -> list[NDArray[np.float32]]:
    """Return transmitted light in the network's units; levels of plates are added to the record."""
    if request.normalize_by == "image":
        made = [even(each, normalization) for each, _ in seen]
        return [normalize.fit(light, normalization).apply(light) for light in made]
    shared = {plate: _levels_of(request, plate, seen, normalization, views) for plate in {v.plate for v in views}}
    known = {plate.name: found.pairs for plate, found in sorted(shared.items()) if found.pairs}
    normalization.update(by="plate", levels=known)
    return [shared[each.view.plate].apply(even(each, normalization)) for each, _ in seen]


def _levels_of(
    request: TrainRequest, plate: Any, seen: Roles, normalization: dict[str, Any], views: Sequence[View]
) -> normalize.Levels:
    """Return the levels of a plate: of its images that are read, or of those of the control wells."""
    if request.controls is None:
        own = [each for each, _ in seen if each.view.plate == plate]
        if not own:  # a plate of the test
            return normalize.Levels(())
        return levels.of_plate((even(each, normalization) for each in own), normalization)
    wells = [well_of(name) for name in names_of(request.controls)]
    chosen = [view for view in views if view.plate == plate and view.well in wells]
    if not chosen:
        there = ", ".join(sorted({view.well for view in views if view.plate == plate and view.well})) or "none"
        raise BadInput(
            f"controls={request.controls}: {plate} has no image of these wells; its file names hold {there}. Check "
            "controls, or leave it out: then all images count."
        )
    controls = (even(each, normalization) for view in chosen for each in read.read(request, view))
    return levels.of_plate(controls, normalization)


def _field(
    each: Seen,
    role: str,
    light: NDArray[np.float32],
    target: NDArray[np.float32],
    steps: dict[str, Steps],
    several: bool,
) -> LabelField:
    """Return a field in the network's units."""
    view = each.view
    prefix = f"{view.plate.name}/" if several else ""
    return LabelField(
        name=prefix + each.name,
        image=light,
        target=target,
        group=view.name,
        plate=view.plate.name,
        well=view.well,
        phenotype=view.phenotype,
        hashes=each.hashes,
        pixel_size=each.pixel_size,
        unit=each.unit,
        notes=each.notes,
        role=role,
        source=prefix + view.name,
        steps=steps,
        lights=tuple(len(light.planes) for light in each.lights),
    )


def to_judge(model: Any, request: TrainRequest, host: Host) -> list[LabelField]:
    """Return the fields of a request in the units of a model, with its planes, preparation and levels: to judge it.

    Raises
    ------
    BadInput
        Images with other stains, or without the planes that the model looks at.
    """
    known = record_of(model.labelling or {})
    planes = [",".join(map(str, light.planes)) if light.stack > 1 else "all" for light in known.lights]
    changes = {"planes": ";".join(planes)}
    if len(known.lights) > 1 and request.transmitted is None:
        changes["transmitted"] = ",".join(light.name for light in known.lights)
    asked = request.model_copy(update=changes)
    views = sources.find(asked)
    seen = []
    for number, view in enumerate(views, start=1):
        stop_if_cancelled(host)
        with damaged.all_named(_files(view), (path for each in views[number:] for path in _files(each))):
            seen += [(each, VALIDATION) for each in read.read(asked, view)]
        host.progress(number, len(views), "Reading images")
    _alike(seen)
    first = seen[0][0]
    if list(first.stains) != [stain.name for stain in known.stains] or len(first.light) != known.channels:
        raise BadInput(
            f"{model.name} predicts {', '.join(stain.name for stain in known.stains)} of "
            f"{counted(known.channels, 'plane')}; "
            f"{first.name} has {', '.join(first.stains)} and {counted(len(first.light), 'plane')}. Take images of "
            "the same kind."
        )
    normalization = dict(model.normalization)
    by = asked.model_copy(update={"normalize_by": normalization.get("by", "image")})
    lights = _normalised(by, seen, normalization, views)
    several = sources.several_plates(views)
    return [
        _field(each, role, image, label_targets.as_trained(each, known.stains), {}, several)
        for (each, role), image in zip(seen, lights, strict=True)
    ]
