"""ImageJ folders with Talanoa installed, started as users start them: menu, dialogs, Recorder, macros, no window."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import tiny
from helpers.screen import display
from talanoa.fiji.setup import embedded, install
from talanoa.fiji.setup.java import choose_java

SECONDS = 150  # a first job imports PyTorch, on a busy machine
JYTHON = Path(__file__).resolve().parents[1] / "helpers" / "worker" / "jython"
START = 'done = call("org.python.core.imp.load", "talanoa_start");'
PRESS_OK, LOOK = (f'done = call("org.python.core.imp.load", "{module}");' for module in ("press_ok", "look"))

Macro = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an ImageJ folder with Talanoa installed, in a path with a blank and an umlaut."""
    root = tmp_path_factory.mktemp("Geräte und Bilder") / "ImageJ ü"
    (root / "plugins").mkdir(parents=True)
    (jar,) = (jar for jar in embedded.class_path() if jar.name.startswith("ij-1"))
    shutil.copy(jar, root / "ij.jar")
    install.install(root)
    return root


@pytest.fixture(scope="module")
def without_appose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with jars as Fiji's, but without Appose and what it needs, with Talanoa installed."""
    root = tmp_path_factory.mktemp("Fiji und mehr") / "Fiji ü"
    (root / "jars").mkdir(parents=True)
    (root / "macros").mkdir()
    for jar in embedded.class_path():
        if not jar.name.startswith(("appose", "jna-", "groovy")):
            shutil.copy(jar, root / "jars")
    install.install(root)
    return root


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a folder with an image and, in home/models, the tiny model."""
    tifffile.imwrite(tmp_path / "discs.tif", tiny.discs(100)[0])
    shutil.copytree(tiny.MODEL, tmp_path / "home" / "models" / "tiny")
    return tmp_path


@pytest.fixture
def macro(folder: Path, work: Path) -> Iterator[Macro]:
    """Return a function that runs a macro in an ImageJ of its own and returns what it printed."""
    with ExitStack() as stack:

        def run(
            text: str, window: bool = True, how: str = "-batch", root: Path = folder, options: Sequence[str] = ()
        ) -> str:
            for program in ("Xvfb", "openbox") if window else ():
                if shutil.which(program) is None:
                    pytest.skip(f"{program} is not installed")
            env = {**os.environ, "TALANOA_HOME": str(work / "home")}
            env.pop("DISPLAY", None)
            env.pop("PYTHONPATH", None)
            if window:
                env["DISPLAY"] = stack.enter_context(display())
            (work / "macro.ijm").write_text(text, encoding="utf-8")
            command = [*java(root, work, window, options), how, str(work / "macro.ijm")]
            output = work / "output.txt"
            with (
                output.open("wb") as stream,
                subprocess.Popen(command, stdout=stream, stderr=stream, env=env) as process,
            ):
                stack.callback(process.kill)
                process.wait(SECONDS)
            (work / "code").write_text(str(process.returncode), encoding="utf-8")
            return output.read_text(encoding="utf-8", errors="replace")

        yield run


def java(folder: Path, work: Path, window: bool, more: Sequence[str]) -> Sequence[str]:
    """Return the command line that starts the ImageJ of a folder."""
    home = work / "preferences"
    home.mkdir(exist_ok=True)
    options = [f"-Duser.home={home}", f"-Djava.util.prefs.userRoot={home}", "-XX:TieredStopAtLevel=1", *more]
    options += [f"-Dpython.path={JYTHON}", f"-Dtalanoa.look={work / 'seen.json'}", "-Dtalanoa.dialog=Segment Objects"]
    if not window:
        options += ["-Djava.awt.headless=true", f"-Dplugins.dir={folder}"]
    program = choose_java(window=window).home / "bin" / "java"
    jars = f"{folder / 'jars'}{os.sep}*" if (folder / "jars").is_dir() else str(folder / "ij.jar")
    return [str(program), *options, "-cp", jars, "ij.ImageJ", "-port0", "-ijpath", str(folder)]


def seen(work: Path) -> dict[str, Any]:
    """Return what `look` has written."""
    return json.loads((work / "seen.json").read_text(encoding="utf-8"))


def expected(work: Path) -> np.ndarray:
    """Return what Python alone makes of the image."""
    result = talanoa.segment(work / "discs.tif", str(work / "home" / "models" / "tiny"), prob_thresh=0.4, device="cpu")
    return np.squeeze(result.labels.values)


def commands(root: Path) -> list[str]:
    """Return the commands that there should be."""
    return sorted(file.stem.replace("_", " ") for file in (root / "fiji_scripts/Plugins/Talanoa").glob("*.py"))


@pytest.mark.gui
def test_the_menu_is_there_and_a_first_click_opens_the_dialog_records_and_segments(
    macro: Macro, work: Path, root: Path
) -> None:
    macro(
        f"""
        open("{work / "discs.tif"}");
        run("Record...");
        doCommand("Segment Objects");
        while (call("java.lang.System.getProperty", "talanoa.options", "none") == "none") wait(50);
        {PRESS_OK}
        while (nImages < 2) wait(50);
        {LOOK}
        run("Close All");
        run("Quit");
        """,
        how="-macro",
    )
    assert seen(work)["menus"] == [commands(root)]
    recorded = [line for line in seen(work)["recorded"].splitlines() if "Segment Objects" in line]
    assert len(recorded) == 1 and recorded[0].startswith('run("Segment Objects", "model=')


@pytest.mark.gui
def test_a_macro_that_begins_with_a_command_gets_the_labels_of_python(macro: Macro, work: Path) -> None:
    said = macro(segment(work))
    assert "done" in said.splitlines(), said
    assert np.array_equal(tifffile.imread(work / "labels.tif"), expected(work))


@pytest.mark.parametrize("encoding", ["UTF-8", "windows-1252"])
def test_a_macro_without_a_window_gets_the_labels_of_python(macro: Macro, work: Path, encoding: str) -> None:
    """The second encoding is the one of many a Windows: names of folders must not depend on it."""
    said = macro(START + segment(work), window=False, options=[f"-Dfile.encoding={encoding}"])
    assert "done" in said.splitlines(), said
    assert np.array_equal(tifffile.imread(work / "labels.tif"), expected(work))


def segment(work: Path) -> str:
    """Return a macro that segments the image, with a key of the StarDist plugin, and saves the labels."""
    return f"""
        open("{work / "discs.tif"}");
        run("Segment Objects", "model=tiny probThresh=0.4 rois=none device=cpu");
        saveAs("Tiff", "{work / "labels.tif"}");
        print("done");
        """


@pytest.mark.gui
def test_an_error_of_the_first_command_ends_the_macro(macro: Macro, work: Path) -> None:
    said = macro('print("begun"); run("Segment Objects", "model=tiny"); print("went on");')
    assert "begun" in said and "No image is open; expected one" in said and "went on" not in said
    assert (work / "code").read_text(encoding="utf-8") == "1"


def test_a_fiji_without_appose_is_started_by_its_start_up_macro_and_uses_the_jars_brought_along(
    macro: Macro, work: Path, without_appose: Path
) -> None:
    start = 'runMacro(call("java.lang.System.getProperty", "plugins.dir") + "/macros/AutoRun/Start_Talanoa.ijm");'
    said = macro(start + segment(work), window=False, root=without_appose)
    assert "done" in said.splitlines(), said
    assert np.array_equal(tifffile.imread(work / "labels.tif"), expected(work))
