"""What a folder of results was made with, and what of it is done: the same request goes on, and repairs.

``folder.json`` in the folder of results holds the settings, the model, and of each image the name of its result and the
size and time of its files (and a hash where two have the same). A further run of the same request does the images that
have no result: those that failed, that were added, or that changed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talanoa.core import leftovers, lock, resume
from talanoa.core.errors import BadInput
from talanoa.core.files import next_free
from talanoa.core.record import RECORD, read_record
from talanoa.image import folder as image_folder
from talanoa.image.formats.sets import ImageSet

if TYPE_CHECKING:
    from talanoa.core.request import Request
    from talanoa.models.folder import Model

Row = dict[str, Any]
Facts = dict[str, list[Any] | None]  # size, time, and where it is needed the hash of each file, by its name
FILE = "folder.json"
SUMMARY = "summary.csv"
REPLACED = "replaced"  # results of images that changed since
_OURS = (FILE, SUMMARY, REPLACED, lock.LOCK)
_NOT_COMPARED = {"out", "image", "model", "workers", "scheduler", "price", "currency"}  # they change no result


class Begun(NamedTuple):
    """A folder of results at the begin of a run.

    Parameters
    ----------
    names : dict of str to str
        The name of the result of each image, by the name of its (first) file.
    rows : dict of str to Row
        The rows of the images that are done, by the name of the result.
    notes : list of str
        What the user should know.
    """

    names: dict[str, str]
    rows: dict[str, Row]
    notes: list[str]


def is_begun(out: Path) -> bool:
    """Tell whether a folder holds the results of a folder of images."""
    return (out / FILE).is_file()


def is_ours(out: Path) -> bool:
    """Tell whether a run may write into a folder that is there: another one began, if only to make the folder."""
    return is_begun(out) or (out.is_dir() and all(_is_of_begin(path) for path in out.iterdir()))


def _is_of_begin(path: Path) -> bool:
    return lock.is_of_lock(path) or path.name == f"{FILE}.partial"


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Make the folder of the results where it is not there, and keep other processes out; an empty one is removed."""
    out.mkdir(exist_ok=True)
    try:
        with lock.hold(out, "run over a folder of images"):
            _remove_unfinished(out)
            yield
    finally:
        if not any(out.iterdir()):
            out.rmdir()


def begin(out: Path, request: Request, model: Model, images: Sequence[ImageSet]) -> Begun:
    """Note what a run is begun with, and find what an earlier one of the same request has done.

    Parameters
    ----------
    out : Path
        Folder of the results, see `held`.
    request : Request
        Its ``image`` is the folder of the images.
    model : Model
    images : sequence of ImageSet

    Raises
    ------
    BadInput
        The results in the folder were made with other settings, with another model, or of other images.
    """
    folder = Path(str(request.image))  # type: ignore[attr-defined]
    plan = {
        "request": request.model_dump(mode="json", exclude=_NOT_COMPARED),
        "model": {"name": model.name, "sha256": model.sha256},
        "place": hashlib.sha256(os.fsencode(folder.resolve())).hexdigest(),  # no path: results travel
    }
    earlier = _earlier(out)
    known: dict[str, Any] = earlier.get("images", {})
    facts = _facts_of_all(images, known)
    if earlier:
        _check_same(out, folder, earlier, plan, {name: _is_same(known[name], facts.get(name)) for name in known})
    names = result_names([each.path for each in images], {name: one["folder"] for name, one in known.items()})
    changed = [name for name in names if name in known and not _is_same(known[name], facts[name])]
    replaced = [name for name in changed if _set_aside(out, names[name])]
    entries = {name: {"folder": names[name], "files": facts[name]} for name in names}
    _note(out, {**plan, "images": {**known, **entries}})
    rows = {names[each.path.name]: row for each in images if (row := _done(each.path, out, names[each.path.name]))}
    gone = [name for name in known if name not in names and (out / known[name]["folder"]).is_dir()]
    return Begun(names, rows, _notes(len(rows), len(images), replaced, gone) if earlier else [])


