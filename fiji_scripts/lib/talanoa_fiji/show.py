"""Puts the reply of the Python side where the user looks for it."""
from java.lang import RuntimeException
from java.util import ArrayList

from ij import IJ, Macro
from ij.gui import Overlay
from ij.macro import Interpreter
from ij.measure import ResultsTable
from ij.plugin.frame import RoiManager

from talanoa_fiji import client, rois, ui


def result(reply, title, target=None):
    """Show everything a reply holds: ROIs, table, label image, warnings, message; or the error.

    reply : java.util.Map
        See `client.ask`.
    title : str
        The name of the command, for messages.
    target : str
        Where ROIs go: append, replace, overlay or none (None: what the reply's request says).
    """
    if reply["status"] != u"ok":
        return failed(reply, title)
    for warning in reply.get("warnings") or []:
        IJ.log(u"%s: %s" % (title, warning))
    imp, labels = reply.get("imp"), reply.get("labels")
    if reply.get("rois") is not None:
        _show_rois(reply["rois"], target or _target(reply), imp, labels)
    if reply.get("table") is not None:
        table(reply["table"])
    if labels is not None:
        labels.show()  # last, so that it is the active image of a macro
    IJ.showStatus(reply.get("message") or u"")


def failed(reply, title):
    """Tell the user what went wrong; a macro ends here, so that nothing goes on unnoticed."""
    call, text = client.current_call(), reply.get("message") or u"The task failed without a message."
    if reply["status"] == u"cancelled":
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


def table(packed):
    """Append a table to ImageJ's Results.

    packed : java.util.Map
        headings (String[]), columns (a double[] or String[] for each), labels (String[] or None: the row labels).
    """
    results = ResultsTable.getResultsTable()
    before, rows = results.size(), len(packed["columns"][0]) if len(packed["columns"]) else 0
    for _ in xrange(rows):
        results.addRow()
    for heading, column in zip(packed["headings"], packed["columns"]):
        put = results.setValue
        for k in xrange(rows):
            put(heading, before + k, column[k])
    if packed["labels"] is not None:
        for k in xrange(rows):
            results.setLabel(packed["labels"][k], before + k)
    if ui.has_window() and not Interpreter.isBatchMode():
        results.show(u"Results")


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
