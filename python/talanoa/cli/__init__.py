"""The command `talanoa`: one verb per task, with the same keys as the menu, macros and Python.

`talanoa --help` loads neither torch nor a JVM.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from talanoa.cli import streams
from talanoa.cli.codes import BAD, CANCELLED, OK
from talanoa.core.version import __version__

VERBS = {
    "segment": "find objects in an image, or in a folder of images",
    "restore": "take the noise out of an image, or of a folder of images",
    "predict": "predict fluorescence from an image in transmitted light, or a folder of them",
    "evaluate": "judge a model, or what it made, against ground truth, with a report",
    "train": "train a model: of objects, of noise, of stains in transmitted light",
    "rois": "ROIs to a label image, a label image to ROIs, ROI files",
    "annotate": "make a dataset: pick images, propose, check, repair and save objects",
    "study": "train over a grid of parameters: table and plot of quality, time and memory",
    "sample": "make small images to try things out: annotated nuclei, noisy pairs, plates",
    "models": "list, show, find and import models",
    "rerun": "run a recorded result again and compare",
    "doctor": "check what Talanoa runs on",
    "demo": "segment a sample image in ImageJ",
    "fiji": "open ImageJ or Fiji with the Talanoa menu",
    "install-fiji": "put the menu into a Fiji or ImageJ folder that you start yourself",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done. 1: a rerun differs. 2: an error. 3: done, but for some images or trainings. 130: cancelled.
    """
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # also while the program is still being loaded
        sys.stderr.write("Stopped.\n")
        return CANCELLED


def _main(given: list[str]) -> int:
    """Run one command and return its exit code."""
    _utf8_streams()
    with streams.lasting():
        return _run(given)


def _run(given: list[str]) -> int:
    """Run one command and return its exit code."""
    if given and given[0] in VERBS:
        from talanoa.cli import verbs

        return verbs.run(given[0], given[1:])
    parser = _parser()
    parsed = parser.parse_args(given)
    if parsed.verb:
        from talanoa.core.request import closest

        sys.stderr.write(
            f'Unknown command "{parsed.verb}"; valid ones are {", ".join(VERBS)}.{closest(parsed.verb, VERBS)}\n'
        )
        return BAD
    parser.print_help()
    return OK


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the bare command."""
    verbs = "\n".join(f"  {verb:<12} {text}" for verb, text in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="talanoa",
        usage="talanoa COMMAND [options]",
        description="Deep learning for microscopy: segment, train, and work with ROIs.",
        epilog=f"commands:\n{verbs}\n\ntalanoa COMMAND --help shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"talanoa {__version__}")
    parser.add_argument("verb", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


def _utf8_streams() -> None:
    """Write UTF-8 where a console's own encoding lacks characters such as µ."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    logging.captureWarnings(True)
