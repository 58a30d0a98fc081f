"""The demo: an ImageJ, the sample image, and the real menu command Segment Objects, as a person would run it.

With a display the windows stay open; without one the results are written, and that is all.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.cli import options
from talanoa.core import record
from talanoa.core.errors import TalanoaError
from talanoa.fiji import menu
from talanoa.fiji.setup import runtime
from talanoa.tasks.sample import shipped

if TYPE_CHECKING:
    from talanoa.fiji.setup.runtime import Runtime

log = logging.getLogger(__name__)

COMMAND = "Segment Objects"
FOLDER = "talanoa_demo"


def main(arguments: Sequence[str]) -> int:
    """Run `talanoa demo` and return its exit code."""
    from talanoa.cli.console import say

    parser = options.Parser(
        prog="talanoa demo", description="Segment a sample image in ImageJ and show the results.", allow_abbrev=False
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help=f"new folder for the results (default {FOLDER}, or the next free)"
    )
    parser.add_argument("--headless", action="store_true", help="open no window")
    parser.add_argument("--verbose", action="store_true", help="show the log")
    parsed = parser.parse_args(list(arguments))
    if parsed.verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    run(parsed.out, parsed.headless, say)
    return 0


def run(out: str | Path | None = None, headless: bool = False, say: Callable[[str], None] = log.info) -> Path:
    """Segment the sample image in ImageJ and return the result folder.

    Parameters
    ----------
    out : str or Path, optional
        New folder for the results; omitted: `talanoa_demo` here, or the next free name.
    headless : bool
        True opens no window even where there is a display. Otherwise the call returns when ImageJ is closed.
    say : callable
        Gets what is to be told, line by line.

    Returns
    -------
    Path
        The folder with labels, ROIs, table, a picture with outlines, and the record.

    Raises
    ------
    TalanoaError
        ImageJ could not be started, or the command failed; the message says why and what to do.
    """
    folder = Path(out).expanduser().absolute() if out is not None else free_folder(Path.cwd())
    say("Starting ImageJ ...")
    if headless or not has_display():
        if not headless:
            say("There is no display here, so ImageJ runs without windows.")
        segment_sample(runtime.start(mode="headless"), folder, say)
    else:
        runtime.run_gui(lambda started: segment_sample(started, folder, say))
    return folder


def segment_sample(runtime: Runtime, folder: Path, say: Callable[[str], None]) -> None:
    """Open the sample in a running ImageJ and run the menu command on it; the results go to `folder`."""
    say(f"ImageJ {runtime.imagej} runs on {runtime.java}.")
    menu.install(runtime)
    image = open_sample(show=runtime.mode != "headless")
    options = f"model=nuclei out=[{folder.as_posix()}]"
    say(f'Running the menu command as a macro does: run("{COMMAND}", "{options}");')
    run_command(image, options)
    say(f"{count(folder)} objects were found. The results are in {folder}:")
    for file in sorted(folder.iterdir()):
        say(f"  {file.name:<18} {CONTENT.get(file.name, '')}")
    if runtime.mode != "headless":
        arrange(image)
        say("The image, the label image, the ROI Manager and the Results stay open until you close ImageJ.")


CONTENT = {
    "labels.tif": "label image: every object has its own number",
    "rois.zip": "the outlines, for ImageJ's ROI Manager",
    "measurements.csv": "one row an object",
    "overlay.png": "picture of the image with the outlines",
    "model.json": "the model: thresholds, training parameters, scores",
    "model-report.md": "how well it does, and what it was trained on",
    "model-loss.csv": "how its training went",
    "result.json": "what was done; talanoa rerun repeats it",
}


def open_sample(show: bool) -> Any:
    """Open the sample image and make it ImageJ's current image; return the ij.ImagePlus."""
    import jpype

    image = jpype.JClass("ij.IJ").openImage(str(shipped.path("nuclei")))
    if image is None:
        raise TalanoaError(f"ImageJ could not open {shipped.path('nuclei')}; expected the sample image. Install again.")
    if show:
        image.show()
    else:  # without windows an image is current only because it is said to be
        jpype.JClass("ij.WindowManager").setTempCurrentImage(image)
    return image


def arrange(image: Any) -> None:
    """Put the windows beside each other: image with outlines, label image, ROI Manager, and Results below."""
    import jpype

    manager = jpype.JClass("ij.WindowManager")
    main, first = jpype.JClass("ij.IJ").getInstance(), image.getWindow()
    top = 40 + main.getHeight()
    main.setLocation(20, 20)
    left = 20
    for window in (first, manager.getCurrentWindow(), jpype.JClass("ij.plugin.frame.RoiManager").getInstance()):
        if window is not None:
            window.setLocation(left, top)
            left += window.getWidth() + 10
    results = manager.getWindow("Results")
    if results is not None:
        results.setSize(left - 30, 240)
        lowest = jpype.JClass("java.awt.Toolkit").getDefaultToolkit().getScreenSize().height - 260
        results.setLocation(20, min(top + first.getHeight() + 10, lowest))


def run_command(image: Any, options: str) -> None:
    """Run the menu command on an image the way a macro does; its error becomes a `TalanoaError`."""
    import jpype

    try:
        jpype.JClass("ij.IJ").run(image, COMMAND, options)
    except jpype.JException as error:
        raise TalanoaError(str(error.getMessage() or error)) from error


def count(folder: Path) -> int:
    """Return how many objects a result folder records."""
    return int(record.read_record(folder)["objects"])


def free_folder(parent: Path) -> Path:
    """Return `parent`/talanoa_demo, or the first of talanoa_demo-2, -3, ... that does not exist."""
    folder, number = parent / FOLDER, 2
    while folder.exists():
        folder, number = parent / f"{FOLDER}-{number}", number + 1
    return folder


def has_display() -> bool:
    """Return True where windows can be opened: always on Windows and macOS, with DISPLAY elsewhere."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))
