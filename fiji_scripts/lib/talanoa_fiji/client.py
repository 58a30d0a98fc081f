"""Asks the Python side to do a task. Nothing here knows whether Python lives in this process or beside it.

A request is a java.util.Map: "task", the keys of the task, and what goes with it ("imp", "rois", "events", "cancelled").
The reply is a java.util.Map with "status" (ok, error, cancelled), "message", "warnings" and what the task made.
"""
import sys

from java.awt import GraphicsEnvironment
from java.io import File
from java.lang import ThreadLocal
from java.util import ArrayList, HashMap
from java.util.function import Function

from ij import IJ, WindowManager
from ij.macro import Interpreter
from ij.plugin.frame import RoiManager

from talanoa_fiji import endings, images, rois, turns, ui_progress, wording, worker

NAME = u"Talanoa"  # how the Python side's Function introduces itself
SCRIPTS = "Plugins/Talanoa"  # where the scripts of the commands lie
BARE = (
    u"This script is part of a command and was run by itself; expected the command: run(\"%s\", ...) in a macro, or in a Fiji "
    u"where Talanoa is installed: fiji --headless --run talanoa/run/%s"
)
_call = ThreadLocal()
CHANGED = (
    u"The image %s was closed or changed (pixels, calibration or selection) while the job waited for its turn, so nothing was done. "
    u"Run the command again on the image as it is now."
)
LONG = ("segment", "train", "evaluate", "restore", "predict")  # one of these at a time; the others answer at once


class Call(object):
    """How the running command was called.

    macro : True from a macro, IJ.run or a script: nothing may ask, and an error ends the macro.
    omitted : inputs of the script that a macro did not name; the task's own defaults hold for them.
    extra : keys that the script does not declare; the Python side knows them as aliases, or says what is valid.
    imp : the image that was active when the command was chosen.
    labels : what the fields of the command's dialog are called, by key, for messages.
    wait : a function (work) that does the work; ImageJ's command listeners may need some care meanwhile.
    record : a function (values) that writes the command to the Recorder, with the values that a window changed.
    ours : True when `commands` runs the script, which then ends a macro after an error; else SciJava runs it.
    """

    def __init__(self, macro, imp=None, omitted=(), extra=None, wait=None, ours=False):
        self.macro, self.imp, self.omitted, self.extra = macro, imp, omitted, extra or {}
        self.wait = wait or (lambda work: work())
        self.record, self.labels = lambda values: None, {}
        self.ours, self.status, self.message = ours, None, u""


def current_call():
    """Return how the running command was called; SciJava's own commands ask ImageJ."""
    return _call.get() or Call(IJ.isMacro() or Interpreter.isBatchMode())


def set_call(call):
    """Note for this thread how the running command was called (None at its end)."""
    _call.set(call)


def python_side(objects):
    """Return the java.util.function.Function of the Python side: in this process, else a worker; None where there is none.

    objects : org.scijava.object.ObjectService
    """
    for candidate in objects.getObjects(Function):
        if unicode(candidate.toString()).startswith(NAME):
            return candidate
    return worker.start(objects)


def ask(objects, task, keys, fixed=None, image=False, area=False, outlines=None):
    """Send a request and return the reply.

    objects : org.scijava.object.ObjectService
    task : str
        Name of the task, the same as on the command line.
    keys : dict
        Values of the script's inputs; None and empty text mean "not given".
    fixed : dict
        Keys that the command itself stands for.
    image : bool
        True sends the active image along, or the open image that `keys["image"]` names by its title.
    area : bool
        True sends the ROIs of the ROI Manager along, or those of the image's overlay, unless `keys["rois"]` names a file.
    outlines : list of ij.gui.Roi
        These ROIs go along, whatever `area` says.
    """
    call = current_call()
    if _call.get() is None:
        _refuse_scijava(call)
    if not call.ours:
        IJ.resetEscape()
    if not (call.macro or call.ours or ui_progress.may_begin(task)):
        return _ended(u"cancelled", u"A training runs already.")
    request = _request(call, task, keys, fixed or {})
    imp = _image(call, request) if image or area else None
    if image and imp is None and not request.get("image") and not request.get("input"):
        key = u"images" if task == "train" else u"image"
        return _failed(call, u"No image is open; expected one. Open an image (File > Open...), or name its file: %s=..." % key)
    if imp is not None and images.is_closed(imp):
        return _failed(call, u"The image %s was closed; expected an open one. Open it again." % imp.getTitle())
    if image and imp is not None:
        request.put("imp", imp)
    if outlines is not None:
        request.put("rois", rois.pack(outlines))
    elif area and not request.get("rois"):
        request.put("rois", rois.pack(drawn(imp)))
    before, shown = images.fingerprint(imp) if image else None, imp is not None and imp.getWindow() is not None
    reply = _send(call, objects, task, request)
    _note_changes(reply, imp, before, shown)
    if image and imp is None:
        _note_other_image(call, reply, request)
    wording.fit(reply, call.labels, call.macro)
    reply.put("imp", imp)
    call.status, call.message = reply["status"], reply.get("message")
    return reply


