"""The Jython bootstrap alone makes the menu, in a Java that knows nothing of Python."""

from __future__ import annotations

from typing import Any

import pytest

from talanoa.core import resources

pytestmark = pytest.mark.gui


def test_the_menu_has_every_script_and_starts_no_python(fiji: Any) -> None:
    scripts = (resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py")
    assert fiji.call("entries") == sorted(script.stem.replace("_", " ") for script in scripts)
    assert fiji.children() == []


def test_a_command_without_an_image_says_what_is_missing(fiji: Any) -> None:
    fiji.call("choose", "Segment Objects")
    fiji.wait("titled('Segment Objects')", "the dialog is open")
    fiji.call("press", "Segment Objects", "OK")
    assert "No image is open; expected one. Open an image" in fiji.refused("Segment Objects")
