"""The window for thresholds after a segmentation: sliders, and the outlines on the image at once.

The network's output is kept on the Python side under a handle; only what follows it is done again. Closing or editing the
image ends it, as does this window.
"""
from java.awt import BorderLayout, Dimension, GridLayout
from java.awt.event import ItemListener
from java.lang import Runnable, Thread
from java.util import ArrayList
from java.util.concurrent import LinkedBlockingDeque
from javax.swing import BorderFactory, Box, BoxLayout, JButton, JCheckBox, JFrame, JLabel, JPanel, JSlider
from javax.swing.event import ChangeListener

from ij import ImageListener, ImagePlus
from ij.gui import GUI, Overlay

from talanoa_fiji import client, images, rois, show, ui

TITLE = u"Adjust Thresholds"
NOT_OPEN = u"Thresholds are adjusted on an open image, and a file was named. Open it, and leave the field Image empty."
NOT_KEPT = u"The network's output of this image is too large to be kept. Select a part of it, or run without adjusting."
STEPS = 100  # of a threshold between 0 and 1
LARGEST = 5000  # pixels, end of the size sliders


def possible():
    """Return True where a window can be opened for the running command: not in a macro."""
    return ui.has_window() and not client.current_call().macro


def segment(objects, keys, title):
    """Segment the active image and let the user change thresholds before anything is shown.

    objects : org.scijava.object.ObjectService
    keys : dict
        Of the request.
    title : str
        The name of the command.
    """
    record = client.current_call().record
    reply = client.ask(objects, "segment", dict(keys, out=None), fixed={"handle": u""}, image=True)
    if reply["status"] != u"ok":
        return show.failed(reply, title)
    imp, handle = reply.get("imp"), reply.get("handle")
    if handle is None:
        return ui.message(TITLE, NOT_KEPT if reply.get("thresholds") is not None else NOT_OPEN)
    said = list(reply.get("warnings") or [])
    start = dict((key, reply["request"].get(key)) for key in (u"min_size", u"max_size", u"exclude_border"))
    start.update((key, reply["thresholds"].get(key)) for key in (u"lowest", u"prob_thresh", u"nms_thresh"))

    def again(values, **fixed):
        given = dict((key, value) for key, value in keys.items() if key != "image")
        return client.ask(objects, "segment", dict(given, **values), fixed=dict(fixed, handle=handle))

    def finish(values):
        record(values)
        last = again(values)
        last.put("imp", imp)
        last.put("warnings", ArrayList(said + [text for text in last.get("warnings") or [] if text not in said]))
        show.result(last, title)

    def done(values):
        if values is not None:
            Thread(ui.Do(lambda: finish(values)), u"Talanoa " + title).start()

    ui.later(lambda: ThresholdsWindow(imp, start, lambda values: again(dict(values, out=None), preview=True), done))


