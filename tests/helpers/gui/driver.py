"""Drives a real ImageJ window as a person does: mouse and keys by java.awt.Robot. For scenarios, one process each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jpype
import numpy as np

from talanoa.fiji import menu
from talanoa.fiji.setup import runtime

# seconds; a step that takes longer has failed (a first job imports PyTorch, on a busy machine)
PATIENCE = float(os.environ.get("TALANOA_TEST_PATIENCE", "240"))
MENUS_LEFT_OF_FILE = 3  # the menu bar goes round: Help, Window, Plugins


def start(work: Path) -> runtime.Runtime:
    """Open ImageJ's window with the Talanoa menu; options of the JVM come from TALANOA_TEST_JAVA."""
    options = os.environ.get("TALANOA_TEST_JAVA", "").split()
    started = runtime.start(os.environ.get("TALANOA_FIJI"), "gui", prefs=work / "preferences", java_options=options)
    started.show()
    menu.install(started)
    return started


def java(name: str) -> Any:
    """Return a Java class."""
    return jpype.JClass(name)


class Hand:
    """A mouse and a keyboard."""

    def __init__(self) -> None:
        self.robot = java("java.awt.Robot")()
        self.robot.setAutoDelay(40)
        self.keys = java("java.awt.event.KeyEvent")
        self.button = java("java.awt.event.InputEvent").BUTTON1_DOWN_MASK

    def click(self, x: int, y: int) -> None:
        """Click at a place of the screen."""
        self.robot.mouseMove(x, y)
        self.robot.mousePress(self.button)
        self.robot.mouseRelease(self.button)
        self.robot.waitForIdle()

    def click_on(self, component: Any) -> None:
        """Click into the middle of a component."""
        place, size = component.getLocationOnScreen(), component.getSize()
        self.click(place.x + size.width // 2, place.y + size.height // 2)

    def press(self, *names: str) -> None:
        """Press keys by name (VK_DOWN, ...), one after the other."""
        for name in names:
            self.robot.keyPress(getattr(self.keys, name))
            self.robot.keyRelease(getattr(self.keys, name))
            self.robot.waitForIdle()

    def type_into(self, field: Any, text: str) -> None:
        """Click into a text field, remove what is there and type (small letters, digits, common signs)."""
        self.click_on(field)
        wait_until(field.isFocusOwner, "the field has the keyboard")
        self.robot.keyPress(self.keys.VK_CONTROL)
        self.press("VK_A")
        self.robot.keyRelease(self.keys.VK_CONTROL)
        self.press("VK_DELETE", *(SIGNS.get(sign, f"VK_{sign.upper()}") for sign in text))
        wait_until(lambda: str(field.getText()) == text, f"{text} is typed")

    def open_menu(self) -> None:
        """Open Plugins > Talanoa: a click into the menu bar, then arrow keys."""
        window = java("ij.IJ").getInstance()
        window.toFront()
        self.robot.waitForIdle()
        place, border = window.getLocationOnScreen(), window.getInsets()
        self.click(place.x + border.left + 12, place.y + border.top - 8)
        self.press(*["VK_LEFT"] * MENUS_LEFT_OF_FILE, "VK_UP", "VK_RIGHT")

    def choose(self, command: str) -> None:
        """Choose an entry of Plugins > Talanoa."""
        self.open_menu()
        self.press(*["VK_DOWN"] * entries().index(command), "VK_ENTER")


SIGNS = {".": "VK_PERIOD", ",": "VK_COMMA", "-": "VK_MINUS", "/": "VK_SLASH", " ": "VK_SPACE"}


def entries() -> list[str]:
    """Return the entries of Plugins > Talanoa, as they stand in the menu bar."""
    plugins = java("ij.Menus").getImageJMenu("Plugins")
    last = plugins.getItem(plugins.getItemCount() - 1)
    assert str(last.getLabel()) == "Talanoa"
    return [str(last.getItem(index).getLabel()) for index in range(last.getItemCount())]


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of `condition`; after PATIENCE seconds it is an error."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(
        f"waited {PATIENCE:g} s in vain until {what}; windows: {[str(w) for w in windows()]}; log: {log()}"
    )


