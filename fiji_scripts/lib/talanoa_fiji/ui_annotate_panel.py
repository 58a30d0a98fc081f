"""The window of an annotation, beside the image: what is shown and pressed. What it does is in `ui_annotate_session`."""
from java.awt import BorderLayout, Color, Dimension, FlowLayout, Font, GridLayout
from java.awt.event import ItemListener
from javax.swing import BorderFactory, Box, BoxLayout, JButton, JCheckBox, JComboBox, JFrame, JLabel, JPanel, JProgressBar
from javax.swing import JScrollPane, JTextArea, ScrollPaneConstants

from ij import IJ
from ij.gui import GUI

from talanoa_fiji import ui
from talanoa_fiji.ui_annotate_outlines import Fixing
from talanoa_fiji.ui_annotate_propose import Proposing, column, plain, row

OPEN = u"talanoa.annotate"  # the name of the window: all Jython engines find it by that
WIDTH = 430
NO_CLASS = u"0  none"
USUAL, WRONG = Color(0x222222), Color(0xB00020)
FIXES = (
    (u"split", u"Split", u"X", u"Splits the selected outline at its neck, or along a straight line drawn across it."),
    (u"merge", u"Merge", u"M", u"Makes one outline of those selected (Shift and a click on the image selects another one)."),
    (u"fill", u"Fill holes", u"F", u"Fills the holes of the selected outlines."),
    (u"smooth", u"Smooth", u"G", u"Smooths the selected outlines."),
    (u"delete", u"Delete", u"Del", u"Deletes the selected outlines."),
)


