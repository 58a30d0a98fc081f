"""The few windows of Talanoa besides its dialogs."""
from java.awt import BorderLayout, Dimension, EventQueue, GraphicsEnvironment
from java.awt.event import ActionListener, WindowAdapter
from java.lang import Runnable
from java.util.function import BooleanSupplier, Consumer
from javax.swing import BorderFactory, JButton, JFrame, JLabel, JPanel, JProgressBar, Timer

from ij import IJ, WindowManager
from ij.gui import GUI
from ij.text import TextWindow

PATIENCE = 1000  # ms before a running job opens its window
TITLES = {"segment": u"Segment Objects", "train": u"Train StarDist"}


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
        EventQueue.invokeAndWait(_Do(work))


def message(title, text):
    """Show a text to the user: a dialog, or the log where there is no window."""
    if has_window():
        on_events(lambda: IJ.showMessage(title, u"\n".join(_wrapped(text))))
    else:
        IJ.log(u"%s: %s" % (title, text))


def page(title, text):
    """Show a text of several lines in a window of its own that can be copied from; else in the log."""
    if has_window():
        TextWindow(title, text, 760, 420)
    else:
        IJ.log(text)


def _wrapped(text, width=80):
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


class Watch(Consumer, BooleanSupplier):
    """Shows the progress of one running request and knows whether the user wants it to stop.

    The Python side calls `accept` with events (java.util.Map with "kind") and asks `getAsBoolean`.
    """

    def __init__(self, task, window):
        self.stopped, self.closed, self.window, self.timer = False, False, None, None
        self.title = TITLES.get(task, u"Talanoa")
        if window and has_window() and task in TITLES:
            self.timer = Timer(PATIENCE, _Do(self._open))
            self.timer.setRepeats(False)
            self.timer.start()

    def accept(self, event):
        """Show an event of the request."""
        if event["kind"] == u"progress":
            self._progress(event["done"], event["total"], event["text"])
        elif event["kind"] == u"warning":
            IJ.log(u"%s: %s" % (self.title, event["text"]))

    def getAsBoolean(self):
        """Return True once the user has asked to stop, by Escape or by the button."""
        if not self.stopped and IJ.escapePressed():
            self.stop()
        return self.stopped

    def stop(self):
        """Ask the request to stop."""
        self.stopped = True
        IJ.showStatus(self.title + u": stopping")

    def close(self):
        """The request has ended."""
        self.closed = True
        IJ.showProgress(1.0)
        if self.timer is not None:
            on_events(self._close)

    def _progress(self, done, total, text):
        part = done / total if total else 0.0
        IJ.showStatus(u"%s: %s" % (self.title, text))
        IJ.showProgress(min(part, 0.999))
        if self.window is not None:
            EventQueue.invokeLater(_Do(lambda: self.window is not None and self.window.show_state(part, text)))

    def _open(self):
        if not self.closed:
            self.window = ProgressWindow(self.title, self.stop)

    def _close(self):
        self.timer.stop()
        if self.window is not None:
            self.window.dispose()
            self.window = None


class ProgressWindow(JFrame):
    """A small window with what is being done, how far it is, and Cancel."""

    def __init__(self, title, stop):
        JFrame.__init__(self, title)
        self.stop = stop
        self.text, self.bar, self.button = JLabel(u"Starting"), JProgressBar(0, 1000), JButton(u"Cancel")
        self.button.addActionListener(_Do(self._cancel))
        panel = JPanel(BorderLayout(8, 8))
        panel.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        panel.add(self.text, BorderLayout.NORTH)
        panel.add(self.bar, BorderLayout.CENTER)
        panel.add(self.button, BorderLayout.EAST)
        self.setContentPane(panel)
        self.addWindowListener(_Closing(self._cancel))
        self.setMinimumSize(Dimension(440, 100))
        self.setFocusableWindowState(False)  # the image keeps the keyboard, and with it Escape
        self.pack()
        GUI.centerOnImageJScreen(self)
        self.setVisible(True)

    def show_state(self, part, text):
        """Show how far the job is; event dispatch thread."""
        self.bar.setValue(int(1000 * part))
        if not self.button.isEnabled():
            return
        self.text.setText(text)

    def _cancel(self):
        self.button.setEnabled(False)
        self.text.setText(u"Stopping ...")
        self.stop()


class _Do(Runnable, ActionListener):
    """A Python function as a Java Runnable and ActionListener."""

    def __init__(self, function):
        self.function = function

    def run(self):
        self.function()

    def actionPerformed(self, event):
        self.function()


class _Closing(WindowAdapter):
    """Calls a function when the user closes a window."""

    def __init__(self, function):
        self.function = function

    def windowClosing(self, event):
        self.function()
