"""What every window of Talanoa needs: the event dispatch thread, messages, listeners.

The windows themselves: `ui_progress`, `ui_before`, `ui_training` (with `ui_curve`), `ui_doctor`.
"""
from java.awt import EventQueue, GraphicsEnvironment
from java.awt.event import ActionListener, WindowAdapter
from java.lang import Runnable

from ij import IJ


def has_window():
    """Return True when ImageJ has its main window, so that others may be opened."""
    return IJ.getInstance() is not None and not GraphicsEnvironment.isHeadless()


def on_events(work):
    """Do something with windows on the event dispatch thread, and return when it is done.

    NB: a modal dialog that opens in one thread while a window closes in another can no longer be closed (X11).
    """
    if EventQueue.isDispatchThread():
        work()
    else:
        EventQueue.invokeAndWait(Do(work))


def later(work):
    """Do something with windows on the event dispatch thread, soon and in the order of the calls."""
    EventQueue.invokeLater(Do(work))


def message(title, text):
    """Show a text to the user: a dialog, or the log where there is no window."""
    if has_window():
        on_events(lambda: IJ.showMessage(title, u"\n".join(wrapped(text))))
    else:
        IJ.log(u"%s: %s" % (title, text))


def wrapped(text, width=80):
    """Break long lines for a dialog; return the lines."""
    lines = []
    for part in unicode(text).split(u"\n"):
        line = u""
        for word in part.split(u" "):
            if line and len(line) + len(word) >= width:
                lines.append(line)
                line = word
            else:
                line = (line + u" " + word) if line else word
        lines.append(line)
    return lines


class Do(Runnable, ActionListener):
    """A Python function as a Java Runnable and ActionListener."""

    def __init__(self, function):
        self.function = function

    def run(self):
        self.function()

    def actionPerformed(self, event):
        self.function()


class Closing(WindowAdapter):
    """Calls a function when the user closes a window."""

    def __init__(self, function):
        self.function = function

    def windowClosing(self, event):
        self.function()