class ThresholdsWindow(JFrame):
    """Sliders for what follows the network.

    Parameters
    ----------
    imp : ij.ImagePlus
        The image; its overlay shows the outlines meanwhile.
    start : dict
        prob_thresh, nms_thresh (None: there is none), min_size, max_size (or None), exclude_border, lowest (of the probability).
    ask : function (dict) -> java.util.Map
        Decides anew with these values and returns a reply with ROIs; called on a thread of its own.
    done : function (dict or None)
        Gets the values chosen, or None when nothing is to be done.
    """

    def __init__(self, imp, start, ask, done):
        JFrame.__init__(self, TITLE)
        self.imp, self.ask, self.done, self.ended = imp, ask, done, False
        self.others, self.pixels = _Others(imp), images.fingerprint(imp)
        self.told = JLabel(u" ")
        lowest = int(round(STEPS * start["lowest"]))
        self.prob = _slider(lowest, STEPS, STEPS * start["prob_thresh"])
        overlap = start["nms_thresh"]  # None: parts of a mask do not overlap
        self.nms = None if overlap is None else _slider(0, STEPS, STEPS * overlap)
        self.smallest = _slider(0, LARGEST, start["min_size"])
        self.largest = _slider(0, LARGEST, start["max_size"] or LARGEST)
        self.border = JCheckBox(u"Exclude objects at the border", bool(start["exclude_border"]))
        self._build()
        self.wanted = LinkedBlockingDeque()
        self.listener = _Images(self)
        ImagePlus.addImageListener(self.listener)
        Thread(_Asking(self), u"Talanoa thresholds").start()
        self.changed()
        self.setVisible(True)

    def values(self):
        """Return what is chosen now; event dispatch thread."""
        largest = self.largest.getValue()
        return {
            u"prob_thresh": self.prob.getValue() / float(STEPS),
            u"nms_thresh": None if self.nms is None else self.nms.getValue() / float(STEPS),
            u"min_size": self.smallest.getValue(),
            u"max_size": None if largest == LARGEST else largest,
            u"exclude_border": self.border.isSelected(),
        }

    def changed(self):
        """A slider was moved: show the numbers, and ask for the outlines; event dispatch thread."""
        chosen = self.values()
        for slider, text in (
            (self.prob, u"%.2f" % chosen[u"prob_thresh"]),
            (self.nms, u"%.2f" % (chosen[u"nms_thresh"] or 0)),
            (self.smallest, u"%d" % chosen[u"min_size"]),
            (self.largest, u"any" if chosen[u"max_size"] is None else u"%d" % chosen[u"max_size"]),
        ):
            if slider is not None:
                slider.shown.setText(text)
        self.wanted.clear()
        self.wanted.put(chosen)

    def show_reply(self, reply):
        """Show the outlines of a reply; event dispatch thread."""
        if self.ended:
            return
        if reply["status"] != u"ok":
            self.told.setText(reply.get("message"))
            return
        found = rois.unpack(reply["rois"], self.imp)
        overlay = Overlay()
        for roi in found:
            overlay.add(roi)
        self.imp.setOverlay(overlay)
        self.told.setText(u"%d objects" % found.size())

    def end(self, chosen):
        """Close the window and hand on what was chosen; event dispatch thread."""
        if self.ended:
            return
        self.ended = True
        ImagePlus.removeImageListener(self.listener)
        self.wanted.clear()
        self.wanted.put({})
        self.others.show()
        self.dispose()
        self.done(chosen)

    def image_changed(self):
        """The image was edited or closed: what is kept no longer belongs to it; event dispatch thread."""
        if not self.ended and (self.imp.getWindow() is None or images.fingerprint(self.imp) != self.pixels):
            self.end(None)
            text = u"%s was closed or edited; its thresholds can no longer be changed. Run Segment Objects again."
            ui.message(TITLE, text % self.imp.getTitle())

    def _build(self):
        """Put the parts into the window."""
        rows = JPanel(GridLayout(0, 1, 0, 2))
        for label, slider in (
            (u"Probability/Score Threshold", self.prob),
            (u"Overlap Threshold", self.nms),
            (u"Size from (pixels)", self.smallest),
            (u"Size to (pixels)", self.largest),
        ):
            if slider is not None:
                rows.add(self._row(label, slider))
        rows.add(self.border)
        self.border.addItemListener(_Changed(self))
        content = JPanel(BorderLayout(8, 8))
        content.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        content.add(rows, BorderLayout.CENTER)
        content.add(self._buttons(), BorderLayout.SOUTH)
        self.setContentPane(content)
        self.setDefaultCloseOperation(JFrame.DO_NOTHING_ON_CLOSE)
        self.addWindowListener(ui.Closing(lambda: self.end(None)))
        self.pack()
        GUI.centerOnImageJScreen(self)

    def _row(self, label, slider):
        """Return a labelled slider with its number."""
        row, name = JPanel(BorderLayout(8, 0)), JLabel(label)
        name.setPreferredSize(Dimension(210, 24))
        slider.shown.setPreferredSize(Dimension(50, 24))
        slider.addChangeListener(_Changed(self))
        row.add(name, BorderLayout.WEST)
        row.add(slider, BorderLayout.CENTER)
        row.add(slider.shown, BorderLayout.EAST)
        return row

    def _buttons(self):
        """Return the last row: what was found, OK and Cancel."""
        row, ok, cancel = JPanel(), JButton(u"OK"), JButton(u"Cancel")
        row.setLayout(BoxLayout(row, BoxLayout.X_AXIS))
        ok.addActionListener(ui.Do(lambda: self.end(self.values())))
        cancel.addActionListener(ui.Do(lambda: self.end(None)))
        for part in (self.told, Box.createHorizontalGlue(), ok, Box.createHorizontalStrut(8), cancel):
            row.add(part)
        return row


class _Others(object):
    """Other outlines on an image, of its overlay and of the ROI Manager, hidden from now on; event dispatch thread."""

    def __init__(self, imp):
        canvas = imp.getCanvas()
        self.imp, self.overlay = imp, imp.getOverlay()
        self.of_manager = canvas.getShowAllList() if canvas is not None else None
        if self.of_manager is not None:
            canvas.setShowAllList(None)
        imp.setOverlay(Overlay())

    def show(self):
        """Show them again."""
        canvas = self.imp.getCanvas()
        if canvas is not None and self.of_manager is not None:
            canvas.setShowAllList(self.of_manager)
        self.imp.setOverlay(self.overlay)


class _Slider(JSlider):
    """A slider and the label of its number."""

    def __init__(self, low, high, value):
        JSlider.__init__(self, low, high, max(low, min(high, int(round(value)))))
        self.shown = JLabel(u"")


def _slider(low, high, value):
    """Return a slider that begins at a value."""
    return _Slider(low, high, value)


class _Changed(ChangeListener, ItemListener):
    """Tells the window that something was changed."""

    def __init__(self, window):
        self.window = window

    def stateChanged(self, event):
        self.window.changed()

    def itemStateChanged(self, event):
        self.window.changed()


class _Images(ImageListener):
    """Notices that the image is closed or edited."""

    def __init__(self, window):
        self.window = window

    def imageOpened(self, imp):
        pass

    def imageClosed(self, imp):
        self._look(imp)

    def imageUpdated(self, imp):
        self._look(imp)

    def _look(self, imp):
        if imp is self.window.imp:
            ui.later(self.window.image_changed)


class _Asking(Runnable):
    """Asks for outlines, always with the newest values, until the window ends."""

    def __init__(self, window):
        self.window = window

    def run(self):
        while True:
            chosen = self.window.wanted.take()
            if self.window.ended:
                return
            reply = self.window.ask(chosen)
            ui.later(lambda: self.window.show_reply(reply))