def result_names(files: Sequence[Path], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the name of the result of each image: its own without ending, or with it where two would share one.

    No two names are equal on any system, also where case does not count; names that an earlier run gave stay.

    Parameters
    ----------
    files : sequence of Path
    known : mapping of str to str
        Names that were given, by the name of the file.

    Returns
    -------
    dict of str to str
        By the name of the file, in their order.
    """
    given = dict(known or {})
    taken = {_alike(name) for name in (*given.values(), *_OURS)}
    stems = {path.name: image_folder.stem_of(path.name).rstrip(" .") or path.name for path in files}
    shared = Counter(_alike(stem) for name, stem in stems.items() if name not in given)
    for name, stem in stems.items():
        if name in given:
            continue
        whole = name if _is_free(name, set()) else f"image {name}"
        wanted = [stem, whole] if shared[_alike(stem)] == 1 else [whole]
        more = (f"{whole}-{number}" for number in itertools.count(2))
        given[name] = next(each for each in itertools.chain(wanted, more) if _is_free(each, taken))
        taken.add(_alike(given[name]))
    return {path.name: given[path.name] for path in files}


def row_of(path: Path, name: str, record: Mapping[str, Any]) -> Row:
    """Return the row of an image that is done; `name` is that of its result."""
    counted = {"Objects": record["objects"]} if "objects" in record else {}
    facts = {**counted, "Seconds": record["times"]["total"]}
    return {"Image": path.name, "Status": "ok", **facts, "Folder": name, "Message": " ".join(record["warnings"])}


def failed(request: Request, path: Path, message: str) -> Row:
    """Return the row of an image that could not be done; how many objects it has is not known."""
    counted = {"Objects": None} if "prob_thresh" in type(request).model_fields else {}
    return {"Image": path.name, "Status": "error", **counted, "Seconds": 0.0, "Folder": "", "Message": message}


def what_is_kept(rows: Mapping[str, Row], count: int, out: Path) -> str:
    """Return what a user who stopped should know; of a run without any result nothing stays."""
    _remove_unfinished(out)
    there = [path for path in out.iterdir() if not lock.is_of_lock(path)]
    if all(path.name in (FILE, SUMMARY) for path in there):
        for name in (FILE, SUMMARY):
            (out / name).unlink(missing_ok=True)
        return "Stopped on request; nothing was written."
    done = sum((path / RECORD).is_file() for path in there)  # also those of processes that were ended since
    return (
        f"Stopped on request after {max(done, len(rows))} of {count} images; what is done is in {out}. With out={out} "
        "the same command again goes on with the others."
    )


def _earlier(out: Path) -> dict[str, Any]:
    """Return what an earlier run noted, empty where there was none."""
    if not is_begun(out):
        return {}
    try:
        found = json.loads((out / FILE).read_text(encoding="utf-8"))
        for entry in found["images"].values():
            if not (isinstance(entry["folder"], str) and Path(entry["folder"]).name == entry["folder"]):
                raise ValueError("a result has no plain name")
            entry["files"].items()
        return {**found, "request": dict(found["request"]), "place": str(found["place"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{out / FILE} is damaged ({error}); expected what the results in {out} were made with. Restore the file, "
            "or choose another result folder."
        ) from error


def _check_same(
    out: Path, folder: Path, earlier: Mapping[str, Any], plan: Mapping[str, Any], unchanged: Mapping[str, bool]
) -> None:
    """Raise `BadInput` where results were made otherwise, or of the images of another folder."""
    was, now = ({key: each.get(key) for key in ("request", "model")} for each in (earlier, plan))
    differing = resume.differences(was, now)
    if differing:
        raise BadInput(
            f"{out} holds results with other settings: {'; '.join(differing[:5])}. Give the same settings to go on "
            "with them, or choose another result folder."
        )
    if earlier["place"] != plan["place"] and not (unchanged and all(unchanged.values())):
        raise BadInput(
            f"{out} holds the results of another folder of images than {folder}; expected the same images. Choose "
            "another result folder."
        )


def _facts_of_all(images: Sequence[ImageSet], known: Mapping[str, Any]) -> dict[str, Facts]:
    """Return the facts of each image by the name of its file, with the content's hash where size and time are shared.

    Two images that were copied together, or made by one program, may have one size and one time: after they have
    swapped their names, the hash alone tells them apart. `known` has what an earlier run noted.
    """
    facts = {each.path.name: _facts(each) for each in images}
    counted = Counter(tuple(stat) for each in facts.values() for stat in each.values() if stat is not None)
    for image in images:
        own, noted = facts[image.path.name], known.get(image.path.name, {}).get("files", {})
        for path in (image.path, *image.others):
            stat = own.get(path.name)
            if stat is not None and (counted[tuple(stat)] > 1 or len(noted.get(path.name) or ()) > len(stat)):
                own[path.name] = [*stat, _hash(path)]
    return facts


def _is_same(entry: Mapping[str, Any], facts: Facts | None) -> bool:
    """Tell whether the files of an image are those of an earlier run; hashes count where both runs had them."""
    noted = entry["files"]
    if facts is None or noted.keys() != facts.keys():
        return False
    pairs = [(noted[name] or [], facts[name] or []) for name in noted]
    return all(then[: len(now)] == now[: len(then)] for then, now in pairs)


def _hash(path: Path) -> str:
    """Return the hash of the content of a file, or of all files of an OME-Zarr."""
    found = hashlib.sha256()
    for each in sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]:
        found.update(each.relative_to(path).as_posix().encode("utf-8", "surrogateescape"))
        with each.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _facts(image: ImageSet) -> Facts:
    """Return size and time of each file of an image; None: it is not there."""
    return {path.name: _stat(path) for path in (image.path, *image.others) if path not in image.extra}


def _stat(path: Path) -> list[Any] | None:
    """Return size and time of change of a file; of an OME-Zarr the sum, and the latest, of all its files."""
    try:
        own = path.stat()
        if not path.is_dir():
            return [own.st_size, own.st_mtime_ns]
        inside = [each.stat() for each in path.rglob("*") if each.is_file()]
        return [sum(each.st_size for each in inside), max([each.st_mtime_ns for each in inside], default=0)]
    except OSError:  # a link that leads nowhere, a file that was removed just now
        return None


def _done(path: Path, out: Path, name: str) -> Row | None:
    """Return the row of an image whose result is whole, or None; what is in its place then makes room."""
    if not (out / name).exists():
        return None
    try:
        record = read_record(out / name)
        if all((out / name / file).exists() for file in record["files"]):
            return row_of(path, name, record)
    except (BadInput, KeyError, TypeError):  # a damaged record
        pass
    _set_aside(out, name)
    return None


def _set_aside(out: Path, name: str) -> bool:
    """Keep a result that no longer fits its image under another name; tell whether there was one."""
    from talanoa.models.runtime import store

    shutil.rmtree(store.folder_for(out / name), ignore_errors=True)  # half a result of what was there before
    if not (out / name).exists():
        return False
    (out / REPLACED).mkdir(exist_ok=True)
    (out / name).rename(next_free(out / REPLACED / name))
    return True


def _note(out: Path, content: Mapping[str, Any]) -> None:
    """Write ``folder.json``; the file appears whole."""
    aside = out / f"{FILE}.partial"
    aside.write_text(json.dumps(content, indent=1), encoding="utf-8")  # NB: ASCII, for names that are not UTF-8
    aside.replace(out / FILE)


def _notes(done: int, total: int, replaced: Sequence[str], gone: Sequence[str]) -> list[str]:
    """Return what a user who goes on with a folder of results should know."""
    found = [f"Resuming an earlier run: {done} of {total} images are done already."]
    if replaced:
        found.append(
            f"{len(replaced)} of the images changed since and are done again ({_some(replaced)}); earlier results are "
            f"in the folder {REPLACED}."
        )
    if gone:
        found.append(
            f"{len(gone)} results are of images that are no longer there ({_some(gone)}); they stay, and {SUMMARY} "
            "does not list them."
        )
    return found


def _is_free(name: str, taken: set[str]) -> bool:
    return _alike(name) not in taken and not lock.is_of_lock(Path(_alike(name)))


def _alike(name: str) -> str:
    """Return what is equal for names that some system takes for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _remove_unfinished(out: Path) -> None:
    """Remove what processes that were ended have begun to write."""
    for rest in out.glob(".*.partial-*"):
        leftovers.remove(rest)
