"""Takes the pictures docs/images/worker-*.png from an ImageJ beside Python: python -m helpers.worker.screenshots [HOME
FOLDER]

Run it in tests/, with PYTHONPATH=../python where the package is not installed. Messages show paths: HOME is the home
folder of the user in the pictures (it is made, and its folder talanoa with it), FOLDER is where the pictures go.
"""

from __future__ import annotations

import sys
from pathlib import Path

from helpers.worker.fiji import FijiProcess
from helpers.worker.looks import SEGMENT, confirm
from talanoa.core import resources
from talanoa.tasks.sample import shipped

ROOT = Path(__file__).resolve().parents[3]
GONE = "/home/anna/miniforge3/envs/talanoa/bin/python"
LARGE = "x=8 y=8 width=4096 height=4096 interpolation=Bilinear create title=embryo.tif"


def segment(fiji: FijiProcess) -> None:
    """Choose Segment Objects and take the dialog as it is."""
    fiji.call("choose", SEGMENT)
    fiji.wait(f"titled({SEGMENT!r}, 'GenericDialog')", "the dialog is open")
    confirm(fiji)


def take(fiji: FijiProcess, folder: Path) -> None:
    """Take all pictures."""
    fiji.call("show", str(shipped.path("nuclei")))
    fiji.run(f"System.setProperty('talanoa.python', {GONE!r})")
    segment(fiji)
    fiji.wait("message()", "the message is shown", 60)
    fiji.call("shot", str(folder / "worker-error.png"), SEGMENT, "MessageDialog")
    fiji.call("dismiss")
    fiji.wait("message() is None", "the message is closed")
    fiji.run(f"System.setProperty('talanoa.python', {sys.executable!r})")
    fiji.run(f"IJ.run('Scale...', {LARGE!r})")
    segment(fiji)
    fiji.wait("progress_windows(' left')", "the progress window tells the time left")
    fiji.call("shot", str(folder / "worker-progress.png"), SEGMENT, "ProgressWindow")
    fiji.call("activate", "nuclei.tif")
    segment(fiji)
    fiji.wait("progress_windows('Waiting')", "the second job waits")
    fiji.run(f"shot_of(progress_windows('Waiting')[0], {str(folder / 'worker-waiting.png')!r})")
    fiji.worker().kill()
    fiji.wait("message()", "the message is shown")
    fiji.call("shot", str(folder / "worker-killed.png"), SEGMENT, "MessageDialog")


def main(home: str = "/home/anna", folder: str = str(ROOT / "docs" / "images")) -> None:
    """Take all pictures and end ImageJ."""
    work = Path(home) / ".talanoa-pictures"
    work.mkdir(parents=True, exist_ok=True)
    process = FijiProcess(work, scripts=resources.fiji_scripts(), python=sys.executable)
    process.home = Path(home) / "talanoa"
    with process as fiji:
        take(fiji, Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
