"""Progress of a running request: status bar, a small window with the time left and Cancel, the place in the waiting line."""
from java.awt import BorderLayout, Dimension, Frame
from java.lang import System
from java.util.function import BooleanSupplier, Consumer
from javax.swing import BorderFactory, JButton, JFrame, JLabel, JPanel, JProgressBar, Timer

from ij import IJ
from ij.gui import GUI, YesNoCancelDialog

from talanoa_fiji import ui, ui_status

RUNNING = u"talanoa.training"  # the name of the window while its training runs: all Jython engines find it by that
QUIT = u"%s is not finished. Quitting ends it; its complete epochs are kept, and it can be resumed later. Quit?"
PATIENCE = 1000  # ms before a running job opens its window
TITLES = {
    u"segment": u"Segment Objects", u"restore": u"Restore Image", u"train": u"Train Model", u"evaluate": u"Evaluate Model",
    u"predict": u"Predict Fluorescence",
}  # fmt: skip
BASIS = 2.0  # seconds of work, and
BASIS_PART = 0.02  # the part of the job that must be done before the time left is told


def watch(task, request, window):
    """Return what shows the progress of a request, and let the request know it.

    task : str
        Name of the task.
    request : java.util.Map
        Gets "events", "cancelled" and what else the window of the task can do.
    window : bool
        False opens no window, as in a macro; a training has one all the same, which closes at its end.
    """
    if task == u"train" and ui.has_window() and not request.get("dry_run"):
        from talanoa_fiji import ui_training  # loaded for trainings only: Jython compiles it at the first time

        made = ui_training.TrainingWatch(request, stay=window)
    else:
        made = Watch(task, window)
    made.attach(request)
    return made


def may_begin(job):
    """Return True when a job may begin; where a training runs, its window is shown and another one is asked for.

    job : str
        Name of the task or of its command.
    """
    if job not in (u"train", TITLES[u"train"]) or not ui.has_window():
        return True
    from talanoa_fiji import ui_training

    return ui_training.offer(TITLES[u"train"])


def may_quit():
    """Return True when no training runs; else ask in a while whether ImageJ shall quit all the same, and quit then."""
    running = [frame for frame in Frame.getFrames() if frame.getName() == RUNNING] if ui.has_window() else []
    if running:
        ui.later(lambda: _ask_to_quit(running[0]))
    return not running


def _ask_to_quit(window):
    """Ask whether ImageJ shall quit while a training runs; event dispatch thread."""
    dialog = YesNoCancelDialog(IJ.getInstance(), u"Quit", QUIT % window.getTitle(), u"Quit", u"Do not quit")
    if dialog.yesPressed():
        IJ.getInstance().quit()


class Watch(Consumer, BooleanSupplier):
    """Shows the progress of one running request and knows whether the user wants it to stop.

    The Python side calls `accept` with events (java.util.Map with "kind") and asks `getAsBoolean`.
    """

    def __init__(self, task, window):
        self.stopped, self.closed, self.window, self.timer = False, False, None, None
        self.title, self.left = TITLES.get(task, u"Talanoa"), TimeLeft()
        if window and ui.has_window() and task in TITLES:
            self.timer = Timer(PATIENCE, ui.Do(self.open))
            self.timer.setRepeats(False)
            self.timer.start()

    def attach(self, request):
        """Let a request know where its events go and who may stop it."""
        request.put("events", self)
        request.put("cancelled", self)

    def accept(self, event):
        """Show an event of the request."""
        if event["kind"] == u"progress":
            self.progress(event["done"], event["total"], event["text"])
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
        ui_status.show(self.title + u": stopping")

    def waiting(self, ahead):
        """Show how many jobs come before this one."""
        text = u"Waiting: %d %s before this one" % (ahead, u"job" if ahead == 1 else u"jobs")
        ui_status.show(u"%s: %s" % (self.title, text))
        self.show(lambda window: window.show_waiting(text))

    def progress(self, done, total, text):
        """Show how far the request is."""
        part = min(float(done) / total, 1.0) if total else 0.0
        left = self.left.after(part)
        ui_status.show(u"%s: %s" % (self.title, text))
        IJ.showProgress(min(part, 0.999))
        self.show(lambda window: window.show_state(part, text, as_time(left)))

    def show(self, work):
        """Do something with the window, if it is open by then; event dispatch thread."""
        ui.later(lambda: self.window is not None and work(self.window))

    def open(self):
        """Open the window, unless the request has ended; event dispatch thread."""
        if not self.closed:
            self.window = ProgressWindow(self.title, self.stop)

    def close(self, reply):
        """The request has ended.

        reply : java.util.Map or None
            None when it ended in an exception.
        """
        self.closed = True
        IJ.showProgress(1.0)
        if self.timer is not None:
            ui.on_events(lambda: self.close_window(reply))

    def close_window(self, reply):
        """Close the window; event dispatch thread."""
        self.timer.stop()
        if self.window is not None:
            self.window.dispose()
            self.window = None