class AnnotatePanel(JFrame):
    """Head, proposals, classes, fixes, check, and Save and next.

    actions : ui_annotate_session.Session
        Opens, saves, skips.
    work : ui_annotate_outlines.Outlines
        Proposes, corrects, checks.
    """

    def __init__(self, actions, work):
        JFrame.__init__(self, u"Annotate")
        self.setName(OPEN)
        self.actions, self.work, self.quiet = actions, work, True
        self.what, self.done, self.bar = JLabel(u" "), JLabel(u" "), JProgressBar(0, 1)
        self.told, self.saved, self.count = _text(), JLabel(u" "), JLabel(u" ")
        self.pictures, self.classes = JComboBox(), JComboBox()
        self.buttons = {}
        self._build()
        self.quiet = False
        self.show_image(None)
        self.setDefaultCloseOperation(JFrame.DO_NOTHING_ON_CLOSE)
        self.addWindowListener(ui.Closing(actions.close))
        self.setAutoRequestFocus(False)  # the image keeps the keyboard
        self.pack()
        self._place()

    def show_dataset(self, name, entries, done, total, status):
        """Show the images of the dataset, and how many are done; event dispatch thread.

        entries : list of (name, status)
        """
        self.setTitle(u"Annotate " + name)
        chosen = self._chosen()
        self.quiet = True
        self.pictures.removeAllItems()
        for image, state in entries:
            self.pictures.addItem(_entry(image, state))
        self._choose(chosen)
        self.quiet = False
        self.show_progress(done, total, status)

    def show_progress(self, done, total, status):
        """Show how many images are done; event dispatch thread."""
        self.bar.setMaximum(max(1, total))
        self.bar.setValue(done)
        self.done.setText(u"%s done" % status)

    def show_image(self, name):
        """Show which image is being annotated; None for none; event dispatch thread."""
        self.what.setText(name or u"No image")
        self.show_closed(False)
        self.quiet = True
        self._choose(name)
        self.quiet = False
        self.enable(name is not None)

    def show_closed(self, closed):
        """Offer to open the image again whose window was closed; event dispatch thread."""
        self.buttons[u"again"].setVisible(closed)
        self.validate()

    def show_classes(self, names):
        """Offer the classes of the dataset; without any, the choice is hidden; event dispatch thread."""
        self.quiet = True
        self.classes.removeAllItems()
        self.classes.addItem(NO_CLASS)
        for number, name in enumerate(names, start=1):
            self.classes.addItem(u"%d  %s" % (number, name))
        self.quiet = False
        self.class_row.setVisible(bool(names))
        self._fit()

    def show_stack(self, stack):
        """Offer what only stacks need; event dispatch thread."""
        self.buttons[u"interpolate"].setVisible(stack)

    def choose_class(self, number):
        """Show the class that was chosen by a key; event dispatch thread."""
        if number < self.classes.getItemCount():
            self.quiet = True
            self.classes.setSelectedIndex(number)
            self.quiet = False

    def say(self, text, wrong=False):
        """Show a message; event dispatch thread."""
        self.told.setForeground(WRONG if wrong else USUAL)
        self.told.setText(text or u" ")
        self.told.setCaretPosition(0)

    def busy(self, text):
        """Show that something is being done; None when it is over; event dispatch thread."""
        self.bar.setIndeterminate(text is not None)
        if text is not None:
            self.say(text)
        self.enable(text is None and self.actions.image is not None)

    def enable(self, able):
        """Let the buttons be pressed that need an image; event dispatch thread."""
        for name, button in self.buttons.items():
            if name not in (u"undo_save", u"train", u"judge", u"pick", u"again", u"rank"):
                button.setEnabled(able)

    def _build(self):
        """Put the parts together."""
        content = JPanel()
        content.setLayout(BoxLayout(content, BoxLayout.Y_AXIS))
        content.setBorder(BorderFactory.createEmptyBorder(6, 6, 6, 6))
        for part in (self._head(), self._proposals(), self._corrections(), self._checks(), self._foot()):
            part.setAlignmentX(0.0)
            content.add(part)
            content.add(Box.createVerticalStrut(4))
        plain(content)
        self.what.setFont(Font(Font.SANS_SERIF, Font.BOLD, 15))
        self.buttons[u"save"].setFont(Font(Font.SANS_SERIF, Font.BOLD, 12))
        outer = JPanel(BorderLayout())
        outer.add(content, BorderLayout.NORTH)
        scroll = JScrollPane(outer, ScrollPaneConstants.VERTICAL_SCROLLBAR_AS_NEEDED, ScrollPaneConstants.HORIZONTAL_SCROLLBAR_NEVER)
        scroll.setBorder(BorderFactory.createEmptyBorder())
        scroll.getVerticalScrollBar().setUnitIncrement(16)
        self.setContentPane(scroll)

    def _head(self):
        """Return which image it is, how many are done, and the brightness."""
        first = JPanel(BorderLayout(8, 0))
        first.add(self.what, BorderLayout.CENTER)
        first.add(self.done, BorderLayout.EAST)
        self.contrast = JCheckBox(u"Auto-contrast (display only; pixels stay as they are)", True)
        self.contrast.addItemListener(_Chosen(self._contrast_chosen))
        self.pictures.addItemListener(_Chosen(self._picture_chosen))
        go = JPanel(BorderLayout(6, 0))
        go.add(self.pictures, BorderLayout.CENTER)
        buttons = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
        buttons.add(self._button(u"again", u"Open again", self.actions.open_again, u"Opens the image whose window was closed."))
        buttons.add(self._button(u"pick", u"Add images ...", self.actions.pick))
        self.buttons[u"again"].setVisible(False)
        go.add(buttons, BorderLayout.EAST)
        return column(first, self._gap(self.bar), go, _left(self.contrast))

    def _proposals(self):
        """Return the part that proposes outlines."""
        self.proposing = Proposing(self._propose_changed, self.actions.models)
        self.preview = JCheckBox(u"Preview", True)
        self.preview.setToolTipText(u"Shows the outlines while sliders move, and at once on an image without any.")
        self.preview.addItemListener(_Chosen(self.work.preview))
        line = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
        line.add(self.preview)
        line.add(self._button(u"take", u"Propose (P)", self.work.take, u"Puts the proposed outlines into the ROI Manager, beside those there."))
        line.add(self._button(u"take_only", u"Replace all", self.work.take_only, u"The same, instead of the outlines in the ROI Manager."))
        part = column(self.proposing, line, _left(self.count))
        part.setBorder(_titled(u"1  Propose outlines"))
        return part

    def _corrections(self):
        """Return classes and fixes."""
        self.classes.addItemListener(_Chosen(self._class_chosen))
        self.class_row = row(u"Class (keys 0-9)", self.classes)
        self.class_row.setToolTipText(u"Of the selected outlines; with none selected, of those drawn or proposed next.")
        fixes = JPanel(GridLayout(0, 3, 4, 4))
        for name, label, key, hint in FIXES:
            fixes.add(self._button(name, u"%s (%s)" % (label, key), Fixing(self.work.fix, name), hint))
        fixes.add(self._button(u"undo", u"Undo (Z)", self.work.undo_change, u"Takes the last proposal or fix back."))
        between = _left(self._button(u"interpolate", u"Interpolate (I)", self.work.interpolate, u"Draws the slices between outlined ones."))
        hint = JLabel(u"Draw with any area tool, T adds the outline. A click selects one.")
        part = column(_left(hint), self.class_row, fixes, between)
        part.setBorder(_titled(u"2  Correct them"))
        return part

    def _checks(self):
        """Return the check."""
        line = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
        line.add(self._button(u"check", u"Check ... (C)", self.work.check, u"Lists overlaps, merged-looking, tiny and other doubtful outlines."))
        line.add(JLabel(u"lists what looks doubtful"))
        part = column(line)
        part.setBorder(_titled(u"3  Check"))
        return part

    def _foot(self):
        """Return Save and next, what was said, and where to go from here."""
        save = JPanel(GridLayout(1, 3, 4, 0))
        save.add(self._button(u"save", u"Save and next (S)", self.actions.save))
        save.add(self._button(u"skip", u"Skip (K)", self.actions.skip, u"The image is left out of training, and not offered again."))
        save.add(self._button(u"undo_save", u"Undo last save", self.actions.undo_save, u"Opens the image saved last, with its outlines."))
        said = JScrollPane(self.told)
        said.setPreferredSize(Dimension(WIDTH - 40, 76))
        said.setBorder(BorderFactory.createEmptyBorder())
        last = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
        last.add(self._button(u"rank", u"Rank ...", self.actions.rank, u"Offers the images first of which a model is least sure."))
        last.add(self._button(u"train", u"Train ...", self.actions.train, u"Opens Train Model with this dataset."))
        last.add(self._button(u"judge", u"Judge ...", self.actions.judge, u"Opens Evaluate Model with this dataset."))
        last.add(self.saved)
        part = column(save, said, last)
        part.setBorder(_titled(u"4  Save"))
        return part

    def _button(self, name, label, act, hint=None):
        """Return a button; it does not take the keyboard from the image."""
        button = JButton(label)
        button.setMargin(type(button.getMargin())(2, 6, 2, 6))
        button.setFocusable(False)
        button.setToolTipText(hint)
        button.addActionListener(ui.Do(act))
        self.buttons[name] = button
        return button

    def _gap(self, part):
        """Return a part with some room above and below."""
        box = JPanel(BorderLayout())
        box.setBorder(BorderFactory.createEmptyBorder(4, 0, 4, 0))
        box.add(part)
        return box

    def _place(self):
        """Put the window at the right edge of the screen, whole."""
        room = GUI.getMaxWindowBounds(IJ.getInstance())
        top = IJ.getInstance().getY() + IJ.getInstance().getHeight() - room.y  # below ImageJ's own window, if there is room
        self.setSize(max(WIDTH, self.getPreferredSize().width), min(self.getPreferredSize().height + 8, room.height))
        self.setLocation(room.x + room.width - self.getWidth(), room.y + max(0, min(top, room.height - self.getHeight())))

    def _fit(self):
        """Take the height that all parts need."""
        room = GUI.getMaxWindowBounds(IJ.getInstance())
        self.setSize(self.getWidth(), min(self.getPreferredSize().height + 8, room.y + room.height - self.getY()))
        self.validate()

    def _chosen(self):
        """Return the name of the image chosen in the list, or None."""
        item = self.pictures.getSelectedItem()
        return item[2:] if item is not None else None

    def _choose(self, name):
        """Choose an image in the list by its name."""
        for k in range(self.pictures.getItemCount()):
            if self.pictures.getItemAt(k)[2:] == name:
                self.pictures.setSelectedIndex(k)

    def _picture_chosen(self):
        if not self.quiet and self._chosen() is not None:
            self.actions.go_to(self._chosen())

    def _contrast_chosen(self):
        if not self.quiet:
            self.actions.contrast(self.contrast.isSelected())

    def _class_chosen(self):
        if not self.quiet:
            self.work.classify(max(0, self.classes.getSelectedIndex()))

    def _propose_changed(self):
        if not self.quiet:
            self.work.preview()
        self._fit()


