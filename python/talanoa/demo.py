"""The demo: an ImageJ, the sample image, and the real menu command Segment Objects, as a person would run it.

With a display the windows stay open; without one the results are written, and that is all.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import samples
from talanoa.errors import TalanoaError

if TYPE_CHECKING:
    from talanoa.fiji.runtime import Runtime

log = logging.getLogger(__name__)

COMMAND = "Segment Objects"
FOLDER = "talanoa_demo"


def run(out: str | Path | None = None, headless: bool = False) -> Path:
    """Segment the sample image in ImageJ and return the result folder.

    Parameters
    ----------
    out : str or Path, optional
        New folder for the results; omitted: `talanoa_demo` here, or the next free name.
    headless : bool
        True opens no window even where there is a display. Otherwise the call returns when ImageJ is closed.

    Returns
    -------
    Path
        The folder with labels, ROIs, table, a picture with outlines, and the record.

    Raises
    ------
    TalanoaError
        ImageJ could not be started, or the command failed; the message says why and what to do.
    """
    from talanoa.fiji import runtime

    folder = Path(out).expanduser().absolute() if out is not None else free_folder(Path.cwd())
    if headless or not has_display():
        if not headless:
            log.info("There is no display here, so ImageJ runs without windows.")
        segment_sample(runtime.start(mode="headless"), folder)
    else:
        runtime.run_gui(lambda started: segment_sample(started, folder))
    return folder


def segment_sample(runtime: Runtime, folder: Path) -> None:
    """Open the sample in a running ImageJ and run the menu command on it; the results go to `folder`."""
    from talanoa.fiji import menu

    log.info("ImageJ %s runs on %s.", runtime.imagej, runtime.java)
    menu.install(runtime)
    image = open_sample(show=runtime.mode != "headless")
    options = f"model=nuclei out=[{folder.as_posix()}]"
    log.info('Running the menu command, as a macro would: run("%s", "%s");', COMMAND, options)
    run_command(image, options)
    log.info("%d objects were found. The results are in %s:", count(folder), folder)
    for file in sorted(folder.iterdir()):
        log.info("  %-18s %s", file.name, CONTENT.get(file.name, ""))
    if runtime.mode != "headless":
        log.info("The image, the label image, the ROI Manager and the Results stay open until you close ImageJ.")


CONTENT = {
    "labels.tif": "label image: every object has its own number",
    "rois.zip": "the outlines, for ImageJ's ROI Manager",
    "measurements.csv": "one row an object",
    "overlay.png": "picture of the image with the outlines",
    "result.json": "what was done; talanoa rerun repeats it",
}


def open_sample(show: bool) -> Any:
    """Open the sample image and make it ImageJ's current image; return the ij.ImagePlus."""
    import jpype

    image = jpype.JClass("ij.IJ").openImage(str(samples.path("nuclei")))
    if image is None:
        raise TalanoaError(f"ImageJ could not open {samples.path('nuclei')}; expected the sample image. Install again.")
    if show:
        image.show()
    else:  # without windows an image is current only because it is said to be
        jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
    return image


def run_command(image: Any, options: str) -> None:
    """Run the menu command on an image the way a macro does; its error becomes a `TalanoaError`."""
    import jpype

    try:
        jpype.JClass("ij.IJ").run(image, COMMAND, options)
    except jpype.JException as error:
        raise TalanoaError(str(error.getMessage() or error)) from error


def count(folder: Path) -> int:
    """Return how many objects a result folder records."""
    from talanoa import result

    return int(result.read_record(folder)["objects"])


def free_folder(parent: Path) -> Path:
    """Return `parent`/talanoa_demo, or the first of talanoa_demo-2, -3, ... that does not exist."""
    folder, number = parent / FOLDER, 2
    while folder.exists():
        folder, number = parent / f"{FOLDER}-{number}", number + 1
    return folder


def has_display() -> bool:
    """Return True where windows can be opened: always on Windows and macOS, with DISPLAY elsewhere."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))
