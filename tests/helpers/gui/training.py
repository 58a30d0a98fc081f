"""What a person does with a training's window, with jobs that wait for it, and with the Doctor; see
`helpers.gui.scenarios`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers.gui import driver as d
from helpers.gui.scenarios import (
    OF_STARDIST,
    SEGMENT,
    TRAINING,
    dismiss,
    message,
    more_settings,
    open_image,
    start_training,
    status,
)
from talanoa.training import loop, table

TRAIN, WINDOW = "Train Model", "Training of mine"
LIGHT = {
    "Epochs (empty: as the length says)": "20000",  # more than anybody waits for: the scenarios end it
    "Steps of an epoch": "2",
    "Start from model (empty: from scratch)": "tiny",
}
BLUE, ORANGE, YELLOW = (0, 114, 178), (213, 94, 0), (255, 221, 0)
STOP = "Stop now and keep the best"


def begin(hand: d.Hand, work: Path) -> Any:
    """Start a training from the menu and return its window once an epoch is complete."""
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    for label, text in {**TRAINING, **LIGHT}.items():
        d.field(form, label).setText(text.format(work=work.as_posix()))
    hand.type_into(d.field(form, "Name of the new model"), "mine")
    more_settings(hand, form, OF_STARDIST)
    start_training(hand)
    return opened()


def opened() -> Any:
    """Wait for the training's window with an epoch in it."""
    window = d.wait_until(lambda: d.titled(WINDOW), "the training's window is open")
    d.wait_until(lambda: any("epochs done" in text for text in texts(window)), "an epoch is shown")
    return window


def texts(window: Any) -> list[str]:
    """Return the texts of a window's labels."""
    return [str(label.getText()) for label in d.parts(window, "javax.swing.JLabel")]


def rows(work: Path, folder: str = "mine.training") -> int:
    """Return how many epochs are complete."""
    path = work / "home" / "models" / folder / loop.LOSSES
    return len(table.read_losses(path)) if path.is_file() else 0


def goes_on(work: Path) -> int:
    """Wait for two more epochs; return how many there are."""
    before = rows(work)
    d.wait_until(lambda: rows(work) >= before + 2, "the training goes on")
    return rows(work)


def colours(window: Any) -> dict[str, int]:
    """Count the pixels of a window that have the colours of curves and outlines."""
    picture = d.picture(window)
    wanted = {"training": BLUE, "validation": ORANGE, "outlines": YELLOW}
    return {
        name: int((np.abs(picture.astype(int) - colour).max(axis=-1) <= 6).sum()) for name, colour in wanted.items()
    }


