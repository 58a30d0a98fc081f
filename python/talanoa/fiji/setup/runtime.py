"""Which ImageJ runs: the embedded one, or a Fiji folder or endpoint by pyimagej. One JVM per process."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput, TalanoaError
from talanoa.fiji.setup import embedded, full
from talanoa.fiji.setup.java import Java, choose_java
from talanoa.fiji.setup.scripting import register_jython, run_script

log = logging.getLogger(__name__)

MODES = ("headless", "interactive", "gui")
_lock = threading.Lock()
_running: Runtime | None = None


@dataclass(frozen=True)
class Runtime:
    """A running ImageJ.

    Attributes
    ----------
    kind : str
        "embedded" (ImageJ 1 with SciJava's scripts, from Maven Central), "fiji" (by pyimagej) or "attached".
    mode : str
        "headless", "interactive" (windows may be opened) or "gui" (the main window is shown by `show`).
    fiji : str or None
        The Fiji folder or endpoint asked for.
    java : str
        Which Java runs it, and why that one.
    imagej : str
        ImageJ's version, for example "1.54p".
    context : Any
        The `org.scijava.Context`.
    gateway : Any
        pyimagej's gateway (`ij`), None in the embedded runtime.
    """

    kind: str
    mode: str
    fiji: str | None
    java: str
    imagej: str
    context: Any = field(repr=False)
    gateway: Any = field(default=None, repr=False)

    def service(self, name: str) -> Any:
        """Return a SciJava service by its class name, e.g. "org.scijava.object.ObjectService"."""
        import jpype

        return self.context.service(jpype.JClass(name).class_)

    def run_script(self, code: str, inputs: Mapping[str, Any] | None = None, name: str = "script.py") -> dict[str, Any]:
        """Run a SciJava script and return its outputs; see `talanoa.fiji.setup.scripting.run_script`."""
        return run_script(self.context, code, inputs, name)

    def show(self) -> None:
        """Open ImageJ's main window (a second call brings nothing new).

        Raises
        ------
        BadInput
            The runtime is headless.
        """
        if self.mode == "headless":
            raise BadInput("This ImageJ was started headless; expected mode interactive or gui to open its window.")
        if self.gateway is not None:
            self.gateway.ui().showUI()
        else:
            embedded.show_window()

    def window_open(self) -> bool:
        """Return True while ImageJ's main window is there."""
        import jpype

        return jpype.isJVMStarted() and jpype.JClass("ij.IJ").getInstance() is not None


def start(
    fiji: str | Path | None = None,
    mode: str = "headless",
    *,
    prefs: Path | None = None,
    java_options: Sequence[str] = (),
) -> Runtime:
    """Start ImageJ in this process, or return the one that runs here already.

    Parameters
    ----------
    fiji : str or Path, optional
        A Fiji (or ImageJ2) folder, or a Maven endpoint such as "sc.fiji:fiji". None: the embedded ImageJ.
    mode : str
        "headless"; "interactive": windows can be opened; "gui": the same, the caller shows the window.
    prefs : Path, optional
        Folder for ImageJ's and Java's preferences instead of the user's own. Default: the variable TALANOA_PREFS.
    java_options : sequence of str
        Further options of the JVM, e.g. "-Xmx8g".

    Raises
    ------
    BadInput
        Unknown mode; a folder that is no Fiji; no display for a window; no Java; or another ImageJ runs here already.
    """
    wanted = str(fiji) if fiji is not None else None
    _check_mode(mode)
    with _lock:
        if _running is not None:
            return _same_or_error(_running, wanted, mode)
        if sys.platform == "darwin" and mode != "headless" and not full.event_loop_runs():
            raise BadInput(
                f'mode="{mode}" was asked for on the main thread of macOS, where windows need an event loop there; '
                "expected a notebook after %gui osx, or `talanoa fiji`. Fiji started by yourself works as well."
            )
        return _launch(wanted, mode, prefs, java_options)


def run_gui(ready: Callable[[Runtime], None], fiji: str | Path | None = None, *, prefs: Path | None = None) -> None:
    """Start ImageJ, open its window, call `ready`, and return when the window is closed.

    On macOS the main thread belongs to the windows, so this is the way to have them there: `ready` runs on another
    thread. Call it as the last thing of a program, on the main thread.

    Raises
    ------
    BadInput
        As `start`; on macOS also when PyObjC is missing.
    """
    wanted = str(fiji) if fiji is not None else None
    if sys.platform == "darwin" and _running is None:
        _run_gui_on_macos(ready, wanted, prefs)
    else:
        _live(start(wanted, "gui", prefs=prefs), ready)


def _run_gui_on_macos(ready: Callable[[Runtime], None], fiji: str | None, prefs: Path | None) -> None:
    """Give the main thread to the event loop of macOS, and everything else to a thread of Java's."""
    import jpype

    try:
        from PyObjCTools import AppHelper
    except ImportError as error:
        raise BadInput("PyObjC is missing; expected it for windows on macOS. Install it: pip install pyobjc") from error
    plan = _plan(fiji, "gui", prefs, ())

    def opened(gateway: Any = None) -> None:
        """Go on with an ImageJ that has opened its window."""
        try:
            context = embedded.make_context() if gateway is None else gateway.context()
            _live(_register(plan, context, gateway), ready)
        except TalanoaError as error:  # nobody above this thread would show it
            log.error("%s", error)
        finally:
            AppHelper.callAfter(AppHelper.stopEventLoop)

    if plan.folder is None:
        embedded.start_jvm(plan.options)
        jpype.setupGuiEnvironment(opened)
    else:
        full.launch_gui(plan.folder, plan.options, opened)


def _live(runtime: Runtime, ready: Callable[[Runtime], None]) -> None:
    """Open the window, say so, and wait until it is closed."""
    runtime.show()
    ready(runtime)
    while runtime.window_open():
        time.sleep(0.2)


def attach(context: Any) -> Runtime:
    """Use an ImageJ that somebody else started in this process, e.g. `ij = imagej.init(...)`.

    Parameters
    ----------
    context : Any
        An `org.scijava.Context`, or an object with one, such as pyimagej's gateway `ij`.

    Returns
    -------
    Runtime
        What `menu.install` takes; the gateway stays as it is.
    """
    global _running
    import jpype

    with _lock:
        gateway = context if hasattr(context, "context") else None
        inner = gateway.context() if gateway is not None else context
        headless = bool(jpype.JClass("java.awt.GraphicsEnvironment").isHeadless())
        system = jpype.JClass("java.lang.System")
        java = f"Java {system.getProperty('java.version')} at {system.getProperty('java.home')} (started by the caller)"
        mode = "headless" if headless else "interactive"
        register_jython(inner)
        _running = Runtime("attached", mode, None, java, _imagej_version(), inner, gateway)
        return _running


def running() -> Runtime | None:
    """Return the ImageJ of this process, or None."""
    return _running


@dataclass(frozen=True)
class _Plan:
    """What is about to be started."""

    fiji: str | None
    folder: str | None
    mode: str
    java: Java
    options: tuple[str, ...]


def _plan(fiji: str | None, mode: str, prefs: Path | None, java_options: Sequence[str]) -> _Plan:
    """Check what was asked for and choose the Java."""
    import jpype

    if jpype.isJVMStarted():
        raise BadInput(
            "A Java virtual machine that Talanoa did not start runs in this process, and there can be only one; "
            "expected none, or one with ImageJ. Call talanoa.fiji.setup.runtime.attach(ij) with the ImageJ you "
            "started, or start a new Python (a start of ImageJ that failed leaves its machine running)."
        )
    _check_display(mode)
    folder = full.check_fiji(fiji) if fiji is not None else None
    java = choose_java(window=mode != "headless")
    os.environ["JAVA_HOME"] = str(java.home)
    options = (*_jvm_options(mode, java.major, prefs), *_collector(java_options), *java_options)
    return _Plan(fiji, folder, mode, java, options)


def _launch(fiji: str | None, mode: str, prefs: Path | None, java_options: Sequence[str]) -> Runtime:
    """Start the JVM and ImageJ; the lock is held."""
    plan = _plan(fiji, mode, prefs, java_options)
    if plan.folder is None:
        embedded.start_jvm(plan.options)
        return _register(plan, embedded.make_context(), None)
    gateway = full.launch(plan.folder, mode, plan.options)
    return _register(plan, gateway.context(), gateway)


def _register(plan: _Plan, context: Any, gateway: Any) -> Runtime:
    """Make the ImageJ that has just been started the one of this process."""
    global _running
    register_jython(context)
    kind = "embedded" if plan.folder is None else "fiji"
    _running = Runtime(kind, plan.mode, plan.fiji, str(plan.java), _imagej_version(), context, gateway)
    log.info("ImageJ %s (%s, %s) on %s", _running.imagej, kind, plan.mode, plan.java)
    return _running


def _jvm_options(mode: str, java_major: int, prefs: Path | None) -> list[str]:
    """Return the options every runtime needs."""
    options = ["--add-opens=java.base/java.lang=ALL-UNNAMED"]
    if java_major >= 24:
        options.append("--enable-native-access=ALL-UNNAMED")
    if mode == "headless":
        options.append("-Djava.awt.headless=true")
    folder = prefs or os.environ.get("TALANOA_PREFS")
    if folder:
        home = Path(folder).expanduser().resolve()
        home.mkdir(parents=True, exist_ok=True)
        options += [f"-Duser.home={home}", f"-Djava.util.prefs.userRoot={home}"]
    return options


def _collector(java_options: Sequence[str]) -> list[str]:
    """Choose the parallel collector unless the user names one.

    Java's default, G1, gives each plane of a large stack regions of its own; making them takes several times longer
    than filling them (measured on 20 planes of 2048 x 2048: 0.9 s of processor time against 0.3 s).
    """
    named = (*java_options, *(os.environ.get(name, "") for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")))
    return [] if any("GC" in option for option in named) else ["-XX:+UseParallelGC"]


def _same_or_error(runtime: Runtime, fiji: str | None, mode: str) -> Runtime:
    """Return the running ImageJ when it is what was asked for."""
    if runtime.kind == "attached" or (runtime.fiji == fiji and (runtime.mode == mode or mode == "headless")):
        return runtime
    raise BadInput(
        f"An ImageJ runs in this process already ({_words(runtime.fiji, runtime.mode)}), and {_words(fiji, mode)} "
        "was asked for; expected the same, as a process holds one Java virtual machine. Start a new Python for it."
    )


def _words(fiji: str | None, mode: str) -> str:
    """Name a runtime in a message."""
    return f"{fiji or 'the embedded ImageJ'}, mode {mode}"


def _check_mode(mode: str) -> None:
    """Refuse a mode that is none."""
    if mode not in MODES:
        raise BadInput(f"mode={mode!r} was found; expected one of {', '.join(MODES)}.")


def _check_display(mode: str) -> None:
    """Refuse a window where there is no display."""
    needs = mode != "headless" and sys.platform.startswith("linux")
    if needs and not os.environ.get("DISPLAY"):
        raise BadInput(
            f'No display was found (DISPLAY is not set); expected one for mode="{mode}". '
            'Use mode="headless", or start under Xvfb: xvfb-run -a <command>'
        )


def _imagej_version() -> str:
    """Return "1.54p" of the running ImageJ."""
    import jpype

    return str(jpype.JClass("ij.ImageJ").VERSION)