def _refuse_scijava(call):
    """End a script of a command that SciJava runs by itself: without our keys, image and end its results would be wrong."""
    frame = sys._getframe()
    while frame is not None:
        folder, _, file = frame.f_code.co_filename.replace("\\", "/").rpartition("/")
        if folder.endswith(SCRIPTS):
            call.status, call.message = u"error", BARE % (file[:-3].replace("_", " "), file)
            IJ.log(call.message)
            endings.end_macro(file, call)
        frame = frame.f_back


def _request(call, task, keys, fixed):
    """Return the request map: the keys of the dialog, or those that the macro named, and the command's own."""
    request = HashMap()
    for key, value in keys.items():
        if value is None or value == u"" or key in call.omitted:
            continue
        request.put(key, value.getPath() if isinstance(value, File) else value)
    for extra in (call.extra, fixed, {"task": task}):
        for key, value in extra.items():
            request.put(key, value)
    return request


def _image(call, request):
    """Return the image that is meant: named by its title, else the active one unless a path is given."""
    for key in (u"image", u"input"):
        named = request.get(key)
        if named:
            imp = WindowManager.getImage(unicode(named))
            if imp is not None:
                request.remove(key)
            return imp
    return call.imp or WindowManager.getCurrentImage()


def _note_changes(reply, imp, before, shown):
    """Say so when the image was closed or edited while the job ran: the result belongs to what it was at the start."""
    if reply["status"] != u"ok" or before is None:
        return
    note = None
    if shown and imp.getWindow() is None:
        note = u"%s was closed while the job ran; the result is that of the image as it was at the start."
    elif images.fingerprint(imp) != before:
        note = u"%s was edited while the job ran; the result belongs to the pixels at the start. Run it again for the new ones."
    if note is not None:
        _warn(reply, note % imp.getTitle())


def _note_other_image(call, reply, request):
    """Say so when a file was taken that a dialog names, and not the image that is open."""
    imp, named = call.imp, request.get("image")
    if not call.macro and named and imp is not None and reply["status"] == u"ok":
        _warn(reply, u"The file %s was taken, as the field Image says, and not the open image %s." % (named, imp.getTitle()))


def _warn(reply, text):
    """Add a warning to a reply."""
    reply.put("warnings", ArrayList(list(reply.get("warnings") or []) + [text]))


def drawn(imp):
    """Return the ROIs of the ROI Manager; where it is empty or not open, those of the image's overlay."""
    # NB: a macro in batch mode has a manager of its own, which ImageJ cannot make without a display.
    manager = None if GraphicsEnvironment.isHeadless() else RoiManager.getInstance2()
    if manager is not None and manager.getCount():
        return manager.getRoisAsArray()
    overlay = imp.getOverlay() if imp is not None else None
    return overlay.toArray() if overlay is not None else []


def _send(call, objects, task, request):
    """Let the Python side work, with progress and cancelling; long tasks one after the other."""
    side = python_side(objects)
    if side is None:
        return _failed(
            call,
            u"The Python side of Talanoa was not found; expected ImageJ to be started by Talanoa (talanoa fiji), or a Python noted "
            u"by: talanoa install-fiji <folder of this ImageJ>",
        )
    watch, reply = ui_progress.watch(task, request, window=not call.macro), None
    jobs = turns.line(objects) if task in LONG else None
    imp = request.get("imp") if jobs is not None and not jobs.isEmpty() else None  # where others come first, it may change until its turn
    given = images.state(imp) if imp is not None else None
    place = turns.join(jobs) if jobs is not None else None
    try:
        if jobs is not None and not call.wait(lambda: turns.wait(jobs, place, watch)):
            reply = _ended(u"cancelled", u"Stopped while waiting; nothing was written.")
        elif given is not None and (images.is_closed(imp) or images.state(imp) != given):
            reply = _failed(call, CHANGED % imp.getTitle())
        else:
            reply = call.wait(lambda: side.apply(request))
        return reply
    finally:
        if jobs is not None:
            jobs.remove(place)
        watch.close(reply)


def _failed(call, message):
    """Return the reply of a request that could not be sent."""
    call.status, call.message = u"error", wording.told(message, call.labels, call.macro)
    return _ended(u"error", call.message)


def _ended(status, message):
    """Return a reply without results."""
    return HashMap({u"status": status, u"message": message})
