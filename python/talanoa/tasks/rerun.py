"""The task `rerun`: do a recorded segmentation, restoration or prediction again, pinned, and compare bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image
from talanoa.core import places
from talanoa.core.errors import BadInput, Cancelled, TalanoaError
from talanoa.core.files import check_new, exists
from talanoa.core.record import array_sha256, read_record, versions
from talanoa.core.request import parse
from talanoa.image import grey_values, reading
from talanoa.image.io import read_image
from talanoa.models import folder as model_folder
from talanoa.models.runtime import backends
from talanoa.rois.given import Given
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks import recorded, segment_blocks
from talanoa.tasks.common import decode_mask
from talanoa.tasks.predict import PREDICT
from talanoa.tasks.restore import RESTORE
from talanoa.tasks.segment import segment_image

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.models.folder import Model
    from talanoa.tasks.image_task import ImageTask
    from talanoa.tasks.request import RerunRequest

Record = Mapping[str, Any]


def run(request: RerunRequest, given: Given, host: Host) -> dict[str, Any]:
    """Run again; the reply says whether the labels are identical, and what differs.

    Returns
    -------
    dict
        ``identical`` (labels or image equal bit for bit), ``differences`` (lines: image, model, device, versions,
        what came out).
    """
    record = read_record(request.result)
    recorded.check(record, Path(request.result))
    _find(record, Path(request.result))
    if request.out:
        check_new(Path(request.out))
    with reading.asked(*(record["request"].get(key) for key in ("dims", "series", "missing_planes"))):
        return _again(request, record, given, host)


def _again(request: RerunRequest, record: Record, given: Given, host: Host) -> dict[str, Any]:
    """Do the recorded task again with its images read as they were."""
    if record["task"] != "segment":
        return _image_again(request, record, given, host)
    if "blocks" in record["used"]:
        return _in_blocks(request, record, host)
    differences: list[str] = []
    image = given.image if given.image is not None else _image(request, record, host)
    _compare_image(image, record, differences)
    model = _model(Path(request.result), record["model"], differences)
    pinned = pin(record, str(model.folder), request.out, differences)
    selection = decode_mask(record["selection"]) if record.get("selection") else None
    reply = segment_image(pinned, model, image, selection, host)
    differences += _versions(record)
    identical = array_sha256(reply["labels"]) == record["labels_sha256"]
    if not identical:
        differences.insert(0, _labels_difference(Path(request.result), reply["labels"]))
    return _compared(reply, identical, differences)


def _in_blocks(request: RerunRequest, record: Record, host: Host) -> dict[str, Any]:
    """Segment in blocks again, on the disk, and compare the hashes of labels and image."""
    from talanoa.image import lazy

    differences: list[str] = []
    model = _model(Path(request.result), record["model"], differences)
    asked = {key: record["request"].get(key) for key in ("block", "tiles")}  # the rule that follows from them is fixed
    source = _source(request, record)
    with _place(request, on_disk=True) as out, lazy.open_image(source) as image:
        pinned = pin(record, str(model.folder), out, differences).model_copy(update=asked)
        reply = segment_blocks.segment_blocks(pinned, model, image, host)
    reply = reply if request.out else _not_kept(reply)
    _compare_grey_values(reply["record"]["image"], record["image"], differences)
    if reply["record"]["image"]["sha256"] != record["image"]["sha256"]:
        differences.append("image: the pixels are not those of the record")
    differences += _versions(record)
    identical = reply["record"]["labels_sha256"] == record["labels_sha256"]
    if not identical:
        differences.insert(0, f"labels: {record['objects']} objects recorded, {reply['record']['objects']} now")
    return _compared(reply, identical, differences)


def _image_again(request: RerunRequest, record: Record, given: Given, host: Host) -> dict[str, Any]:
    """Restore or predict again, and compare the hashes of what went in and of what came out."""
    task = {each.name: each for each in (RESTORE, PREDICT)}[record["task"]]
    differences: list[str] = []
    model = _models(task, Path(request.result), record, differences)
    source = None if given.image is not None else _source(request, record)
    on_disk = source is not None and task.is_large(source)
    with _place(request, on_disk) as out:
        pinned = pin_image(record, str(model.folder), out, differences)
        if given.image is not None:
            reply = task.on_image(pinned, model, given.image, host)
        else:
            reply = task.on_file(pinned, model, _source(request, record), host)
    reply = _not_kept(reply) if on_disk and not request.out else reply
    if reply["record"]["image"]["sha256"] != record["image"]["sha256"]:
        differences.append("image: the pixels are not those of the record")
    differences += _versions(record)
    identical = reply["record"]["image_sha256"] == record["image_sha256"]
    what = {"restore": "restored image", "predict": "predicted image"}[task.name]
    if not identical:
        then, now = (each["used"] for each in (record, reply["record"]))
        differences.insert(
            0,
            f"{what}: recorded {then['lowest']:.6g} to {then['highest']:.6g}, now {now['lowest']:.6g} to "
            f"{now['highest']:.6g}",
        )
    return _compared({"table": None, **reply}, identical, differences, what)


@contextmanager
def _place(request: RerunRequest, on_disk: bool) -> Iterator[str | None]:
    """Return where the repetition goes: the folder asked for, or a temporary one for what is made on the disk."""
    if request.out or not on_disk:
        yield request.out
        return
    folder = Path(request.result) if Path(request.result).is_dir() else Path(request.result).parent
    place = folder.absolute().parent
    try:
        aside = tempfile.TemporaryDirectory(prefix="talanoa-rerun-", dir=place)
    except OSError as error:
        raise BadInput(
            f"The repetition is made on the disk, and {place} cannot be written ({error.strerror}); expected room "
            "for it there. Set out=<new folder>."
        ) from error
    with aside:
        try:
            yield str(Path(aside.name) / "again")
        except Cancelled as stopped:
            raise Cancelled("Stopped on request; nothing was written.") from stopped


def _not_kept(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a reply without the folder that is not there any more."""
    return reply | {"folder": None, "path": None, "message": reply["message"].rpartition("; results in ")[0]}