def close(window: Any) -> None:
    """Close a window as its frame does."""
    event = d.java("java.awt.event.WindowEvent")
    d.java("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(event(window, event.WINDOW_CLOSING))
    d.wait_until(lambda: not window.isVisible(), "the window is closed")


def stop_and_keep(work: Path) -> dict[str, Any]:
    """Watch a training, then stop it and keep the best."""
    hand = d.Hand()
    window = begin(hand, work)
    d.wait_until(lambda: min(colours(window).values()) > 20, "curves and outlines are drawn")
    seen: dict[str, Any] = {"texts": texts(window), "colours": colours(window)}
    hand.click_on(d.button(window, STOP))
    seen["said"] = dismiss(hand)
    seen["after"] = texts(window)
    hand.click_on(d.button(window, "Close"))
    d.wait_until(lambda: not window.isShowing(), "the window is closed")
    seen["rows"] = rows(work, "mine")
    return seen


def cancel_and_resume(work: Path) -> dict[str, Any]:
    """Escape does not stop a training, Cancel does; it is resumed from the menu and ended early."""
    hand, seen = d.Hand(), {}
    window = begin(hand, work)
    hand.click_on(open_image(work / "discs.tif").getWindow().getCanvas())
    hand.press("VK_ESCAPE")
    goes_on(work)
    d.java("ij.WindowManager").getCurrentImage().close()
    hand.click_on(d.button(window, "Cancel"))
    seen["said"] = dismiss(hand)
    seen["window"] = window.isShowing()
    seen["kept"] = rows(work)
    seen["model"] = (work / "home" / "models" / "mine").exists()
    hand.choose(TRAIN)
    form = d.dialog(TRAIN)
    d.field(form, "Go on with an interrupted training of this name").setState(True)
    more_settings(hand, form, {})  # those of the last time are still there
    window = opened()
    d.wait_until(lambda: rows(work) > seen["kept"], "another epoch is done")
    hand.click_on(d.button(window, STOP))
    seen["said_again"] = dismiss(hand)
    seen["rows"] = rows(work, "mine")
    return seen


def close_and_reopen(work: Path) -> dict[str, Any]:
    """A training goes on without its window; the command shows it again; the end is announced without it, too."""
    hand, seen = d.Hand(), {}
    window = begin(hand, work)
    close(window)
    d.wait_until(lambda: "goes on" in status(), "it is said that the training goes on")
    goes_on(work)
    hand.choose(TRAIN)
    question = d.dialog(TRAIN)
    seen["question"] = d.text_of(question)
    hand.click_on(d.button(question, "No"))
    d.wait_until(lambda: not question.isShowing(), "the question is closed")
    seen["shown"] = window.isShowing()
    hand.click_on(d.button(window, STOP))
    close(window)
    seen["said"] = dismiss(hand)
    seen["left"] = [str(one.getTitle()) for one in d.windows() if hasattr(one, "getTitle")]
    return seen


def wait_in_line(work: Path) -> dict[str, Any]:
    """A job that waits for a training says so; Cancel takes it out of the line, and the training goes on."""
    hand, seen = d.Hand(), {}
    training = begin(hand, work)
    open_image(work / "discs.tif")
    hand.choose(SEGMENT)
    form = d.dialog(SEGMENT)
    d.field(form, "Model").select("tiny")
    hand.click_on(d.button(form, "OK"))
    window = d.wait_until(lambda: progress(SEGMENT), "the progress window is open")
    seen["waiting"] = d.wait_until(lambda: [t for t in texts(window) if t.startswith("Waiting")], "it waits")[0]
    hand.click_on(d.button(window, "Cancel"))
    d.wait_until(lambda: not window.isShowing(), "the waiting job is cancelled")
    goes_on(work)
    seen["labels"] = d.image("discs.tif labels") is not None
    hand.click_on(d.button(training, "Cancel"))
    dismiss(hand)
    d.java("ij.IJ").run(SEGMENT, "model=tiny")
    seen["next"] = d.image("discs.tif labels") is not None
    return seen


def progress(title: str) -> Any | None:
    """Return the progress window of a job."""
    window = d.titled(title)
    return window if window is not None and isinstance(window, d.java("javax.swing.JFrame")) else None


def doctor(work: Path) -> dict[str, Any]:
    """Read the Doctor's report, copy it, and ask for the log folder."""
    hand, seen = d.Hand(), {}
    hand.choose("Talanoa Doctor")
    window = d.dialog("Talanoa Doctor")
    seen["text"] = str(d.parts(window, "javax.swing.JTextArea")[0].getText())
    hand.click_on(d.button(window, "Copy report"))
    d.wait_until(lambda: any("clipboard" in text for text in texts(window)), "the report is copied")
    clipboard = d.java("java.awt.Toolkit").getDefaultToolkit().getSystemClipboard()
    seen["copied"] = str(clipboard.getData(d.java("java.awt.datatransfer.DataFlavor").stringFlavor))
    hand.click_on(d.button(window, "Open log folder"))
    seen["folder"] = d.wait_until(lambda: [t for t in texts(window) if t.startswith("The log is in")], "it is named")[0]
    hand.click_on(d.button(window, "Close"))
    d.wait_until(lambda: not window.isShowing(), "the window is closed")
    d.java("ij.IJ").run("Talanoa Doctor")
    seen["window_of_a_macro"] = d.titled("Talanoa Doctor") is not None
    seen["log"] = d.log()
    seen["message"] = message() is not None
    return seen


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    one.__name__: one for one in (stop_and_keep, cancel_and_resume, close_and_reopen, wait_in_line, doctor)
}
