"""The first windows of an annotation: which dataset, and which images are put into it."""
from java.awt import BorderLayout, Dimension, FlowLayout, Font
from java.awt.event import ItemListener
from java.io import File
from java.lang import Integer, System
from javax.swing import BorderFactory, ButtonGroup, JButton, JCheckBox, JComboBox, JFileChooser, JFrame, JLabel, JPanel
from javax.swing import JRadioButton, JSpinner, JTextField, SpinnerNumberModel

from ij import Prefs, WindowManager
from ij.gui import GUI

from talanoa_fiji import options, ui
from talanoa_fiji import ui_annotate_ask as asking
from talanoa_fiji.ui_annotate_propose import column, plain, row
from talanoa_fiji.ui_annotate_session import Session

TITLE, PICK = u"Annotate Images", u"Add Images"
LAST, WHO = u"talanoa.annotate.dataset", u"talanoa.annotate.who"
MARK = u"dataset.json"
CUTS = (
    (u"none", u"as they are"), (u"planes", u"every plane on its own"),
    (u"frames", u"every frame on its own"), (u"both", u"every plane of every frame"),
)  # fmt: skip
TILES = (u"whole images", u"256", u"512", u"1024")
FOLDER, FILES, OPEN = u"a folder: the most diverse", u"files chosen by hand", u"the open image"
FIELD = 22  # columns of a text field


def begin(objects):
    """Show the annotation that is open, or ask for a dataset; event dispatch thread."""
    for window in (asking.running(), _open_window(TITLE)):
        if window is not None:
            window.setVisible(True)
            window.toFront()
            return
    Start(asking.Link(objects))


def pick(link, dataset, done, before=None):
    """Ask for images to add to a dataset and return the window; done(notes) when there are some; event dispatch thread.

    before : Pick or None
        The window of the last time: it is shown again if it is still open.
    """
    if before is None or not before.isShowing():
        return Pick(link, dataset, done)
    before.toFront()
    return before


class Start(JFrame):
    """Which dataset: one that is there, or a new one; event dispatch thread.

    link : ui_annotate_ask.Link
    """

    def __init__(self, link):
        JFrame.__init__(self, TITLE)
        self.link = link
        self.old, self.new = JRadioButton(u"Open a dataset", True), JRadioButton(u"Make a new one")
        group = ButtonGroup()
        for button in (self.old, self.new):
            group.add(button)
            button.addItemListener(_Changed(self._chosen))
        self.folder, self.classes = JTextField(Prefs.get(LAST, u""), FIELD), JTextField(FIELD)
        self.who = JTextField(Prefs.get(WHO, System.getProperty("user.name") or u""), FIELD)
        self.further = JCheckBox(u"as a further person: outlined again, kept apart, to compare the two")
        self.classes.setToolTipText(u"Names with commas between: nucleus, dividing nucleus. Empty: all objects are of one kind.")
        hint, self.told = _hint()
        if not self.folder.getText():
            self.new.setSelected(True)
        _frame(self, [
            _bold(u"Ground truth for training and for judging a model"),
            _beside(self.old, self.new),
            row(u"Folder", _with_button(self.folder, u"Browse ...", self._browse)),
            row(u"Classes", self.classes), row(u"Who annotates", self.who), row(u"", self.further), hint,
        ], [(u"Next", self._next), (u"Cancel", self._cancel)], self._cancel)
        self._chosen()
        self.setVisible(True)

    def _chosen(self):
        """Say what the folder is for."""
        self.classes.setEnabled(self.new.isSelected())
        self.further.setEnabled(self.old.isSelected())
        text = u"A new or an empty folder. It gets images, masks and rois; your originals stay as they are."
        self.told.setText(text if self.new.isSelected() else u"The folder that holds dataset.json, or images and masks of the same names.")

    def _browse(self):
        path = _choose_folder(self, self.folder.getText())
        if path is not None:
            self.folder.setText(path)
            self.old.setSelected(File(path, MARK).isFile())
            self.new.setSelected(not File(path, MARK).isFile())

    def _next(self):
        """Make or open the dataset."""
        folder = self.folder.getText().strip()
        if not folder:
            return ui.message(TITLE, u"No folder was named; expected that of a dataset, or of a new one. Choose it by Browse ...")
        keys = {u"action": u"new" if self.new.isSelected() else u"status", u"dataset": folder}
        if self.new.isSelected() and self.classes.getText().strip():
            keys[u"classes"] = self.classes.getText().strip()
        if self.who.getText().strip() and self.new.isSelected():
            keys[u"who"] = self.who.getText().strip()
        if self.further.isSelected() and self.old.isSelected():
            if not self.who.getText().strip():
                return ui.message(TITLE, u"No name was given; expected who annotates, to keep the outlines apart.")
            keys[u"annotator"] = self.who.getText().strip()
        self.link.send(keys, None, lambda reply: self._answered(reply, keys))

    def _answered(self, reply, keys):
        """Go on to the images, or to the annotation."""
        if reply["status"] != u"ok":
            return ui.message(TITLE, reply.get("message"))
        options.record(TITLE, sorted(keys.items()))
        folder, who = keys[u"dataset"], self.who.getText().strip()
        Prefs.set(LAST, folder)
        Prefs.set(WHO, who)
        self.dispose()
        if int(reply["progress"]["total"]):
            Session(self.link, folder, who, u"annotator" in keys).begin()
        else:
            Pick(self.link, folder, lambda notes: Session(self.link, folder, who).begin(notes=notes), self.link.end)

    def _cancel(self):
        self.link.end()
        self.dispose()


