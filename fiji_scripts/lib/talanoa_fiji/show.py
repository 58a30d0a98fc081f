"""Puts the reply of the Python side where the user looks for it."""
from java.awt import Desktop
from java.io import File, IOException
from java.lang import ProcessBuilder, RuntimeException
from java.util import ArrayList
from java.util.concurrent import TimeUnit

from synchronize import make_synchronized

from ij import IJ, Macro, WindowManager
from ij.gui import Overlay
from ij.measure import ResultsTable  # the lock of _put
from ij.plugin.frame import RoiManager

from talanoa_fiji import client, result_tables, rois, runs, ui, ui_doctor, ui_place, ui_status


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
    ui_status.show(message)
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
    imp, labels, target = reply.get("imp"), reply.get("labels"), _target(reply)
    run, earlier = runs.begin(imp)
    replaced = earlier if target != u"append" else ()
    if "rois" in parts and reply.get("rois") is not None:
        _show_rois(reply, target, run, replaced)
    if "table" in parts and reply.get("table") is not None:
        result_tables.put(reply["table"], result_tables.kind_of(reply), imp or labels, run, replaced)
    shown = [imp]
    if "image" in parts and reply.get("image") is None and reply.get("path"):  # too large for memory: it is on disk only
        _open(IJ.openVirtual(reply["path"]), shown)
    for key in ("uncertainty", "image", "labels"):  # the last one is the active image of a macro
        if key in parts and reply.get(key) is not None:
            # of a segmentation alone (ROIs to Label Image is no new version of it); a macro counts its windows itself
            if key == "labels" and reply.get("task") == u"segment" and not client.current_call().macro:
                for old in runs.images_of(replaced, u"labels of segment"):
                    old.close()
            _open(reply[key], shown)
            runs.mark_image(reply[key], run, u"%s of %s" % (key, reply.get("task")))


def _open(imp, shown):
    """Show a new image, under a title of its own, next to those that are shown."""
    if WindowManager.getImage(imp.getTitle()) is not None:
        imp.setTitle(WindowManager.getUniqueName(imp.getTitle()))
    imp.show()
    ui_place.beside(imp, shown)
    shown.append(imp)


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
        ui_status.show(u"%s: %s" % (title, text))
    elif call.macro:
        IJ.log(u"%s: %s" % (title, text))
    else:
        ui.message(title, text)
    if call.macro and not call.ours:
        try:
            Macro.abort()
        except RuntimeException:
            pass  # on the macro's own thread ImageJ says so by an exception; the flag is set all the same


def _target(reply):
    """Return where the request wants ROIs."""
    request = reply.get("request") or {}
    return request.get("rois") if reply.get("task") == u"segment" else request.get("show") or u"update"


def _show_rois(reply, target, run, replaced):
    """Put ROIs into the ROI Manager or, where there is none or the user wants it, onto the image as overlay.

    run : unicode
        The run that made them.
    replaced : collection of unicode
        ROIs of these runs are removed.
    """
    imp = reply.get("imp")
    home = imp or reply.get("labels")
    if target == u"none":
        return
    found = rois.unpack(reply["rois"], home)
    runs.mark(found, run)
    gone = _clear_overlay(home, replaced) if home is not None else 0
    if target == u"overlay" or not ui.has_window():
        if home is not None:
            to_overlay(found, home)
    else:
        gone += to_manager(found, imp, target == u"replace", replaced)
    if gone:
        text = u"%s; it replaced %d ROI%s of an earlier run on this image"
        reply.put("message", text % (reply.get("message"), gone, u"s" * (gone > 1)))


def to_manager(found, imp, replace, replaced=()):
    """Add ROIs to the ROI Manager, in bulk and without a repaint for each; what is there stays unless `replace`.

    replaced : collection of unicode
        ROIs of these runs make room; their number is returned.
    """
    manager = RoiManager.getInstance2()  # in a macro's batch mode, the macro's own
    if manager is None:
        manager = RoiManager.getRoiManager()
    there = list(manager.getRoisAsArray())
    kept = [] if replace else [roi for roi in there if not runs.is_of(roi, replaced)]
    if len(kept) < len(there):
        manager.reset()
        for roi in kept:
            manager.add(None, roi, -1)
    add = manager.add
    for roi in found:
        add(imp, roi, -1)
    if imp is not None and imp.getWindow() is not None:
        selected = imp.getRoi()
        manager.runCommand(imp, u"Show All without labels")
        if selected is not None and imp.getRoi() is None:  # ImageJ removes the selection
            imp.setRoi(selected)
    return 0 if replace else len(there) - len(kept)


def to_overlay(found, imp):
    """Show ROIs as the overlay of an image, besides what is on it."""
    overlay = imp.getOverlay() or Overlay()
    for roi in found:
        overlay.add(roi)
    imp.setOverlay(overlay)


def _clear_overlay(imp, replaced):
    """Remove the ROIs of runs from the overlay of an image and return their number."""
    overlay, gone = imp.getOverlay(), 0
    for k in reversed(xrange(overlay.size() if overlay is not None else 0)):
        if runs.is_of(overlay.get(k), replaced):
            overlay.remove(k)
            gone += 1
    return gone
