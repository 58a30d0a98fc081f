"""Plugins > Talanoa in a running ImageJ: its commands in the menu, in macros and in the Recorder.

The commands themselves are Jython scripts (`fiji_scripts`), the same in every runtime; this brings them together with
the Python side.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core import resources
from talanoa.fiji.bridge.in_process import NAME, make_function
from talanoa.fiji.setup import runtime

if TYPE_CHECKING:
    from talanoa.fiji.setup.runtime import Runtime

log = logging.getLogger(__name__)

BOOTSTRAP = """
#@ Context context
#@ String scripts
#@ java.util.Map made
import sys
lib = scripts + "/lib"
if lib not in sys.path:
    sys.path.insert(0, lib)
from talanoa_fiji import bootstrap
made.put("commands", bootstrap.install(context, scripts))
"""


def install(runtime: Runtime) -> list[str]:
    """Make the menu scripts commands of this ImageJ, answered by this Python; a second call changes nothing.

    Parameters
    ----------
    runtime : Runtime
        A running ImageJ. The menu is built when its window is open; call again after opening it.

    Returns
    -------
    list of str
        Names of the commands: "Segment Objects", ...

    Raises
    ------
    TalanoaError
        The scripts are missing from the installation, or do not compile.
    """
    import jpype

    add_function(runtime)
    made = jpype.JClass("java.util.HashMap")()  # NB: Fiji would show an output of the script in a window
    inputs = {"scripts": resources.fiji_scripts().as_posix(), "made": made}
    runtime.run_script(BOOTSTRAP, inputs, "talanoa_bootstrap.py")
    commands = [str(name) for name in made["commands"]]
    log.info("Commands under Plugins > Talanoa: %s", ", ".join(commands))
    return commands


def open_window(fiji: str | None = None, image: str | None = None) -> None:
    """Open ImageJ's window with the menu, and return when it is closed.

    Parameters
    ----------
    fiji : str, optional
        A Fiji folder or endpoint; None: the embedded ImageJ.
    image : str, optional
        An image to open.

    Raises
    ------
    TalanoaError
        There is no display or no Java, or `fiji` is no Fiji.
    """

    def ready(started: Runtime) -> None:
        """Put the menu into ImageJ, and open the image."""
        import jpype

        install(started)
        if image is not None:
            jpype.JClass("ij.IJ").open(str(Path(image).expanduser().absolute()))

    runtime.run_gui(ready, fiji)


def add_function(runtime: Runtime) -> None:
    """Let scripts find this Python in SciJava's ObjectService, once."""
    import jpype

    objects = runtime.service("org.scijava.object.ObjectService")
    kind = jpype.JClass("java.util.function.Function")
    if not any(str(objects.getName(one)) == NAME for one in objects.getObjects(kind)):
        objects.addObject(make_function(), NAME)