class Pick(JFrame):
    """Which images are put into a dataset; event dispatch thread.

    link : ui_annotate_ask.Link
    dataset : text
    done : function (list of text)
        Called when images were added, with what there is to say about them.
    given_up : function (), optional
    """

    def __init__(self, link, dataset, done, given_up=lambda: None):
        JFrame.__init__(self, PICK)
        self.link, self.dataset, self.done, self.given_up = link, dataset, done, given_up
        self.imp = WindowManager.getCurrentImage()
        self.kind, self.source = _choice([FOLDER, FILES] + [OPEN] * (self.imp is not None)), JTextField(FIELD)
        self.count, self.every = JSpinner(SpinnerNumberModel(20, 1, 100000, 1)), JCheckBox(u"all of them")
        self.cut, self.tile = _choice([text for _, text in CUTS]), _choice(TILES)
        self.dims, self.series = JTextField(5), JTextField(3)
        self.browse = _button(u"Browse ...", self._browse)
        line = JPanel(BorderLayout(4, 0))
        line.add(self.source, BorderLayout.CENTER)
        line.add(self.browse, BorderLayout.EAST)
        self.go, (hint, self.told) = _button(u"Add", self._add), _hint()
        self.kind.addItemListener(_Changed(self._chosen))
        self.every.addItemListener(_Changed(self._chosen))
        self.tile.setEditable(True)
        _frame(self, [
            _bold(u"Images for " + asking.last_name(dataset)),
            row(u"From", self.kind), row(u"Place", line), row(u"How many", _beside(self.count, self.every)),
            row(u"Axes of the files (tyx: movies)", self.dims), row(u"Image of each file (a number)", self.series),
            row(u"Stacks, movies", self.cut), row(u"Tiles of (pixels)", self.tile), hint,
        ], [self.go, (u"Cancel", self._cancel)], self._cancel)
        self._chosen()
        self.setVisible(True)

    def _chosen(self):
        """Let be filled what counts."""
        kind = self.kind.getSelectedItem()
        for part in (self.source, self.browse, self.dims, self.series):
            part.setEnabled(kind != OPEN)
        self.every.setEnabled(kind == FOLDER)
        self.count.setEnabled(kind == FOLDER and not self.every.isSelected())
        self.told.setText({
            FOLDER: u"Images that differ most in brightness and texture come first. They are copied.",
            FILES: u"Each file chosen is copied into the dataset.",
            OPEN: u"A copy of the image goes into the dataset, also when it was never saved.",
        }[kind])

    def _browse(self):
        if self.kind.getSelectedItem() == FOLDER:
            path = _choose_folder(self, self.source.getText())
        else:
            path = _choose_files(self, self.source.getText())
        if path is not None:
            self.source.setText(path)

    def _add(self):
        """Ask for the images."""
        kind, source = self.kind.getSelectedItem(), self.source.getText().strip()
        if kind != OPEN and not source:
            return ui.message(PICK, u"No place was named; expected a folder of images, or files. Choose it by Browse ...")
        keys = {u"action": u"pick", u"dataset": self.dataset, u"cut": CUTS[self.cut.getSelectedIndex()][0]}
        if kind != OPEN:
            keys.update({u"source": source, u"dims": self.dims.getText(), u"series": self.series.getText()})
        if kind == FOLDER:
            keys[u"count"] = u"all" if self.every.isSelected() else Integer(self.count.getValue())
        if self.tile.getSelectedItem() != TILES[0]:
            keys[u"tile"] = self.tile.getSelectedItem()
        self.go.setEnabled(False)
        self.told.setText(u"Looking at the images ...")
        self.link.send(keys, None, lambda reply: self._answered(reply, keys), imp=self.imp if kind == OPEN else None)

    def _answered(self, reply, keys):
        """Go on with the images, or say what was wrong."""
        self.go.setEnabled(True)
        self._chosen()
        if reply["status"] != u"ok":
            return ui.message(PICK, reply.get("message"))
        options.record(TITLE, sorted(keys.items()))
        self.dispose()
        self.done([reply.get("message") or u""] + list(reply.get("warnings") or []))

    def _cancel(self):
        self.dispose()
        self.given_up()