def _models(task: ImageTask, result: Path, record: Record, differences: list[str]) -> Any:
    """Load the recorded model, or all of those that were used together."""
    several = record["model"].get("models")
    if several is None:
        return _model(result, record["model"], differences)
    found = [_model(result, one, differences, copy) for one, copy in zip(several, _copies(len(several)), strict=True)]
    return task.load("; ".join(str(model.folder) for model in found))


def _copies(count: int) -> list[str]:
    """Return the names of copies of so many models in a result folder."""
    return ["model"] if count == 1 else [f"model-{number}" for number in range(1, count + 1)]


def pin_image(record: Record, model: str, out: str | None, differences: list[str]) -> Any:
    """Return the recorded request with each default that was filled in at that time as an explicit value."""
    from talanoa.tasks.folder_input import tasks_of_images

    used = record["used"]
    keys = dict(record["request"]) | {"model": model, "out": out, "tta": used["tta"]}
    if used.get("tiles") is not None:
        keys["tiles"] = used["tiles"]
    if record["task"] == "restore" and used["normalization"]["kind"] == "percentile":
        keys |= {f"norm_{end}": used["normalization"][end] for end in ("low", "high")}
    keys["device"] = _device(str(used["device"]), differences)
    keys["backend"] = backends.name_of(str(used["backend"]))
    kind = tasks_of_images()[record["task"]].request
    return parse(kind, keys | {"workers": None, "scheduler": None}).request


def _compared(reply: dict[str, Any], identical: bool, differences: list[str], what: str = "labels") -> dict[str, Any]:
    """Return a reply with the verdict."""
    verb = ("are", "differ") if what == "labels" else ("is", "differs")
    verdict = f"The {what} {verb[0]} identical bit for bit" if identical else f"The {what} {verb[1]}"
    return reply | {
        "identical": identical,
        "differences": differences,
        "message": f"{verdict}. {reply['message']}." + "".join(f"\n- {line}" for line in differences),
    }


def pin(record: Record, model: str, out: str | None, differences: list[str]) -> SegmentRequest:
    """Return the recorded request with each default that was filled in at that time as an explicit value."""
    used = record["used"]
    keys = dict(record["request"]) | {"model": model, "out": out}
    keys |= {key: used[key] for key in ("prob_thresh", "nms_thresh", "norm_low", "norm_high", "tiles") if key in used}
    keys["device"] = _device(str(used["device"]), differences)
    keys["backend"] = backends.name_of(str(used["backend"]))
    return parse(SegmentRequest, keys).request