class TimeLeft(object):
    """Judges the time that a job still needs by what it has done."""

    def __init__(self, now=None):
        self.now = now or (lambda: System.nanoTime() / 1e9)
        self.start, self.first, self.last = None, 0.0, 0.0

    def after(self, part):
        """Return the seconds left, or None while there is no basis; a part smaller than the last one starts anew.

        part : float
            What is done, 0 to 1.
        """
        now = self.now()
        if self.start is None or part < self.last:
            self.start, self.first = now, part
        self.last = part
        gone, moved = now - self.start, part - self.first
        if gone < BASIS or moved < BASIS_PART:
            return None
        return gone / moved * (1.0 - part)


def as_time(seconds):
    """Return "about 12 s left", "about 4 min left", "about 2 h 10 min left"; an empty text for None."""
    if seconds is None:
        return u""
    seconds = max(1, int(round(seconds)))
    if seconds < 20:
        return u"about %d s left" % seconds
    if seconds < 58:
        return u"about %d s left" % (5 * int(round(seconds / 5.0)))
    minutes = int(round(seconds / 60.0))
    if minutes < 60:
        return u"about %d min left" % minutes
    hours, minutes = divmod(10 * int(round(seconds / 600.0)), 60)
    return u"about %d h left" % hours if hours > 9 or not minutes else u"about %d h %d min left" % (hours, minutes)


class ProgressWindow(JFrame):
    """A small window with what is being done, how far it is, how long it will take, and Cancel."""

    def __init__(self, title, stop):
        JFrame.__init__(self, title)
        self.stop = stop
        self.text, self.left, self.bar = JLabel(u"Starting"), JLabel(u" "), JProgressBar(0, 1000)
        self.button = JButton(u"Cancel")
        self.button.addActionListener(ui.Do(self._cancel))
        panel = JPanel(BorderLayout(8, 8))
        panel.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        panel.add(self.text, BorderLayout.NORTH)
        panel.add(self.bar, BorderLayout.CENTER)
        panel.add(self.button, BorderLayout.EAST)
        panel.add(self.left, BorderLayout.SOUTH)
        self.setContentPane(panel)
        self.addWindowListener(ui.Closing(self._cancel))
        self.setMinimumSize(Dimension(440, 120))
        self.setFocusableWindowState(False)  # the image keeps the keyboard, and with it Escape
        self.pack()
        GUI.centerOnImageJScreen(self)
        self.setVisible(True)

    def show_state(self, part, text, left):
        """Show how far the job is; event dispatch thread."""
        self.bar.setIndeterminate(False)
        self.bar.setValue(int(1000 * part))
        if self.button.isEnabled():
            self.text.setText(text)
            self.left.setText(left or u" ")

    def show_waiting(self, text):
        """Show that other jobs come first; event dispatch thread."""
        if self.button.isEnabled():
            self.bar.setIndeterminate(True)
            self.text.setText(text)

    def _cancel(self):
        self.button.setEnabled(False)
        self.text.setText(u"Stopping ...")
        self.left.setText(u" ")
        self.stop()