class _Changed(ItemListener):
    """Calls a function when something is chosen."""

    def __init__(self, function):
        self.function = function

    def itemStateChanged(self, event):
        self.function()


def _open_window(title):
    """Return the open window of ours with a title, or None."""
    for frame in JFrame.getFrames():
        if frame.isShowing() and frame.getTitle() == title:
            return frame
    return None


def _frame(window, parts, buttons, close):
    """Fill a window with parts, and buttons (JButton, or label and function) below them."""
    line = JPanel(FlowLayout(FlowLayout.RIGHT, 6, 0))
    for one in buttons:
        line.add(_button(*one) if isinstance(one, tuple) else one)
    content = JPanel(BorderLayout(8, 8))
    content.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
    content.add(column(*parts), BorderLayout.CENTER)
    content.add(line, BorderLayout.SOUTH)
    plain(content)
    parts[0].getComponent(0).setFont(Font(Font.SANS_SERIF, Font.BOLD, 14))
    window.setContentPane(content)
    window.setDefaultCloseOperation(JFrame.DO_NOTHING_ON_CLOSE)
    window.addWindowListener(ui.Closing(close))
    window.setMinimumSize(Dimension(520, 120))
    window.pack()
    GUI.centerOnImageJScreen(window)


def _button(label, act):
    """Return a button."""
    button = JButton(label)
    button.addActionListener(ui.Do(act))
    return button


def _with_button(field, label, act):
    """Return a field with a button beside it."""
    line = JPanel(BorderLayout(4, 0))
    line.add(field, BorderLayout.CENTER)
    line.add(_button(label, act), BorderLayout.EAST)
    return line


def _beside(*parts):
    """Return parts in a line."""
    line = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
    for part in parts:
        line.add(part)
    return line


def _bold(text):
    """Return a heading."""
    line = JPanel(BorderLayout())
    line.add(JLabel(text), BorderLayout.WEST)
    return line


def _hint():
    """Return a line for explanations."""
    line, label = JPanel(BorderLayout()), JLabel(u" ")
    line.add(label, BorderLayout.WEST)
    return line, label


def _choice(items):
    """Return a list to choose from."""
    made = JComboBox()
    for item in items:
        made.addItem(item)
    return made


def _choose_folder(window, before):
    """Let the user choose a folder; return its path or None."""
    chooser = JFileChooser(File(before) if before else None)
    chooser.setFileSelectionMode(JFileChooser.DIRECTORIES_ONLY)
    return chooser.getSelectedFile().getPath() if chooser.showOpenDialog(window) == JFileChooser.APPROVE_OPTION else None


def _choose_files(window, before):
    """Let the user choose files; return their paths with semicolons between, or None."""
    chooser = JFileChooser(File(before.split(u";")[0]) if before else None)
    chooser.setMultiSelectionEnabled(True)
    if chooser.showOpenDialog(window) != JFileChooser.APPROVE_OPTION:
        return None
    return u";".join(one.getPath() for one in chooser.getSelectedFiles())
