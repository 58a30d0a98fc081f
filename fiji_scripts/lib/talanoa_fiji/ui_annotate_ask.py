"""What the annotation asks: the Python side, on a thread of its own, and the user."""
import os

from java.awt import Dialog, Frame, Window
from java.io import File
from java.lang import Runnable, Thread
from java.util.concurrent import LinkedBlockingDeque

from ij import IJ
from ij.gui import GenericDialog, YesNoCancelDialog
from ij.io import SaveDialog
from ij.plugin.frame import RoiManager

from talanoa_fiji import client, commands, ui

SAVED, ASIDE, CANCEL = u"saved", u"aside", u"cancel"
OWN = (
    u"The ROI Manager holds ROIs of your own (%d). Annotating needs it for the outlines of the dataset's images.\n"
    u"Save ... writes them to a zip; Keep aside gives them back when you close the annotation."
)
RESTORE = u"%s has %s outlines of %s that were not saved%s. Restore them?"


class Link(Runnable):
    """The way to the Python side: requests go one after the other, their replies come on the event dispatch thread.

    objects : org.scijava.object.ObjectService
    """

    def __init__(self, objects):
        self.objects, self.waiting, self.ended = objects, LinkedBlockingDeque(), False
        thread = Thread(self, u"Talanoa annotation")
        thread.setDaemon(True)
        thread.start()

    def send(self, keys, outlines, done, wanted=None, task=u"annotate", imp=None):
        """Send a request.

        keys : dict
        outlines : list of ij.gui.Roi or None
            Packed now, so that later changes do not count.
        done : function (reply)
            Called on the event dispatch thread.
        wanted : function () -> bool
            Asked when its turn comes: False leaves it out, as what was moved on since.
        imp : ij.ImagePlus
            An open image that goes along.
        """
        copies = [roi.clone() for roi in outlines] if outlines is not None else None
        self.waiting.put((task, keys, copies, done, wanted, imp))

    def names(self, kind, done):
        """Ask for the names of a kind, for instance "models"; done(list of text)."""
        self.send({}, None, lambda reply: done([one["name"] for one in reply.get(kind) or []]), task=kind)

    def open_command(self, name, values):
        """Open the dialog of another command with some fields filled in."""
        commands.fill(self.objects, name, values)
        IJ.doCommand(name)

    def end(self):
        """Send what waits, then nothing more."""
        self.waiting.put(())

    def run(self):
        """Work through the requests; the thread's own."""
        while True:
            one = self.waiting.take()
            if not one:
                return
            task, keys, outlines, done, wanted, imp = one
            if wanted is None or wanted():
                client.set_call(client.Call(False, imp, ours=True))
                reply = client.ask(self.objects, task, keys, image=imp is not None, outlines=outlines)
                ui.later(_Done(done, reply))


class _Done(object):
    """A reply for who waits for it."""

    def __init__(self, done, reply):
        self.done, self.reply = done, reply

    def __call__(self):
        self.done(self.reply)


def last_name(folder):
    """Return the name of a folder without its path."""
    return File(folder).getName()


def running():
    """Return the window of the annotation that is open; None when none is."""
    from talanoa_fiji import ui_annotate_panel

    for frame in Frame.getFrames():
        if frame.getName() == ui_annotate_panel.OPEN and frame.isDisplayable():
            return frame
    return None


def question_open():
    """Return True while ImageJ or we ask something: a closing ROI Manager asks what to do with its ROIs."""
    return any(isinstance(one, Dialog) and one.isModal() and one.isShowing() for one in Window.getWindows())


def choice(title, label, names):
    """Let the user choose one of several names; return it, or None."""
    dialog = GenericDialog(title)
    dialog.addChoice(label, names or [u""], names[0] if names else u"")
    dialog.showDialog()
    return None if dialog.wasCanceled() else dialog.getNextChoice() or None


def confirmed(window, title, text, label):
    """Ask whether to go on; return True for yes."""
    return YesNoCancelDialog(window, title, u"\n".join(ui.wrapped(text)), label, u"No").yesPressed()


def restores(window, title, image, autosave):
    """Ask whether autosaved outlines are to be taken.

    autosave : map with objects and when
    """
    when = unicode(autosave.get("when") or u"").replace(u"T", u" ")[:16]
    return confirmed(window, title, RESTORE % (image, autosave.get("objects"), when or u"an earlier time", u""), u"Restore")


def own_rois(window, title, found):
    """Ask what to do with ROIs of the user's own; save them if wanted.

    Returns SAVED, ASIDE or CANCEL.
    """
    dialog = YesNoCancelDialog(window, title, u"\n".join(ui.wrapped(OWN % len(found))), u"Save ...", u"Keep aside")
    if dialog.cancelPressed():
        return CANCEL
    if not dialog.yesPressed():
        return ASIDE
    place = SaveDialog(u"Save your ROIs", u"RoiSet", u".zip")
    if place.getFileName() is None:
        return CANCEL
    path = os.path.join(place.getDirectory(), place.getFileName())
    RoiManager.getInstance2().deselect()
    return SAVED if RoiManager.getInstance2().runCommand(u"Save", path) else CANCEL
