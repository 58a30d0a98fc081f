"""The part of the annotation window that proposes outlines: by threshold, classical method, model, or from a file."""
from java.awt import BorderLayout, CardLayout, Container, Dimension, FlowLayout, Font
from java.awt.event import ItemListener
from javax.swing import Box, BoxLayout, JButton, JCheckBox, JComboBox, JLabel, JPanel, JSlider, JTextField
from javax.swing.event import ChangeListener, DocumentListener

from ij.io import OpenDialog

from talanoa_fiji import ui

KINDS = ((u"threshold", u"a threshold"), (u"classical", u"a classical method"), (u"model", u"a trained model"), (u"file", u"a file"))
THRESHOLDS = u"huang otsu li triangle yen isodata minimum mean adaptive value".split()
CLASSICAL = u"nuclei er golgi gfp primary".split()
MASKS = ((u"refuse", u"refuse a mask of one value"), (u"split", u"split a mask of one value into its parts"))
LABEL_WIDTH, NUMBER_WIDTH = 122, 42
FONT = Font(Font.SANS_SERIF, Font.PLAIN, 12)
LARGEST = 20000  # pixels: the end of the size sliders


class Proposing(JPanel):
    """Everything that says how objects are proposed.

    changed : function () -> None
        Called when anything was moved, chosen or typed; event dispatch thread.
    models : function (done)
        Calls done(names of the models found) on the event dispatch thread; asked when they are first needed.
    """

    def __init__(self, changed, models):
        JPanel.__init__(self, BorderLayout(0, 4))
        self.tell, self.models, self.quiet = changed, models, False
        self.kind, self.cards = _choice([text for _, text in KINDS]), JPanel(CardLayout())
        self.size_from, self.size_to = Slider(0, LARGEST, 20, power=3), Slider(0, LARGEST, LARGEST, power=3, last=u"any")
        self.solidity = Slider(0, 1, 0, digits=2)
        self.drop = JCheckBox(u"Drop objects cut by the image border")
        cards = (self._threshold(), self._classical(), self._model(), self._file())
        for (name, _), card in zip(KINDS, cards):
            self.cards.add(card, name)
        self.add(row(u"By", self.kind), BorderLayout.NORTH)
        self.add(self.cards, BorderLayout.CENTER)
        self.add(column(
            row(u"Size from (pixels)", self.size_from), row(u"Size to (pixels)", self.size_to),
            row(u"Solidity at least", self.solidity), row(u"", self.drop),
        ), BorderLayout.SOUTH)
        self.solidity.setToolTipText(u"Area divided by the area of the convex outline: 1 is round, merged cells have less.")
        self._listen()

    def keys(self):
        """Return what is chosen now as keys of a request; event dispatch thread."""
        by = self.by()
        keys = {
            u"by": by, u"min_size": self.size_from.number(), u"max_size": self.size_to.number() if not self.size_to.at_end() else None,
            u"solidity": self.solidity.number() or None, u"border": u"drop" if self.drop.isSelected() else u"keep",
        }
        of_kind = (self._threshold_keys, self._classical_keys, self._model_keys, self._file_keys)
        keys.update(of_kind[self.kind.getSelectedIndex()]())
        return dict((key, value) for key, value in keys.items() if value is not None and value != u"")

    def by(self):
        """Return how objects are proposed: threshold, classical, model or file."""
        return KINDS[self.kind.getSelectedIndex()][0]

    def ready(self):
        """Return True when everything that the chosen way needs is there."""
        return bool({u"file": self.path.getText().strip(), u"model": self.model.getItemCount()}.get(self.by(), True))

    def _threshold(self):
        """Return the fields of a threshold."""
        self.threshold, self.sigma = _choice(THRESHOLDS), Slider(0, 6, 1, digits=1)
        self.level, self.block, self.offset = JTextField(6), JTextField(6), JTextField(6)
        self.watershed, self.holes = JCheckBox(u"Split touching (watershed)", True), JCheckBox(u"Fill holes", True)
        self.dark = JCheckBox(u"Dark objects")
        self.depth = Slider(0.5, 6, 0.75, digits=2)
        self.level_row = row(u"Level", self.level)
        self.block_row = row(u"Neighbourhood", _line(self.block, JLabel(u" pixels, offset "), self.offset))
        self.level_row.setVisible(False)
        self.block_row.setVisible(False)
        return column(
            row(u"Method", self.threshold), self.level_row, self.block_row, row(u"Smoothing (pixels)", self.sigma),
            row(u"", _line(self.watershed)), row(u"Depth of a neck", self.depth), row(u"", _line(self.holes, self.dark)),
        )

    def _threshold_keys(self):
        method = self.threshold.getSelectedItem()
        keys = {
            u"threshold": method, u"sigma": self.sigma.number(), u"watershed": self.watershed.isSelected(),
            u"fill_holes": self.holes.isSelected(), u"dark_objects": self.dark.isSelected(),
        }
        if self.watershed.isSelected():
            keys[u"watershed_depth"] = self.depth.number()
        if method == u"value":
            keys[u"level"] = self.level.getText().strip()
        elif method == u"adaptive":
            keys.update({u"block": self.block.getText().strip(), u"offset": self.offset.getText().strip()})
        return keys

    def _classical(self):
        """Return the fields of a classical method."""
        self.classical, self.parameters = _choice(CLASSICAL), JTextField(16)
        self.parameters.setToolTipText(u"For instance: block=181 min_area=50. Empty: as published.")
        return column(row(u"Method", self.classical), row(u"Parameters", self.parameters))

    def _classical_keys(self):
        return {u"classical": self.classical.getSelectedItem(), u"parameters": self.parameters.getText().strip()}

    def _model(self):
        """Return the fields of a model."""
        self.model, self.own = _choice([]), JCheckBox(u"The model's own threshold", True)
        self.probability = Slider(0.05, 0.95, 0.5, digits=2)
        self.probability.setEnabled(False)
        return column(row(u"Model", self.model), row(u"", self.own), row(u"Probability", self.probability))

    def _model_keys(self):
        keys = {u"model": self.model.getSelectedItem() or u"nuclei"}
        if not self.own.isSelected():
            keys[u"prob_thresh"] = self.probability.number()
        return keys

    def _file(self):
        """Return the fields of a file."""
        self.path, browse = JTextField(14), JButton(u"Browse ...")
        self.mask = _choice([text for _, text in MASKS])
        self.path.setToolTipText(u"Label image, ROI zip, Cellpose, Labkit, CTC, QuPath GeoJSON")
        browse.addActionListener(ui.Do(self._browse))
        line = JPanel(BorderLayout(4, 0))
        line.add(self.path, BorderLayout.CENTER)
        line.add(browse, BorderLayout.EAST)
        return column(row(u"File", line), row(u"", self.mask))

    def _file_keys(self):
        return {u"file": self.path.getText().strip(), u"mask": MASKS[self.mask.getSelectedIndex()][0]}

    def _browse(self):
        """Let the user choose the file."""
        dialog = OpenDialog(u"Label image, ROI zip or GeoJSON", u"")
        if dialog.getPath() is not None:
            self.path.setText(dialog.getPath())

    def _listen(self):
        """Notice every change."""
        listener = _Changed(self._changed)
        for slider in (self.size_from, self.size_to, self.solidity, self.sigma, self.depth, self.probability):
            slider.addChangeListener(listener)
        for box in (self.drop, self.watershed, self.holes, self.dark, self.own):
            box.addItemListener(listener)
        for choice in (self.kind, self.threshold, self.classical, self.model, self.mask):
            choice.addItemListener(listener)
        for text in (self.level, self.block, self.offset, self.parameters, self.path):
            text.getDocument().addDocumentListener(listener)

    def _changed(self):
        """Show the fields that belong to what is chosen, and pass the change on."""
        if self.quiet:
            return
        by, method = self.by(), self.threshold.getSelectedItem()
        self.cards.getLayout().show(self.cards, by)
        self.level_row.setVisible(method == u"value")
        self.block_row.setVisible(method == u"adaptive")
        self.depth.setEnabled(self.watershed.isSelected())
        self.probability.setEnabled(not self.own.isSelected())
        if by == u"model" and not self.model.getItemCount():
            self.models(self._fill_models)
        else:
            self.tell()

    def _fill_models(self, names):
        """Offer the models found now."""
        self.quiet = True
        for name in names:
            self.model.addItem(name)
        self.quiet = False
        self.tell()


