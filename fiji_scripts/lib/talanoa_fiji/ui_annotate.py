"""The command Annotate Images: its window, or in a macro one action without any."""
from ij import IJ, WindowManager

from talanoa_fiji import client, rois, show, ui

TITLE = u"Annotate Images"
OF_IMAGE = (u"propose", u"check", u"fix", u"interpolate", u"save", u"skip", u"autosave", u"import", u"pick")  # the open one, unless named
OF_OUTLINES = (u"check", u"fix", u"interpolate", u"save", u"autosave")
REPLACING = (u"next", u"restore", u"undo", u"fix", u"interpolate", u"save")  # reply with all outlines of the image


def run(objects):
    """Open the window of the annotation; in a macro, do the action that it names.

    objects : org.scijava.object.ObjectService
    """
    call = client.current_call()
    if call.macro or not ui.has_window():
        return act(objects, call)
    from talanoa_fiji import ui_annotate_start  # Jython compiles the windows when they are first wanted

    ui.on_events(lambda: ui_annotate_start.begin(objects))


def act(objects, call):
    """Do one action of a macro: the keys go to the Python side as they are."""
    action = call.extra.get("action")
    image = action in OF_IMAGE and not (call.extra.get("image") or call.extra.get("source"))
    outlines = action in OF_OUTLINES and not (call.extra.get("rois") or call.extra.get("labels"))
    found = client.drawn(call.imp or WindowManager.getCurrentImage()) if outlines else None
    reply = client.ask(objects, u"annotate", {}, image=image, outlines=found)
    if reply["status"] != u"ok":
        return show.failed(reply, TITLE)
    if action == u"next" and reply.get("next") is not None:
        reply.put("imp", _open(reply["next"]["path"]))
    if reply.get("rois") is not None:
        _show_outlines(reply, action)
    show.result(reply, TITLE, parts=["table"])


def _open(path):
    """Open an image as the active one of the macro, also without a window."""
    imp = IJ.openImage(path)
    if ui.has_window():
        imp.show()
    else:
        WindowManager.setTempCurrentImage(imp)
    return imp


def _show_outlines(reply, action):
    """Put the outlines of a reply into the ROI Manager; without a window, onto the image."""
    imp = reply.get("imp") or WindowManager.getCurrentImage()
    found = rois.unpack(reply["rois"], imp)
    if ui.has_window():
        show.to_manager(found, imp, replace=action in REPLACING)
    elif imp is not None:
        if action in REPLACING:
            imp.setOverlay(None)
        show.to_overlay(found, imp)
