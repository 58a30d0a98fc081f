"""Puts the reply of the Python side where the user looks for it."""
from java.awt import Desktop
from java.io import File, IOException
from java.lang import ProcessBuilder, RuntimeException
from java.util import ArrayList
from java.util.concurrent import TimeUnit

from synchronize import make_synchronized

from ij import IJ, Macro, WindowManager
from ij.gui import Overlay
from ij.macro import Interpreter
from ij.measure import ResultsTable
from ij.plugin.frame import RoiManager

from talanoa_fiji import client, rois, ui, ui_doctor


def result(reply, title, parts=("rois", "table", "uncertainty", "image", "labels"), say=False):
    """Show what a reply holds: ROIs, table, image, label image, warnings, message; or the error.

    reply : java.util.Map
        See `client.ask`.
    title : str
        The name of the command, for messages.
    parts : list of str
        What of the reply is shown: rois, table, uncertainty, image, labels.
    say : bool
        True shows the message in a dialog, or in the log of a macro; else in the status bar.
    """
    if reply["status"] != u"ok":
        return failed(reply, title, say)
    for warning in reply.get("warnings") or []:
        IJ.log(u"%s: %s" % (title, warning))
    _put(ResultsTable, reply, parts)
    message = reply.get("message") or u""
    IJ.showStatus(message)
    if say and client.current_call().macro:
        IJ.log(u"%s: %s" % (title, message))
    elif say:
        ui.message(title, message)


def report(reply, title):
    """Show the table and the message of an evaluation, and open its report in the browser; in a macro it is only named.

    reply : java.util.Map
        "report" is the path of an HTML file, if one was written.
    """
    path = reply.get("report")
    if reply["status"] == u"ok" and path and not client.current_call().macro and ui.has_window():
        if not browse(File(path).toURI()):
            reply.put("message", u"%s\n \nNo browser was found here; open that file yourself." % reply["message"])
    result(reply, title, parts=["table"], say=True)


def browse(address):
    """Open an address in the user's browser; return False where there is none.

    address : java.net.URI
    """
    try:
        if Desktop.isDesktopSupported() and Desktop.getDesktop().isSupported(Desktop.Action.BROWSE):
            Desktop.getDesktop().browse(address)
            return True
        if IJ.isLinux():  # many desktops do not tell Java that they can
            process = ProcessBuilder([u"xdg-open", address.toString()]).start()
            return not process.waitFor(5, TimeUnit.SECONDS) or process.exitValue() == 0
    except (IOException, RuntimeException), error:
        IJ.log(u"The browser did not open: %s" % error)
    return False


@make_synchronized
def _put(lock, reply, parts):
    """Put ROIs, table and label image of a reply into ImageJ.

    lock : a Java class, the same for all scripts
        Two jobs may end together, and neither ROI Manager nor Results can be filled from two threads.
    """
    imp, labels = reply.get("imp"), reply.get("labels")
    if "rois" in parts and reply.get("rois") is not None:
        _show_rois(reply["rois"], _target(reply), imp, labels)
    if "table" in parts and reply.get("table") is not None:
        table(reply["table"], imp or labels)
    if "image" in parts and reply.get("image") is None and reply.get("path"):  # too large for memory: it is on disk only
        _open(IJ.openVirtual(reply["path"]))
    for key in ("uncertainty", "image", "labels"):  # the last one is the active image of a macro
        if key in parts and reply.get(key) is not None:
            _open(reply[key])


def _open(imp):
    """Show a new image, under a title of its own."""
    if WindowManager.getImage(imp.getTitle()) is not None:
        imp.setTitle(WindowManager.getUniqueName(imp.getTitle()))
    imp.show()


def doctor(reply, objects):
    """Show the Doctor's report in its window, or in the log of a macro; or the error.

    objects : org.scijava.object.ObjectService
        Knows the Python side.
    """
    if reply["status"] != u"ok":
        return failed(reply, ui_doctor.TITLE)
    text = ui_doctor.report(reply, client.python_side(objects))
    if client.current_call().macro:
        IJ.log(text)
    else:
        ui_doctor.show(text, reply.get("log"))


def failed(reply, title, say=False):
    """Tell the user what went wrong; a macro ends here, so that nothing goes on unnoticed.

    say : bool
        True shows the message of a cancelled job in a dialog, too.
    """
    call, text = client.current_call(), reply.get("message") or u"The task failed without a message."
    if reply["status"] == u"cancelled" and not (say and reply.get("task") is not None):
        IJ.showStatus(u"%s: %s" % (title, text))
    elif call.macro:
        IJ.log(u"%s: %s" % (title, text))
    else:
        ui.message(title, text)
    if call.macro and not call.ours:
        try:
            Macro.abort()
        except RuntimeException:
            pass  # on the macro's own thread ImageJ says so by an exception; the flag is set all the same


def table(packed, imp=None):
    """Append a table to ImageJ's Results.

    packed : java.util.Map
        headings (String[]), columns (a double[] or String[] for each).
    imp : ij.ImagePlus
        Its title becomes the column Image.
    """
    results = ResultsTable.getResultsTable()
    columns = list(packed["columns"])
    before, rows = results.size(), len(columns[0]) if columns else 0
    for _ in xrange(rows):
        results.addRow()
    if imp is not None:
        _append(results, u"Image", before, [imp.getTitle()] * rows)
    for heading, column in zip(packed["headings"], columns):
        _append(results, heading, before, column)
    results.showRowNumbers(True)
    if ui.has_window() and not Interpreter.isBatchMode():
        results.show(u"Results")


def _append(results, heading, before, column):
    """Write a column into the rows from `before` on; numbers of a new table in one piece."""
    if before == 0 and len(column) and not isinstance(column[0], basestring):
        results.setValues(heading, column)
        return
    put = results.setValue
    for k in xrange(len(column)):
        put(heading, before + k, column[k])


def _target(reply):
    """Return where the request wants ROIs."""
    request = reply.get("request") or {}
    return request.get("rois") if reply.get("task") == u"segment" else request.get("show") or u"append"


def _show_rois(packed, target, imp, labels):
    """Put ROIs into the ROI Manager or, where there is none or the user wants it, onto the image as overlay."""
    if target == u"none":
        return
    home = imp or labels
    found = rois.unpack(packed, home)
    if target == u"overlay" or not ui.has_window():
        if home is not None:
            to_overlay(found, home)
    else:
        to_manager(found, imp, replace=target == u"replace")


def to_manager(found, imp, replace):
    """Add ROIs to the ROI Manager, in bulk and without a repaint for each; what is there stays unless `replace`."""
    manager = RoiManager.getInstance2()  # in a macro's batch mode, the macro's own
    if manager is None:
        manager = RoiManager.getRoiManager()
    if replace:
        manager.reset()
    add = manager.add
    for roi in found:
        add(imp, roi, -1)
    if imp is not None and imp.getWindow() is not None:
        manager.runCommand(imp, u"Show All without labels")


def to_overlay(found, imp):
    """Show ROIs as the overlay of an image, besides what is on it."""
    overlay = imp.getOverlay() or Overlay()
    for roi in found:
        overlay.add(roi)
    imp.setOverlay(overlay)