class Slider(JPanel):
    """A slider with its number beside it.

    low, high, value : float
        Ends and beginning.
    digits : int
        Digits after the point.
    power : float
        More than 1 gives small numbers more room.
    last : text, optional
        Shown instead of the highest number.
    """

    def __init__(self, low, high, value, digits=0, power=1.0, last=None):
        JPanel.__init__(self, BorderLayout(4, 0))
        self.low, self.high, self.digits, self.power, self.last = low, high, digits, power, last
        self.slider, self.shown = JSlider(0, 1000), JLabel(u"")
        self.slider.setPreferredSize(Dimension(120, 20))
        self.shown.setPreferredSize(Dimension(NUMBER_WIDTH, 20))
        self.add(self.slider, BorderLayout.CENTER)
        self.add(self.shown, BorderLayout.EAST)
        self.slider.addChangeListener(_Changed(self._show))
        self.set_number(value)
        self._show()

    def number(self):
        """Return what it is set to."""
        part = (self.slider.getValue() / 1000.0) ** self.power
        value = self.low + part * (self.high - self.low)
        return int(round(value)) if not self.digits else round(value, self.digits)

    def set_number(self, value):
        """Move it."""
        part = (value - self.low) / float(self.high - self.low)
        self.slider.setValue(int(round(1000 * part ** (1.0 / self.power))))

    def at_end(self):
        """Return True at the highest number."""
        return self.slider.getValue() == 1000

    def setEnabled(self, enabled):
        """Let it be moved or not."""
        self.slider.setEnabled(enabled)
        self.shown.setEnabled(enabled)

    def setToolTipText(self, text):
        """Explain it."""
        self.slider.setToolTipText(text)

    def addChangeListener(self, listener):
        """Let a listener know of every move."""
        self.slider.addChangeListener(listener)

    def _show(self):
        """Show the number."""
        self.shown.setText(self.last if self.last and self.at_end() else u"%.*f" % (self.digits, self.number()))


