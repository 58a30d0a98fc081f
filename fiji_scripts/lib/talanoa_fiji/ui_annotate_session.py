"""An annotation: one image of a dataset after the other, its outlines in the ROI Manager, what is asked of the Python side.

All that a user does arrives here on the event dispatch thread; requests go out on a thread of their own, one after the
other, and their replies come back to the event dispatch thread. Outlines are lost at no point: they are autosaved whenever
one changes, and before anything takes their place.
"""
from java.awt.event import KeyEvent
from java.lang import System
from java.text import SimpleDateFormat
from java.util import Date
from javax.swing import Timer

from ij import IJ, ImagePlus

from talanoa_fiji import images, options, rois, ui
from talanoa_fiji import ui_annotate_ask as asking
from talanoa_fiji import ui_annotate_display as display
from talanoa_fiji import ui_annotate_rois as manager
from talanoa_fiji.ui_annotate_keys import Clicks, Keys
from talanoa_fiji.ui_annotate_outlines import Fixing, Outlines
from talanoa_fiji.ui_annotate_panel import AnnotatePanel

TITLE = u"Annotate Images"
LOOK = 1000  # ms between two looks at the ROI Manager
AUTOSAVED = u"autosaved %s"
UNRECORDED = (u"status", u"autosave", u"restore")  # in macros
ORDER = u"image dataset action"  # of the keys in a macro, from the last one on
CLOSED = u"The window of %s was closed. Its outlines are still in the ROI Manager, and autosaved; press Open again, or go on saving."
MANAGER_CLOSED = u"The ROI Manager was closed. It is open again, with the %d outlines of %s."
CANCELLED = u"No image was opened: the ROI Manager still holds ROIs of your own. Save or remove them, then press Open again."
EDITED = u"The pixels of %s were changed here. The dataset keeps the image as it was: only outlines are saved."
EMPTY = u"The ROI Manager holds no outline. Save %s as an image without any object?"


