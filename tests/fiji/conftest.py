"""One headless ImageJ for all tests of this folder: the embedded one, or the Fiji that TALANOA_FIJI names.

A process holds one Java virtual machine, so the runtime is chosen per run of pytest, and both kinds run the same tests.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from talanoa.fiji.setup.runtime import Runtime, start

FIJI = os.environ.get("TALANOA_FIJI")


def pytest_report_header() -> str:
    return f"ImageJ under test: {FIJI or 'embedded (set TALANOA_FIJI to a Fiji folder to test that one instead)'}"


@pytest.fixture(scope="session")
def imagej(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return the ImageJ under test, with preferences of its own."""
    return start(FIJI, prefs=tmp_path_factory.mktemp("imagej-preferences"), java_options=("-Xmx3g",))


@pytest.fixture(scope="session")
def ij(imagej: Runtime) -> Any:
    """Return the class `ij.IJ` of the running ImageJ."""
    import jpype

    return jpype.JClass("ij.IJ")
