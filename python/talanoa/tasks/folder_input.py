"""A folder of images: one result folder per image and one summary table; a bad image does not stop the others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.errors import BadInput, Cancelled, TalanoaError
from talanoa.host import PassingOn, stop_if_cancelled

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.host import Host
    from talanoa.model_folder import Model
    from talanoa.requests import SegmentRequest

log = logging.getLogger(__name__)

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".zarr")
# Kinds of files that lie beside images and are none: not worth a word.
COMPANIONS = (".csv", ".db", ".ijm", ".ini", ".json", ".md", ".roi", ".txt", ".xml", ".zip")
ZARR_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
SUMMARY = "summary.csv"


def is_folder_of_images(path: Path) -> bool:
    """Tell a folder of images from a file and from an OME-Zarr image (a folder, too)."""
    return path.is_dir() and path.suffix.lower() != ".zarr" and not any((path / name).exists() for name in ZARR_MARKS)


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder (not of its subfolders), sorted by name.

    Raises
    ------
    BadInput
        The folder holds none.
    """
    found = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise BadInput(f"{folder} holds no image (found {held}); expected files such as {', '.join(SUFFIXES)}.")
    return found


def _warn_left_out(folder: Path, host: Host) -> None:
    """Name the files that may be images of kinds that cannot be read."""
    others = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() not in (*SUFFIXES, *COMPANIONS) and not path.name.startswith(".")
    ]
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        host.warn(f"Left out {len(others)} files that cannot be read: {shown}. Save microscope files as TIFF in Fiji.")


def result_names(files: list[Path]) -> list[str]:
    """Return one folder name per image: its stem, or its whole name where two images share a stem."""
    stems = [
        path.name.split(".")[0] if path.name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.zarr")) else path.stem
        for path in files
    ]
    lower = [stem.lower() for stem in stems]
    return [stem if lower.count(stem.lower()) == 1 else path.name for stem, path in zip(stems, files, strict=True)]


def run(request: SegmentRequest, model: Model, host: Host) -> dict[str, Any]:
    """Segment each image of the folder `request.image` into `request.out`.

    Returns
    -------
    dict
        ``table``: one row per image (Image, Status, Objects, Seconds, Folder, Message); ``failures``: their names.
    """
    import pandas as pd

    if not request.out:
        raise BadInput("out is missing; expected a new folder for the results of a folder of images.")
    files = images_in(Path(str(request.image)))
    _warn_left_out(Path(str(request.image)), host)
    out = Path(request.out)
    out.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number, (path, name) in enumerate(zip(files, result_names(files), strict=True)):
        host.progress(number, len(files), f"{path.name} ({number + 1} of {len(files)})")
        try:
            rows.append(_one(request, model, path, out / name, host))
        except Cancelled as stopped:
            if not rows:
                out.rmdir()
                raise
            text = f"Stopped on request after {number} of {len(files)} images; their results are in {out}."
            raise Cancelled(text) from stopped
        _write_summary(pd.DataFrame(rows), out)
    host.progress(len(files), len(files), "done")
    return _reply(pd.DataFrame(rows), out)


def _one(request: SegmentRequest, model: Model, path: Path, out: Path, host: Host) -> dict[str, Any]:
    """Segment one image of the folder; an error becomes a row."""
    from talanoa.tasks.segment import segment_file

    row: dict[str, Any] = {
        "Image": path.name,
        "Status": "ok",
        "Objects": 0,
        "Seconds": 0.0,
        "Folder": out.name,
        "Message": "",
    }
    named = _Named(host, path.name)
    stop_if_cancelled(host)
    try:
        one = request.model_copy(update={"image": str(path), "out": str(out)})
        reply = segment_file(one, model, path, named)
    except Cancelled:
        raise
    except (TalanoaError, OSError, MemoryError, ValueError, RuntimeError) as error:
        log.info("%s failed", path, exc_info=True)
        host.warn(f"{path.name}: {error}")
        return row | {"Status": "error", "Folder": "", "Message": str(error)}
    record = reply["record"]
    return row | {"Objects": record["objects"], "Seconds": record["times"]["total"], "Message": " ".join(named.said)}


class _Named(PassingOn):
    """A host that says of which image a warning is, and leaves the progress to the folder."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host)
        self.name = name
        self.said: list[str] = []

    def progress(self, done: float, total: float, text: str) -> None:
        """Swallow: the folder's own progress is shown."""

    def warn(self, text: str) -> None:
        """Pass on with the image's name."""
        self.said.append(text)
        self.host.warn(f"{self.name}: {text}")


def _write_summary(rows: pd.DataFrame, out: Path) -> None:
    """Write the summary after each image, so that it is there whenever the run ends."""
    from talanoa import tables

    tables.write_csv(out / SUMMARY, rows, overwrite=True)


def _reply(rows: pd.DataFrame, out: Path) -> dict[str, Any]:
    """Sum up."""
    failed = rows[rows["Status"] != "ok"]
    message = (
        f"{int(rows['Objects'].sum())} objects in {len(rows) - len(failed)} of {len(rows)} images; results in {out}."
    )
    if len(failed):
        message += f" Failed: {', '.join(failed['Image'])} (see {SUMMARY})."
    if len(failed) == len(rows):
        raise BadInput(
            f"None of the {len(rows)} images could be segmented. {failed['Image'].iloc[0]}: {failed['Message'].iloc[0]}"
        )
    return {"message": message, "table": rows, "folder": str(out), "failures": failed["Image"].tolist()}