def windows() -> list[Any]:
    """Return the windows that are open."""
    return [window for window in java("java.awt.Window").getWindows() if window.isShowing()]


def titled(title: str) -> Any | None:
    """Return the open window with this title."""
    for window in windows():
        if hasattr(window, "getTitle") and str(window.getTitle()) == title:
            return window
    return None


def dialog(title: str) -> Any:
    """Wait for a dialog and return it once it can be used."""
    found = wait_until(lambda: titled(title), f"the window {title} is open")
    java("java.awt.Robot")().waitForIdle()
    return found


def parts(container: Any, kind: str) -> list[Any]:
    """Return all components of a class inside a window, in their order."""
    found = []
    for part in container.getComponents():
        if isinstance(part, java(kind)):
            found.append(part)
        if isinstance(part, java("java.awt.Container")):
            found.extend(parts(part, kind))
    return found


def button(window: Any, label: str) -> Any:
    """Return a button (AWT or Swing) by its label."""
    both = parts(window, "java.awt.Button") + parts(window, "javax.swing.JButton")
    named = [one for one in both if str(one.getLabel() if hasattr(one, "getLabel") else one.getText()).strip() == label]
    assert named, f"no button {label}"
    return named[0]


def field(window: Any, label: str) -> Any:
    """Return the field (text, choice or box) that stands behind a label of a GenericDialog."""
    for box in parts(window, "java.awt.Checkbox"):
        if str(box.getLabel()).strip() == label:
            return box
    pieces = parts(window, "java.awt.Component")
    for position, piece in enumerate(pieces):
        if isinstance(piece, java("java.awt.Label")) and str(piece.getText()).strip().rstrip(":") == label:
            return next(p for p in pieces[position + 1 :] if is_field(p))
    raise AssertionError(f"no field {label}; labels: {[str(p.getText()) for p in parts(window, 'java.awt.Label')]}")


def is_field(piece: Any) -> bool:
    """Return True for what can be filled."""
    return isinstance(piece, (java("java.awt.TextField"), java("java.awt.Choice")))


def text_of(window: Any) -> str:
    """Return the text of a message dialog."""
    lines_of = java("ij.gui.MultiLineLabel").class_.getDeclaredField("lines")
    lines_of.setAccessible(True)
    lines = [str(line) for label in parts(window, "ij.gui.MultiLineLabel") for line in lines_of.get(label)]
    return " ".join(" ".join(lines).split())


def log() -> str:
    """Return the text of the Log window."""
    return str(java("ij.IJ").getLog() or "")


def image(title: str) -> Any | None:
    """Return the open image with this title."""
    return java("ij.WindowManager").getImage(title)


def manager() -> Any:
    """Return the ROI Manager, opened if need be."""
    return java("ij.plugin.frame.RoiManager").getRoiManager()


def results() -> Any:
    """Return ImageJ's results table."""
    return java("ij.measure.ResultsTable").getResultsTable()


def table(title: str) -> Any:
    """Return the table in a window of its own."""
    return wait_until(lambda: java("ij.measure.ResultsTable").getResultsTable(title), f"the table {title} is open")


def picture(window: Any) -> np.ndarray:
    """Return what a window shows on the screen, (y, x, 3) of uint8."""
    robot = java("java.awt.Robot")()
    robot.waitForIdle()
    taken = robot.createScreenCapture(window.getBounds())
    width, height = taken.getWidth(), taken.getHeight()
    packed = np.array(taken.getRGB(0, 0, width, height, None, 0, width)).astype(np.uint32).reshape(height, width)
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)


def shot(path: Path, window: Any | None = None, size: tuple[int, int] | None = None) -> None:
    """Save a picture of the screen, of one window, or of `size` (width, height) from a window's corner."""
    robot = java("java.awt.Robot")()
    robot.waitForIdle()
    screen = java("java.awt.Rectangle")(java("java.awt.Toolkit").getDefaultToolkit().getScreenSize())
    area = window.getBounds() if window is not None else screen
    if size is not None:
        area = java("java.awt.Rectangle")(area.x, area.y, *size).intersection(screen)
    java("javax.imageio.ImageIO").write(robot.createScreenCapture(area), "png", java("java.io.File")(str(path)))
