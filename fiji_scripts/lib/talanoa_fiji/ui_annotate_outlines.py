"""What is done with the outlines of the image that is being annotated: proposals, classes, fixes, the check."""
from ij.gui import Line, Overlay

from talanoa_fiji import rois
from talanoa_fiji import ui_annotate_display as display
from talanoa_fiji import ui_annotate_rois as manager
from talanoa_fiji.ui_annotate_check import Findings

UNDO = 50  # changes that can be taken back
NOTHING_SELECTED = u"No outline is selected. Click one on the image, or choose it in the ROI Manager."


class Outlines(object):
    """The outlines of the open image; everything here runs on the event dispatch thread.

    session : ui_annotate_session.Session
        Knows the image and the panel, and asks the Python side.
    """

    def __init__(self, session):
        self.session, self.history, self.asked, self.findings = session, [], 0, None
        self.number = 0  # the class of what comes next

    def begin(self):
        """Another image was opened: nothing can be taken back, no proposal is awaited, and the findings are old."""
        self.history, self.asked = [], self.asked + 1
        if self.findings is not None:
            self.findings.setVisible(False)

    def end(self):
        """The annotation ends."""
        self.asked += 1
        if self.findings is not None:
            self.findings.dispose()

    def preview(self):
        """Show what would be proposed now, as an overlay of the image."""
        self.asked += 1
        if self.session.imp is None:
            return
        if not self.session.panel.preview.isSelected() or not self.session.panel.proposing.ready():
            return self.clear_preview()
        number, keys = self.asked, self._proposal()
        self.session.panel.count.setText(u"Looking for objects ...")
        self.session.link.send(keys, None, lambda reply: self._show_preview(reply, number), lambda: number == self.asked)

    def take(self):
        """Put the proposed outlines into the ROI Manager, beside those there."""
        self._take(False)

    def take_only(self):
        """Put the proposed outlines into the ROI Manager, instead of those there; Undo brings these back."""
        self._take(True)

    def classify(self, number):
        """Give the selected outlines a class; where none is selected, those that are drawn or proposed next."""
        areas = manager.outlines()
        chosen = [areas[k] for k in manager.selected()]
        if not chosen:
            self.number = number
            manager.next_class(number)
        else:
            manager.set_class(chosen, number)
            self.session.panel.say(u"%s: class %d" % (u", ".join(roi.getName() or u"?" for roi in chosen[:5]), number))
        self.session.panel.choose_class(self.number)
        if self.session.imp is not None:
            self.session.imp.updateAndDraw()

    def fix(self, name, chosen=None):
        """Split, merge, fill, smooth or delete outlines.

        chosen : list of ij.gui.Roi
            Omitted: those selected.
        """
        areas = manager.outlines()
        rows = manager.selected() if chosen is None else [manager.index_of(roi, areas) for roi in chosen]
        rows = sorted(k for k in rows if k >= 0)
        cut = self._cut() if name == u"split" else None
        if cut is not None and not rows:
            rows = [k for k in [manager.index_of(manager.at(*cut[1:]), areas)] if k >= 0]
        if not rows and name == u"delete" and self.session.imp is not None and self.session.imp.getRoi() is not None:
            return self.session.imp.deleteRoi()  # drawn, and not added yet
        if not rows:
            return self.session.panel.say(NOTHING_SELECTED)
        if name == u"delete":
            return self._delete([areas[k] for k in rows])
        keys = {u"action": u"fix", u"fix": name, u"index": u",".join(unicode(k) for k in rows), u"image": self.session.image}
        if cut is not None:
            keys[u"line"] = cut[0]
        self.session.ask(keys, lambda reply: self._changed(reply, areas, rows), None, areas)

    def _delete(self, gone):
        """Take outlines out of the ROI Manager."""
        self.remember()
        manager.put([roi for roi in manager.everything() if manager.index_of(roi, gone) < 0], self.session.imp)
        manager.select([], self.session.imp)
        self._check_again()

    def _cut(self):
        """Return the straight line drawn on the image as a key, with its middle (x, y) and the image; None without one."""
        imp = self.session.imp
        line = imp.getRoi() if imp is not None else None
        if not isinstance(line, Line):
            return None
        ends = (line.x1d, line.y1d, line.x2d, line.y2d)
        return u"%.2f,%.2f,%.2f,%.2f" % ends, int((ends[0] + ends[2]) // 2), int((ends[1] + ends[3]) // 2), imp

    def interpolate(self):
        """Draw the slices between outlined ones, of the selected objects, else of all."""
        areas, keys = manager.outlines(), {u"action": u"interpolate", u"image": self.session.image}
        rows = manager.selected()
        if rows:
            keys[u"index"] = u",".join(unicode(k) for k in rows)
        self.session.ask(keys, lambda reply: self._changed(reply, areas, rows), u"Interpolating ...", areas)

    def undo_change(self):
        """Take the last proposal, fix or interpolation back."""
        if not self.history:
            return self.session.panel.say(u"Nothing to take back on this image. Undo last save opens the image before.")
        manager.put(self.history.pop(), self.session.imp)
        self.session.panel.say(u"Taken back.")
        self._check_again()

    def check(self):
        """List what looks doubtful."""
        areas = manager.outlines()
        self.session.ask({u"action": u"check", u"image": self.session.image}, lambda reply: self._show_findings(reply, areas), None, areas)

    def _show_preview(self, reply, number):
        """Show proposed outlines as an overlay, unless something else was asked for since."""
        if self.session.ended or number != self.asked or self.session.imp is None:
            return
        if reply["status"] != u"ok":
            self.clear_preview()
            return self.session.panel.say(reply.get("message"), wrong=True)
        found, overlay = rois.unpack(reply["rois"], self.session.imp), Overlay()
        for roi in found:
            roi.setStrokeColor(display.PROPOSED)
            overlay.add(roi)
        self.session.imp.setOverlay(overlay)
        self.session.panel.count.setText(u"%d proposed (magenta)" % found.size())

    def clear_preview(self):
        """Show no proposal."""
        if self.session.imp is not None:
            self.session.imp.setOverlay(None)
        self.session.panel.count.setText(u" ")

    def _take(self, alone):
        """Ask for the proposal and put it into the ROI Manager."""
        if self.session.imp is not None and self.session.panel.proposing.ready():
            self.asked += 1
            self.session.ask(self._proposal(), lambda reply: self._taken(reply, alone), u"Proposing ...")

    def _taken(self, reply, alone):
        """Put proposed outlines into the ROI Manager."""
        self.remember()
        found = list(rois.unpack(reply["rois"], self.session.imp))
        if self.number:
            manager.set_class([roi for roi in found if not roi.getGroup()], self.number)
        self.clear_preview()
        if alone:
            manager.put(found, self.session.imp)
        else:
            manager.add(found, self.session.imp)

    def _proposal(self):
        """Return the keys of a proposal as chosen now."""
        return self.session.complete(dict(self.session.panel.proposing.keys(), action=u"propose", image=self.session.image))

    def _changed(self, reply, before, rows):
        """Put outlines that were changed into the ROI Manager; those that were not stay as they are."""
        new, changed = list(rois.unpack(reply["rois"], self.session.imp)), set(int(k) for k in reply.get("changed") or [])
        old = [roi for k, roi in enumerate(before) if k not in rows]
        same = [k for k in range(len(new)) if k not in changed]
        if len(old) == len(same):
            for k, roi in zip(same, old):
                new[k] = roi
        self.remember()
        manager.put(new, self.session.imp)
        manager.select([roi for k, roi in enumerate(manager.outlines()) if k in changed][:1], self.session.imp)
        self._check_again()

    def _check_again(self):
        """Bring the table of findings up to date, if it is shown."""
        if self.findings is not None and self.findings.isVisible():
            self.check()

    def _show_findings(self, reply, areas):
        """List findings in their window."""
        if self.findings is None or not self.findings.isDisplayable():
            self.findings = Findings(self.show_outlines, self.fix, self.check, self.show_whole)
        self.findings.show_table(self.session.image, reply["table"], areas)

    def show_outlines(self, chosen):
        """Select outlines and show them from near."""
        if self.session.imp is None or self.session.imp.getWindow() is None or not chosen:
            return
        manager.show_slice(chosen[0], self.session.imp)
        manager.select(chosen, self.session.imp)
        display.close_up(self.session.imp, chosen)
        self.session.imp.getWindow().toFront()

    def show_whole(self):
        """Show the whole image again."""
        if self.session.imp is not None and self.session.imp.getWindow() is not None:
            display.whole(self.session.imp)

    def remember(self):
        """Note the outlines, for Undo."""
        self.history = (self.history + [manager.everything()])[-UNDO:]


class Fixing(object):
    """A fix of the selected outlines, as a function without parameters."""

    def __init__(self, fix, name):
        self.fix, self.name = fix, name

    def __call__(self):
        self.fix(self.name)