class _Changed(ChangeListener, ItemListener, DocumentListener):
    """Calls a function whenever something was moved, chosen or typed."""

    def __init__(self, function):
        self.function = function

    def stateChanged(self, event):
        self.function()

    def itemStateChanged(self, event):
        self.function()

    def insertUpdate(self, event):
        self.function()

    def removeUpdate(self, event):
        self.function()

    def changedUpdate(self, event):
        self.function()


def row(label, part):
    """Return a part with its label before it."""
    made, name = JPanel(BorderLayout(6, 0)), JLabel(label)
    name.setPreferredSize(Dimension(LABEL_WIDTH, 22))
    name.setToolTipText(label or None)
    made.add(name, BorderLayout.WEST)
    made.add(part, BorderLayout.CENTER)
    return made


def column(*parts):
    """Return parts below each other, at the top of their room."""
    made, outer = JPanel(), JPanel(BorderLayout())
    made.setLayout(BoxLayout(made, BoxLayout.Y_AXIS))
    for part in parts:
        made.add(part)
        made.add(Box.createVerticalStrut(2))
    outer.add(made, BorderLayout.NORTH)
    return outer


def plain(container):
    """Give all parts of a container one font, which takes less room than Swing's bold one."""
    for part in container.getComponents():
        part.setFont(FONT)
        if isinstance(part, Container):
            plain(part)


def _line(*parts):
    """Return parts beside each other."""
    made = JPanel(FlowLayout(FlowLayout.LEFT, 0, 0))
    for part in parts:
        made.add(part)
        made.add(Box.createHorizontalStrut(4))
    return made


def _choice(items):
    """Return a list to choose from."""
    made = JComboBox()
    for item in items:
        made.addItem(item)
    made.setMaximumRowCount(12)
    return made