def _device(recorded: str, differences: list[str]) -> str:
    """Return the recorded device, or the CPU, said as a difference, where this machine has no such device."""
    import torch

    kind = recorded.split(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if there.get(kind, False):
        return kind
    differences.append(f"device: recorded {recorded}, which this machine does not have; run on cpu")
    return "cpu"


def _image(request: RerunRequest, record: Record, host: Host) -> xr.DataArray:
    """Read the image named, or the recorded one."""
    return read_image(_source(request, record), host)


def _source(request: RerunRequest, record: Record) -> Path:
    """Return the file named, or the recorded one."""
    source = request.image or record["image"].get("source")
    if not source:
        raise BadInput(
            f"{request.result} was made from an image ({record['image'].get('name')}) that was not a file; "
            "save it and set image=<file>."
        )
    if not exists(Path(source)):
        raise BadInput(f"The image {source} is not there any more; set image=<file> to where it is now.")
    return Path(source)


def _find(record: Record, path: Path) -> None:
    """Put in where image and models lie: as this machine knows, else by the image's name near the result."""
    known = places.recall(record.get(places.KEY))
    models = known.get("models") or {}
    for one in (record["model"], *(record["model"].get("models") or ())):
        one["folder"] = models.get(one["sha256"]) or one.get("folder")
    name, folder = record["image"].get("source"), (path if path.is_dir() else path.parent).absolute()
    if name:
        near = (Path(known.get("source") or name), folder.parent / name, folder.parent.parent / name, folder / name)
        record["image"]["source"] = str(next((place for place in near if exists(place)), near[0]))


def _compare_image(image: xr.DataArray, record: Record, differences: list[str]) -> None:
    """Note when the pixels are not those of the record."""
    recorded = record["image"]
    _compare_grey_values(grey_values.facts(image.attrs), recorded, differences)
    if array_sha256(image) == recorded["sha256"]:
        return
    sizes = {str(dim): int(size) for dim, size in image.sizes.items()}
    if (sizes, str(image.dtype)) != (recorded["sizes"], recorded["dtype"]):
        differences.append(
            f"image: recorded {recorded['dtype']} {_text(recorded['sizes'])}, found {image.dtype} {_text(sizes)}"
        )
    else:
        differences.append("image: the pixels are not those of the record")


def _compare_grey_values(found: Mapping[str, Any], recorded: Mapping[str, Any], differences: list[str]) -> None:
    """Note when intensities are not measured in the values of the record."""
    then, now = (each.get(grey_values.ATTRIBUTE) for each in (recorded, found))
    if then != now:
        units = [each["unit"] if each else "none" for each in (then, now)]
        differences.append(
            f"image: the density calibration is not that of the record ({units[0]}, now {units[1]}); intensities in "
            "the table differ"
        )


def _text(sizes: Mapping[Any, int]) -> str:
    """Write sizes as "t1 c1 z1 y512 x512"."""
    return " ".join(f"{dim}{size}" for dim, size in sizes.items())


def _model(result_path: Path, recorded: Record, differences: list[str], copy: str = "model") -> Model:
    """Load a recorded model: from its folder, a copy in the result folder, or by name; note another one."""
    folder = result_path if result_path.is_dir() else result_path.parent
    loaded: list[Model] = []
    problems: list[str] = []
    for place in filter(None, (recorded.get("folder"), str(folder / copy), recorded["name"])):
        try:
            loaded.append(model_folder.load(place))
        except TalanoaError as error:
            problems.append(str(error))
            continue
        if loaded[-1].sha256 == recorded["sha256"]:
            return loaded[-1]
    if not loaded:
        raise BadInput(f"The recorded model {recorded['name']} is not to be had. {problems[-1]}")
    differences.append(f"model: {loaded[0].folder} is not the recorded {recorded['name']} (its contents differ)")
    return loaded[0]


def _versions(record: Record) -> list[str]:
    """Return one line per software whose version is not the recorded one."""
    now, then = versions(), dict(record.get("versions", {}))
    names = sorted(set(now) | set(then))
    return [
        f"{name}: recorded {then.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in names
        if now.get(name) != then.get(name)
    ]


def _labels_difference(result_path: Path, labels: xr.DataArray) -> str:
    """Say how far the labels are from those of the result folder."""
    import numpy as np

    folder = result_path if result_path.is_dir() else result_path.parent
    file = folder / "labels.tif"
    if not file.exists():
        return f"labels: not equal ({int(labels.max())} objects now; {file} is gone)"
    with reading.as_stored():
        recorded = image.read_labels(file)
    if recorded.shape != labels.shape:
        return f"labels: recorded {_text(recorded.sizes)}, now {_text(labels.sizes)}"
    pixels = int(np.count_nonzero(recorded.values != labels.values))
    objects = f"{int(recorded.max())} objects recorded, {int(labels.max())} now"
    return f"labels: {pixels} of {labels.size} pixels differ ({objects})"
