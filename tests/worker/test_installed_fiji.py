"""A copy of the Fiji that TALANOA_FIJI names, with Talanoa installed, in a Java that knows nothing of Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import talanoa
from helpers.worker.fiji import FijiProcess
from helpers.worker.looks import labels_of, same_labels
from talanoa.core import resources
from talanoa.fiji.setup import install, install_check
from worker.conftest import running

pytestmark = [pytest.mark.fiji, pytest.mark.gui]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the copy."""
    copy = tmp_path_factory.mktemp("installed") / "Fiji für µ"
    shutil.copytree(os.environ["TALANOA_FIJI"], copy, symlinks=True)
    install.install(copy)
    return copy


@pytest.fixture(scope="module")
def fiji(folder: Path, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FijiProcess]:
    """Return it started; its start-up macro has started Talanoa."""
    with running(tmp_path_factory.mktemp("work"), kit, folder=folder) as process:
        process.wait("System.getProperty('talanoa.options') is not None", "the start-up macro has run")
        yield process


def test_the_installation_is_in_order(folder: Path) -> None:
    assert install_check.in_order(install_check.check(folder))


def test_the_menu_has_every_script(fiji: FijiProcess) -> None:
    scripts = (resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py")
    assert fiji.call("entries") == sorted(script.stem.replace("_", " ") for script in scripts)


def test_a_macro_with_a_key_of_the_stardist_plugin_gets_the_labels_of_python(fiji: FijiProcess, kit: Path) -> None:
    model = str(kit / "home" / "models" / "tiny")
    wanted = talanoa.segment(kit / "discs.tif", model, prob_thresh=0.4, device="cpu")
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.call("macro", 'run("Segment Objects", "model=tiny device=cpu rois=none probThresh=0.4");')
    assert same_labels(labels_of(fiji), wanted)
