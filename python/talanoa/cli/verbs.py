"""What each verb does: read its keys, run the task, show the reply."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from talanoa.cli import install_fiji, options
from talanoa.cli.codes import BAD, CANCELLED, DIFFERENT, OK, PARTLY
from talanoa.cli.console import ConsoleHost, say
from talanoa.core.errors import BadInput, TalanoaError
from talanoa.core.files import next_free
from talanoa.core.logs import log_path, start_log_file
from talanoa.fiji.setup import runtime

log = logging.getLogger(__name__)

Reply = dict[str, Any]
# of results without `out`
PLACES = {
    "segment": "{}-talanoa", "restore": "{}-restored", "predict": "{}-predicted", "evaluate": "evaluation",
}  # fmt: skip


def run(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb and return the exit code."""
    start_log_file()
    try:
        if verb in OWN:
            return OWN[verb](arguments)
        return _task(verb, arguments)
    except TalanoaError as error:
        sys.stderr.write(f"{error}\n")
        return BAD
    except Exception as error:
        log.exception("talanoa %s failed", verb)
        sys.stderr.write(f"{type(error).__name__}: {error}\nThe details are in {log_path()}.\n")
        return BAD


def _task(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb that is a task."""
    from talanoa import tasks

    kind = tasks.TASKS[verb].request
    keys, common = options.read(options.parser_for(verb, kind), verb, kind, arguments)
    _show_log(common.verbose)
    if verb in PLACES:
        _add_out(verb, keys)
    host = ConsoleHost(common.quiet)
    with host.running():
        reply = tasks.run({"task": verb, **keys}, host)
    if reply["status"] != "ok":
        sys.stderr.write(f"{reply['message']}\n")
        return CANCELLED if reply["status"] == "cancelled" else BAD
    if os.environ.get("TORCHELASTIC_RUN_ID") and os.environ.get("RANK", "0") != "0":
        return OK  # of several processes that train together the first one tells
    if common.json:
        say(json.dumps(plain(reply), indent=2, ensure_ascii=False))
    else:
        SHOW.get(verb, _show)(reply)
    if reply.get("identical") is False:
        return DIFFERENT
    return PARTLY if reply.get("failures") else OK


def _add_out(verb: str, keys: dict[str, Any]) -> None:
    """Give results of the command line a new place in the current folder, see `PLACES`."""
    if keys.get("out") or (verb != "evaluate" and not keys.get("image")):
        return
    keys["out"] = str(next_free(Path(PLACES[verb].format(Path(str(keys.get("image", ""))).stem))))


def _show_log(verbose: bool) -> None:
    """Show the log on stderr when asked to; otherwise it goes to the log file only."""
    handler = logging.StreamHandler(sys.stderr) if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _show(reply: Reply) -> None:
    """Write the message and where the results are."""
    say(reply["message"])
    folder = reply["folder"]
    if folder and not re.search(rf"(in|to|:) {re.escape(folder)}([.;,/\\]|$)", reply["message"]):
        say(f"{'Model' if reply['task'] == 'train' else 'Results'}: {folder}")


def _show_models(reply: Reply) -> None:
    """Write a table of models, or what a model's folder says."""
    models = reply.get("models", [])
    if len(models) == 1 and "sha256" in models[0]:
        for key, value in models[0].items():
            say(f"{key:<14} {', '.join(value) if isinstance(value, list) else value}")
        return
    for one in models:
        where = "shipped" if one["shipped"] else one["folder"]
        say(f"{one['name']:<20} {one['method']:<10} {one['kind']:<8} {where}  {one['description']}")
    say(reply["message"])


def _show_doctor(reply: Reply) -> None:
    """Write the report."""
    say(reply["text"])
    say(reply["message"])


def _show_annotate(reply: Reply) -> None:
    """Write the message, the table, and the image that comes next."""
    say(reply["message"])
    table = reply["table"]
    if table is not None and len(table):
        say(table.fillna("").to_string(index=False, max_colwidth=60))
    if reply.get("next"):
        say(f"Next: {reply['next']['name']}  {reply['next']['path']}")


SHOW: dict[str, Callable[[Reply], None]] = {
    "models": _show_models,
    "doctor": _show_doctor,
    "annotate": _show_annotate,
}


def plain(reply: Reply) -> Reply:
    """Return a reply as plain JSON: images and ROIs as their numbers, tables as rows."""
    from talanoa.core.record import jsonable

    shown = {key: value for key, value in reply.items() if key not in ("labels", "rois", "table", "maps")}
    for key in ("image", "uncertainty"):
        if reply.get(key) is not None:
            shown[key] = {"dtype": str(reply[key].dtype), "sizes": dict(reply[key].sizes)}
    if reply["labels"] is not None:
        shown["labels"] = {"objects": int(reply["labels"].max()), "sizes": dict(reply["labels"].sizes)}
    if reply["rois"] is not None:
        shown["rois"] = len(reply["rois"])
    if reply["table"] is not None:
        shown["table"] = reply["table"].to_dict("records")
    return jsonable(shown)


def _demo(arguments: Sequence[str]) -> int:
    """Run the demonstration."""
    from talanoa.cli import demo

    return int(demo.main(list(arguments)))


def _fiji(arguments: Sequence[str]) -> int:
    """Open the window of ImageJ, or of a Fiji folder, with our menu."""
    parser = options.Parser(
        prog="talanoa fiji", description="Open ImageJ or Fiji with the Talanoa menu.", allow_abbrev=False
    )
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="image to open")
    parser.add_argument("--fiji", metavar="FOLDER", help="Fiji folder, or Maven endpoint; omitted: the embedded ImageJ")
    parser.add_argument("--verbose", action="store_true", help="show the log")
    parsed = parser.parse_args(list(arguments))
    _show_log(parsed.verbose)
    if parsed.image and not Path(parsed.image).exists():
        raise BadInput(f"Found no file {parsed.image}; expected an image to open.")
    open_window(parsed.fiji, parsed.image)
    return OK


def open_window(fiji: str | None, image: str | None) -> None:
    """Open the window with our menu, and an image; return when it is closed."""
    from talanoa.fiji import menu

    def ready(started: runtime.Runtime) -> None:
        """Put the menu into ImageJ, and open the image."""
        import jpype

        commands = menu.install(started)
        say(f"ImageJ {started.imagej} is open: Plugins > Talanoa has {len(commands)} commands. Close it to end.")
        if image:
            jpype.JClass("ij.IJ").open(str(Path(image).resolve()))

    runtime.run_gui(ready, fiji)


def _install_fiji(arguments: Sequence[str]) -> int:
    """Put the menu into a Fiji or ImageJ folder, or take it out."""
    return install_fiji.run(arguments)


OWN: dict[str, Callable[[Sequence[str]], int]] = {"demo": _demo, "fiji": _fiji, "install-fiji": _install_fiji}
