"""An ImageJ in a Java process of its own, which knows nothing of this Python, driven from outside."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psutil

from helpers.screen import display
from talanoa.fiji.setup import embedded
from talanoa.fiji.setup.java import choose_java

JYTHON = Path(__file__).resolve().parent / "jython"
PATIENCE = 240.0  # seconds; a step that takes longer has failed (a first job imports PyTorch, on a busy machine)
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # Jython starts in half the time
WORKER = "talanoa.fiji.worker"


class Failed(AssertionError):
    """What was asked of ImageJ raised there; the text has the traceback."""


class FijiProcess:
    """A Java process with ImageJ's window (or none), the Talanoa menu and a remote control.

    Parameters
    ----------
    work : Path
        A folder of its own: preferences, temporary files, log, and the user folder `home`.
    scripts : Path, optional
        The folder fiji_scripts that the bootstrap makes a menu of.
    folder : Path, optional
        An ImageJ or Fiji folder with the menu installed, instead of `scripts`.
    python : str, optional
        The Python of the worker, instead of the installed one.
    headless : bool
        True starts it without a display.
    options : sequence of str
        Further options of Java.
    wrap : sequence of str
        A command that runs Java, for instance in a namespace of its own.
    """

    def __init__(
        self,
        work: Path,
        *,
        scripts: Path | None = None,
        folder: Path | None = None,
        python: str | None = None,
        headless: bool = False,
        options: Sequence[str] = QUICK,
        wrap: Sequence[str] = (),
    ) -> None:
        self.work, self.home, self.temporary = work, work / "home", work / "tmp"
        self._scripts, self._folder, self._headless = scripts, folder, headless
        self._options = [*options, *([f"-Dtalanoa.python={python}"] if python else [])]
        self._wrap = list(wrap)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for place in (self.home, self.temporary, self.work / "preferences"):
            place.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "TALANOA_HOME": str(self.home), "TMPDIR": str(self.temporary)}
        environment.setdefault("LC_ALL", "C.UTF-8")  # names of files have any letters, as on a user's desktop
        environment.pop("DISPLAY", None)
        if not self._headless:
            environment["DISPLAY"] = self._stack.enter_context(display())
        ready: Future[Any] = Future()
        self._waiting[0] = ready
        self._errors = self._stack.enter_context((self.work / "java.log").open("ab"))
        self.process = subprocess.Popen(
            [*self._wrap, *self._command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            encoding="utf-8",
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            ready.result(PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """End Java, hard if it does not go, and the worker processes that it may have left."""
        left = self.children()
        if self.process.stdin is not None and self.process.poll() is None:
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in left:
            if child.is_running():
                child.kill()
        self._stack.close()

    def _command(self) -> list[str]:
        """Return the command line of Java."""
        java = choose_java(window=not self._headless).home / "bin" / "java"
        preferences = self.work / "preferences"
        options = [
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            f"-Duser.home={preferences}",
            f"-Djava.util.prefs.userRoot={preferences}",
            f"-Djava.io.tmpdir={self.temporary}",
            "-Dpython.cachedir.skip=true",
            f"-Djava.awt.headless={str(self._headless).lower()}",
            *self._options,
        ]
        if self._folder is None:
            jars = [str(jar) for jar in embedded.class_path()]
        else:
            jars = class_path(self._folder)
            options += [f"-Dplugins.dir={self._folder}", f"-Dimagej.dir={self._folder}", f"-Dij.dir={self._folder}"]
        main = ["org.python.util.jython", str(JYTHON / "remote.py")]
        given = [str(self._scripts)] if self._scripts else []
        return [str(java), *options, "-cp", os.pathsep.join(jars), *main, *given]

    def _listen(self) -> None:
        """Hand each answer to who waits for it; at the end of Java everybody is told."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"])
            if "error" in answer:
                waiting.set_exception(Failed(answer["error"]))
            else:
                waiting.set_result(answer.get("value"))
        for waiting in list(self._waiting.values()):
            waiting.set_exception(Failed(f"Java has ended; its log: {self.log()[-3000:]}"))

    def send(self, **asked: Any) -> Future[Any]:
        """Ask for something and go on; the result comes when it is done."""
        number = next(self._numbers)
        future: Future[Any] = Future()
        self._waiting[number] = future
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, **asked}) + "\n")
        self.process.stdin.flush()
        return future

    def call(self, function: str, *arguments: Any, seconds: float = PATIENCE) -> Any:
        """Call a function of `jython/hand.py` and return its value."""
        return self.send(call=function, args=list(arguments)).result(seconds)

    def run(self, code: str, seconds: float = PATIENCE) -> None:
        """Run Jython statements."""
        self.send(code=code).result(seconds)

    def value(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Return the value of a Jython expression; what JSON does not know becomes text."""
        return self.send(value=expression).result(seconds)

    def wait(self, expression: str, what: str, seconds: float = PATIENCE) -> Any:
        """Return the first true value of an expression; after `seconds` it is an error."""
        return until(lambda: self.value(expression), what, seconds, self.describe)

    def message(self, part: str = "", seconds: float = PATIENCE) -> str:
        """Wait for a message dialog, press its OK, and return its text."""
        text = str(self.wait("message()", f"a message is shown {part}", seconds))
        self.call("dismiss")
        self.wait("message() is None", "the message is closed")
        return text

    def refused(self, title: str) -> str:
        """Wait for the message of an error, press its OK, cancel the dialog that opens again, and return the text."""
        text = self.message()
        self.wait(f"titled({title!r}, 'GenericDialog')", "the dialog is open again")
        self.call("press", title, "Cancel", "GenericDialog")
        self.wait(f"titled({title!r}, 'GenericDialog') is None", "the dialog is closed")
        return text

    @property
    def pid(self) -> int:
        """The number of the Java process."""
        return int(self.process.pid)

    def java(self) -> psutil.Process:
        """Return the Java process itself, which a wrapping command may have started."""
        return psutil.Process(self.pid)

    def children(self) -> list[psutil.Process]:
        """Return the processes that this Java has started and that still run."""
        try:
            return [one for one in self.java().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Return the Python workers of this Java."""
        return [one for one in self.children() if WORKER in _words(one)]

    def worker(self) -> psutil.Process:
        """Wait for the one worker and return it."""
        found = until(self.workers, "a worker runs", PATIENCE, self.describe)
        assert len(found) == 1, found
        return found[0]

    def kill(self) -> None:
        """Kill Java as `kill -9` does, with no chance to clean up."""
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        """Return what Java and its programs have written to stderr."""
        return (self.work / "java.log").read_text(encoding="utf-8", errors="replace")

    def worker_log(self) -> str:
        """Return the log file of the worker."""
        file = self.home / "log" / "talanoa.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def describe(self) -> str:
        """Say what is to be seen, for a test that waited in vain."""
        try:
            seen = self.call("seen", seconds=20)
            windows = self.value("[(type(one).__name__, one.getTitle()) for one in windows()]", seconds=20)
            self.call("shot", str(self.work / "screen.png"), seconds=20)
        except (TimeoutError, Failed) as error:
            seen, windows = {"no answer": str(error)}, []
        logs = f"java: {self.log()[-2000:]}; worker: {self.worker_log()[-2000:]}"
        return f"screen: {self.work}/screen.png; windows: {windows}; seen: {seen}; {logs}"


def class_path(folder: Path) -> list[str]:
    """Return the jars of an ImageJ or Fiji folder."""
    places = [folder, *(place for place in (folder / "jars").rglob("*") if place.is_dir()), folder / "jars"]
    return [str(jar) for place in places for jar in sorted(place.glob("*.jar"))]


def until(condition: Any, what: str, seconds: float = PATIENCE, describe: Any = str) -> Any:
    """Return the first true value of `condition`; after `seconds` it is an error that says what was awaited."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain until {what}; {describe()}")


def _words(process: psutil.Process) -> list[str]:
    """Return the command line of a process, empty when it has gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
