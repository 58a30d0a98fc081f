"""The Doctor's window: its report as text, to read, to copy and to save."""
import codecs

from java.awt import BorderLayout, Desktop, Dimension, FlowLayout, Font, Insets, Toolkit
from java.awt.datatransfer import StringSelection
from java.io import File, IOException
from java.lang import Runtime, System, Thread, UnsupportedOperationException
from javax.swing import BorderFactory, JButton, JFrame, JLabel, JPanel, JScrollPane, JTextArea

from ij import IJ
from ij.gui import GUI
from ij.io import SaveDialog

from talanoa_fiji import ui

TITLE = u"Talanoa Doctor"
COPY, SAVE, FOLDER, CLOSE = u"Copy report", u"Save report ...", u"Open log folder", u"Close"
LINES = 30  # of the log that the report ends with
LOG = u"For whoever helps you, the last lines of the log %s. They are of earlier commands; errors there may be solved:\n\n%s"


def imagej():
    """Return what this ImageJ is, as {topic: text}: the Python side may run beside it and cannot see it."""
    java = u"%s (%s) at %s" % tuple(System.getProperty(key) for key in (u"java.version", u"java.vendor", u"java.home"))
    memory, used = IJ.maxMemory() / 1e6, IJ.currentMemory() / 1e6
    cores = Runtime.getRuntime().availableProcessors()
    return {
        u"java": java,
        u"imagej": u"%s in %s; %.0f of %.0f MB used, %d cores" % (
            IJ.getVersion(), folder(), used, memory, cores
        ),
    }


def folder():
    """Return the folder of ImageJ; one without plugins is only where the program was started."""
    path = IJ.getDirectory(u"imagej")
    return path if path and File(path, u"plugins").isDirectory() else u"no folder of its own"


def report(reply, side):
    """Return the whole report: the Python side's lines, those on the worker if there is one, the end of the log.

    reply : java.util.Map
        Of the task doctor.
    side : java.util.function.Function
        The Python side; a worker says by `state()` how it is.
    """
    parts = [reply["text"]]
    if hasattr(side, "state"):
        parts.append(u"\n".join(side.state()))
    else:
        parts.append(u"Runs in the process of ImageJ")
    parts.append(reply.get("message") or u"")
    log = reply.get("log")
    if log and File(log).isFile():
        parts.append(LOG % (log, u"\n".join(last_lines(log))))
    return u"\n\n".join(part for part in parts if part)


def last_lines(path, count=LINES):
    """Return the last lines of a text file."""
    stream = codecs.open(path, "r", "utf-8", "replace")
    try:
        return [line.rstrip() for line in stream.readlines()[-count:]]
    finally:
        stream.close()


def show(text, log):
    """Show a report in a window, or write it to ImageJ's log where there is none.

    log : str or None
        The log file.
    """
    if ui.has_window():
        ui.later(lambda: DoctorWindow(text, log))
    else:
        IJ.log(text)


class DoctorWindow(JFrame):
    """The report, and buttons to pass it on; event dispatch thread.

    text : str
        The report.
    log : str or None
        The log file, whose folder can be opened.
    """

    def __init__(self, text, log):
        JFrame.__init__(self, TITLE)
        self.text, self.log, self.said = text, log, JLabel(u" ")
        area = JTextArea(text)
        area.setEditable(False)
        area.setFont(Font(Font.MONOSPACED, Font.PLAIN, 12))
        area.setMargin(Insets(6, 8, 6, 8))
        area.setLineWrap(True)
        area.setWrapStyleWord(True)
        area.setCaretPosition(0)
        content = JPanel(BorderLayout(8, 8))
        content.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        content.add(JScrollPane(area), BorderLayout.CENTER)
        content.add(self._foot(), BorderLayout.SOUTH)
        self.setContentPane(content)
        self.setDefaultCloseOperation(JFrame.DISPOSE_ON_CLOSE)
        self.setPreferredSize(Dimension(1000, 480))
        self.pack()
        GUI.centerOnImageJScreen(self)
        self.setVisible(True)

    def _foot(self):
        """Return the line of buttons."""
        buttons = JPanel(FlowLayout(FlowLayout.RIGHT, 8, 0))
        for label, act in ((COPY, self._copy), (SAVE, self._save), (FOLDER, self._open), (CLOSE, self.dispose)):
            button = JButton(label)
            button.addActionListener(ui.Do(act))
            button.setEnabled(label != FOLDER or self.log is not None)
            buttons.add(button)
        foot = JPanel(BorderLayout(8, 0))
        foot.add(self.said, BorderLayout.CENTER)
        foot.add(buttons, BorderLayout.EAST)
        return foot

    def _copy(self):
        """Put the report onto the clipboard."""
        Toolkit.getDefaultToolkit().getSystemClipboard().setContents(StringSelection(self.text), None)
        self.said.setText(u"The report is on the clipboard.")

    def _save(self):
        """Ask for a file and write the report."""
        chosen = SaveDialog(u"Save the Doctor's report", u"talanoa-doctor", u".txt")
        if chosen.getFileName() is None:
            return
        path = File(chosen.getDirectory(), chosen.getFileName()).getPath()
        try:
            stream = codecs.open(path, "w", "utf-8")
            try:
                stream.write(self.text)
            finally:
                stream.close()
            self.said.setText(u"Saved as %s" % path)
        except (IOError, IOException), error:
            ui.message(TITLE, u"%s could not be written (%s). Choose another place." % (path, error))

    def _open(self):
        """Show the folder of the log in the system's file manager; where there is none, say where it is."""
        folder = File(self.log).getAbsoluteFile().getParentFile()
        self.said.setText(u"The log is in %s" % folder)
        if Desktop.isDesktopSupported() and Desktop.getDesktop().isSupported(Desktop.Action.OPEN) and folder.isDirectory():
            Thread(ui.Do(lambda: _open(folder)), u"Talanoa: open folder").start()  # it may take its time


def _open(folder):
    """Show a folder in the system's file manager."""
    try:
        Desktop.getDesktop().open(folder)
    except (IOException, UnsupportedOperationException), error:
        IJ.log(u"%s could not be opened: %s" % (folder, error))