class _Chosen(ItemListener):
    """Calls a function when something is chosen (not when the choice before is given up)."""

    def __init__(self, function):
        self.function = function

    def itemStateChanged(self, event):
        if event.getStateChange() == event.SELECTED or isinstance(event.getSource(), JCheckBox):
            self.function()


def _entry(name, state):
    """Return the line of an image in the list: a mark for its status, and its name."""
    return {u"done": u"\u2713 ", u"skipped": u"\u2013 "}.get(state, u"\u00b7 ") + name


def _titled(text):
    """Return a border with a title."""
    line = BorderFactory.createLineBorder(Color(0xBBBBBB))
    titled = BorderFactory.createTitledBorder(line, text)
    titled.setTitleFont(Font(Font.SANS_SERIF, Font.BOLD, 12))
    return BorderFactory.createCompoundBorder(titled, BorderFactory.createEmptyBorder(0, 4, 2, 4))


def _left(part):
    """Return a part at the left of its line."""
    line = JPanel(BorderLayout())
    line.add(part, BorderLayout.WEST)
    return line


def _text():
    """Return a field for messages of several lines."""
    made = JTextArea(u" ")
    made.setEditable(False)
    made.setFocusable(False)
    made.setLineWrap(True)
    made.setWrapStyleWord(True)
    made.setOpaque(False)
    made.setFont(Font(Font.SANS_SERIF, Font.PLAIN, 12))
    return made