class Session(object):
    """The annotation of one dataset.

    link : ui_annotate_ask.Link
        Sends requests.
    dataset : text
        Its folder.
    who : text
        Who annotates; empty: the login name.
    further : bool
        True keeps the outlines apart from those of the first person, to compare the two.
    """

    def __init__(self, link, dataset, who=u"", further=False):
        self.link, self.dataset = link, dataset
        self.person = {u"who": who} if who else {}
        if further:
            self.person[u"annotator"] = who
        self.image = self.imp = self.before = self.listener = None  # name in the dataset, ImagePlus, pixels as opened
        self.ranges, self.wanted = [], []  # black and white of the display: the image's own, and those for faint cells
        self.kept, self.snapshot, self.last = None, (), None  # ROIs of the user's own; outlines as last seen; their state
        self.notes, self.picking = [], None  # shown with the next message; the window for adding images
        self.pending = self.working = self.ended = False
        self.work = Outlines(self)
        self.panel = AnnotatePanel(self, self.work)
        self.keys = Keys(self._windows, self._image_window, self._does(), self._digit, lambda: not self.working)
        self.listener = display.Closed(lambda imp: ui.later(lambda: self.image_closed(imp)))
        ImagePlus.addImageListener(self.listener)
        self.clock = Timer(LOOK, ui.Do(self._look))
        self.clock.start()
        self.panel.setVisible(True)

    # What the panel asks for

    def begin(self, image=None, notes=()):
        """Show the dataset and open an image: this one, or the first that is still to be done.

        notes : list of text
            What there is to say about images just added.
        """
        self.notes = list(notes)
        self.ask({u"action": u"status"}, self._show_status, u"Reading the dataset ...")
        self.ask(dict({u"action": u"next"}, **({u"image": image} if image else {})), self._open_next, u"Opening the next image ...")

    def go_to(self, name):
        """Open an image of the dataset; what was drawn on the one before is autosaved."""
        if name != self.image:
            self._leave()
            self.ask({u"action": u"next", u"image": name}, self._open_next, u"Opening %s ..." % name)

    def open_again(self):
        """Open the image whose window was closed, its outlines are still in the ROI Manager; else the next one."""
        keys = {u"image": self.image} if self.image is not None else {}
        self.ask(dict(keys, action=u"next"), self._open_next, u"Opening %s ..." % (self.image or u"the next image"))

    def contrast(self, on):
        """Make faint cells visible, or show the image as it is; pixels never change."""
        if self.imp is not None:
            display.show_ranges(self.imp, self.wanted if on else self.ranges)

    def save(self, empty=False):
        """Save the outlines of this image and open the next one."""
        if self.image is None:
            return
        areas = manager.outlines()
        if not areas and not empty:
            if asking.confirmed(self.panel, TITLE, EMPTY % self.image, u"Save as empty"):
                self.save(True)
            return
        self.note_edit()
        keys = {u"action": u"save", u"image": self.image, u"border": self.panel.proposing.keys()[u"border"]}
        if empty:
            keys[u"empty"] = True
        self._note_state()
        self.ask(keys, self._go_on, u"Saving %s ..." % self.image, areas)

    def models(self, done):
        """Ask for the names of the models found; done(names)."""
        self.link.names(u"models", done)

    def skip(self):
        """Leave this image out and open the next one."""
        if self.image is not None:
            self._leave()
            self.ask({u"action": u"skip", u"image": self.image}, self._go_on, u"Skipping %s ..." % self.image)

    def undo_save(self):
        """Open the image that was saved last, with its outlines."""
        self._leave()
        self.ask({u"action": u"undo"}, self._open_undone, u"Taking the last save back ...")

    def pick(self):
        """Add images to the dataset."""
        from talanoa_fiji import ui_annotate_start  # which begins sessions

        self.picking = ui_annotate_start.pick(self.link, self.dataset, lambda notes: self.begin(self.image, notes), self.picking)

    def rank(self):
        """Let a model say of which images that wait it is least sure: these come next."""
        self.models(self._rank_by)

    def _rank_by(self, names):
        """Ask by which model, and let it look at the images."""
        model = asking.choice(TITLE, u"Images that wait, the most uncertain first, by the model", names)
        if model is not None:
            self.ask({u"action": u"rank", u"model": model}, self._ranked, u"Looking at the images ...")

    def _ranked(self, reply):
        """Open the image of which the model is least sure, unless one is being annotated."""
        if self.image is None:
            self.begin(None, [reply.get("message") or u""])

    def train(self):
        """Open Train Model with this dataset."""
        self.link.open_command(u"Train Model", {u"images": self.dataset})

    def judge(self):
        """Open Evaluate Model with this dataset."""
        self.link.open_command(u"Evaluate Model", {u"truth": self.dataset})

    def close(self):
        """End the annotation; work that is not saved is autosaved and offered the next time."""
        if self.ended:
            return
        self._leave()
        self.ended = True
        if self.picking is not None:
            self.picking.dispose()
        self.clock.stop()
        self.keys.end()
        ImagePlus.removeImageListener(self.listener)
        manager.next_class(0)
        self._close_image()
        if manager.is_open() or self.kept:
            manager.put(self.kept or [], None)
        self.work.end()
        self.panel.dispose()
        self.link.end()

    # What comes back

    def ask(self, keys, done, text, outlines=None):
        """Send a request; `done` gets its reply when it is good, else the user is told.

        text : what is being done, or None for what takes no time.
        """
        keys = self.complete(keys)
        if text is not None:
            self._work_on(text)
            IJ.resetEscape()

        def answered(reply):
            if self.ended:
                return
            if text is not None:
                self._work_on(None)
            if reply["status"] != u"ok":
                return self._failed(reply)
            if keys[u"action"] not in UNRECORDED:
                options.record(TITLE, sorted(keys.items(), key=lambda item: (-ORDER.find(item[0]), item[0])))
            if keys[u"action"] != u"status":
                self._tell(reply)
            done(reply)

        self.link.send(keys, outlines, answered)

    def _work_on(self, text):
        """Show what is being done, and let keys and buttons wait for it; None when it is over."""
        self.working = text is not None
        self.panel.busy(text)

    def complete(self, keys):
        """Return the keys with those of every request."""
        return dict(dict(self.person, dataset=self.dataset), **keys)

    def _failed(self, reply):
        """Tell what went wrong; the outlines are where they were."""
        text = reply.get("message") or u""
        self.panel.say(text, wrong=reply["status"] == u"error")
        if reply["status"] == u"error":
            ui.message(TITLE, text)

    def _tell(self, reply):
        """Show message, warnings and progress of a reply."""
        lines = self.notes + [reply.get("message") or u""] + list(reply.get("warnings") or [])
        self.panel.say(u"\n".join(line for line in lines if line))
        progress = reply.get("progress")
        if progress is not None:
            done, total = int(progress["done"]), int(progress["total"])
            self.panel.show_progress(done, total, reply.get("status_text") or u"%d of %d" % (done, total))

    def _show_status(self, reply):
        """Show the dataset."""
        table = reply.get("table")
        columns = dict(zip(table["headings"], table["columns"])) if table is not None else {}
        entries = zip(list(columns.get(u"name") or []), list(columns.get(u"status") or []))
        progress = reply["progress"]
        facts = int(progress["done"]), int(progress["total"]), reply.get("status_text") or u""
        self.panel.show_dataset(asking.last_name(self.dataset), entries, *facts)
        self.panel.show_classes(list(reply.get("classes") or []))

    def _go_on(self, reply):
        """After Save or Skip: open the next image."""
        coming, notes = reply.get("next"), self.panel.told.getText()
        self.notes = [notes]
        self.ask({u"action": u"status"}, self._show_status, None)
        if coming is None:
            self._show_nothing()
            return self.panel.say(u"%s\nAll images are done: train a model, or add images." % notes)
        self.ask({u"action": u"next", u"image": coming["name"]}, self._open_next, u"Opening %s ..." % coming["name"])

    def _open_undone(self, reply):
        """After Undo last save: open that image with the outlines that were saved."""
        self.ask({u"action": u"status"}, self._show_status, None)
        self._open(reply["next"], reply.get("rois"), None)

    def _open_next(self, reply):
        """Open what the Python side names."""
        coming = reply.get("next")
        if coming is None:
            self._show_nothing()
            return
        self._open(coming, reply.get("rois"), reply.get("autosave"))

    def _open(self, coming, packed, autosave):
        """Open an image with its outlines; offer what was not saved."""
        self.notes = []
        if self.image is None and self.kept is None and not self._keep_own():
            self.panel.show_closed(True)
            return self.panel.say(CANCELLED)
        imp = IJ.openImage(coming["path"])
        if imp is None:
            return self._failed({"status": u"error", "message": u"%s could not be opened; expected a TIFF image there." % coming["path"]})
        place = self.imp.getWindow().getLocation() if self.imp is not None and self.imp.getWindow() is not None else None
        again = self.imp is None and coming["name"] == self.image  # its window was closed, its outlines are there
        self._leave()
        self._close_image()
        self.image, self.imp = coming["name"], imp
        imp.show()
        self.before, self.ranges = images.fingerprint(imp), display.ranges(imp)
        self.wanted = [(float(low), float(high)) for low, high in coming.get("display") or []] or self.ranges
        display.place(imp, place, self.panel, manager.manager())
        imp.getCanvas().addMouseListener(Clicks(imp))
        self.contrast(self.panel.contrast.isSelected())
        self.panel.show_image(self.image)
        self.panel.show_stack(imp.getStackSize() > 1)
        if again:
            return manager.show_all(imp)
        self.work.begin()
        manager.put(rois.unpack(packed, imp) if packed is not None else [], imp)
        self._note_state()
        if autosave is not None and asking.restores(self.panel, TITLE, self.image, autosave):
            self.ask({u"action": u"restore", u"image": self.image}, self._restored, None)
        elif not manager.outlines():
            self.work.preview()

    def _restored(self, reply):
        """Put autosaved outlines into the ROI Manager."""
        self.work.remember()
        manager.put(rois.unpack(reply["rois"], self.imp), self.imp)

    def _show_nothing(self):
        """No image is left."""
        self._close_image()
        self.image, self.notes = None, []
        manager.put([], None)
        self._note_state()
        self.panel.show_image(None)

    # The ROI Manager, and the image

    def _keep_own(self):
        """Ask what is to become of ROIs that are none of the dataset's; return False to leave all as it is."""
        own = manager.everything()
        answer = asking.own_rois(self.panel, TITLE, own) if own else asking.ASIDE
        if answer == asking.CANCEL:
            return False
        self.kept = own if answer == asking.ASIDE else []
        return True

    def _look(self):
        """Look for what has changed: autosave it, or bring the ROI Manager back."""
        if self.ended or self.image is None or asking.question_open():
            return
        if not manager.is_open():
            manager.put(self.snapshot, self.imp)
            self.panel.say(MANAGER_CLOSED % (len(self.snapshot), self.image), wrong=True)
        now = manager.state()
        self.snapshot = manager.everything()
        if now != self.last and not self.pending:
            self.last = now
            self._autosave()

    def _autosave(self):
        """Save the outlines aside."""
        self.pending = True
        self.link.send(self.complete({u"action": u"autosave", u"image": self.image}), manager.outlines(), self._autosaved)

    def _autosaved(self, reply):
        """Say that the outlines are safe, or that they are not."""
        self.pending = False
        if reply["status"] == u"ok":
            self.panel.saved.setText(AUTOSAVED % SimpleDateFormat(u"HH:mm:ss").format(Date(System.currentTimeMillis())))
            self.panel.saved.setToolTipText(None)
        else:
            self.panel.saved.setText(u"not autosaved")
            self.panel.say(u"Not autosaved: %s" % reply.get("message"), wrong=True)

    def _leave(self):
        """Autosave what is not, before another image comes."""
        self.work.asked += 1
        if self.image is not None and manager.is_open() and manager.state() != self.last:
            self._note_state()
            self._autosave()

    def _note_state(self):
        """The outlines in the ROI Manager are known to the dataset."""
        self.last, self.snapshot = manager.state(), manager.everything()

    def _close_image(self):
        """Close the window of the image without a question: its file is in the dataset."""
        imp, self.imp = self.imp, None
        if imp is not None:
            imp.changes = False
            imp.close()

    def note_edit(self):
        """Say so when pixels were changed."""
        if self.imp is not None and self.imp.getWindow() is not None and images.fingerprint(self.imp) != self.before:
            self.notes = [EDITED % self.image]

    def image_closed(self, imp):
        """The user closed the window of the image; event dispatch thread."""
        if imp is self.imp and not self.ended:
            self.imp = None
            self.panel.show_closed(True)
            self.panel.say(CLOSED % self.image, wrong=True)
            self._leave()

    def _windows(self):
        """Return the windows in which the keys count."""
        found = [self._image_window(), self.panel, self.work.findings, manager.manager() if manager.is_open() else None]
        return [window for window in found if window is not None]

    def _image_window(self):
        """Return the window of the image."""
        return self.imp.getWindow() if self.imp is not None else None

    def _digit(self, number):
        """A number key was pressed."""
        self.work.classify(number)

    def _does(self):
        """Return what the keys do."""
        work, add = self.work, lambda: manager.manager().runCommand(u"Add")
        keys = {u"S": self.save, u"K": self.skip, u"P": work.take, u"C": work.check, u"Z": work.undo_change, u"I": work.interpolate, u"T": add}
        fixes = {u"X": u"split", u"M": u"merge", u"F": u"fill", u"G": u"smooth", u"DELETE": u"delete", u"BACK_SPACE": u"delete"}
        keys.update((key, Fixing(work.fix, name)) for key, name in fixes.items())
        return dict((getattr(KeyEvent, "VK_" + key), does) for key, does in keys.items())
