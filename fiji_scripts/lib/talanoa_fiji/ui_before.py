"""The window before a training: examples of the data, what the training will cost, Start and Cancel."""
from java.awt import BorderLayout, Dimension, Font, Toolkit
from java.io import ByteArrayInputStream
from java.util import Base64
from javax.imageio import ImageIO
from javax.imageio.stream import MemoryCacheImageInputStream
from javax.swing import BorderFactory, Box, BoxLayout, ImageIcon, JButton, JDialog, JLabel, JPanel, JScrollPane, JTextArea

from ij import IJ, WindowManager
from ij.gui import GUI

from talanoa_fiji import client, show, ui, ui_status

START, CANCEL = u"Start the training", u"Cancel"
TITLE = u"Before the training"
OTHERS = 270  # pixels above and below the pictures: text, buttons, title, a task bar
SHEETS = (u"pairs", u"patches", u"targets")
CAPTIONS = {
    u"stardist": (u"Images, and what is outlined in them", u"Patches as the network will see them"),
    u"segmentation": (u"Images, and what is outlined in them", u"Patches as the network will see them"),
    u"care": (u"Images with little light, and with much", u"Patches as the network will see them, and what it shall answer"),
    u"n2n": (u"Images, and other exposures of the same", u"Patches as the network will see them, and what it shall answer"),
    u"n2v": (u"Images, to be restored without clean ones", u"Patches as the network will see them: some pixels are replaced"),
    u"labelling": (
        u"Images in transmitted light, and their stains",
        u"Patches as the network will see them, and what it shall answer",
        u"What is made of each stain, step by step, before it is learned",
    ),
}


def train(objects, keys, title):
    """Train; with windows and outside macros only after the user has seen examples and the cost.

    objects : org.scijava.object.ObjectService
    keys : dict
        Values of the script's inputs.
    title : str
        The name of the command, for messages.
    """
    resume = keys.get("resume")
    here = _takes_open_image(keys)
    if ui.has_window() and not client.current_call().macro and not resume:
        reply = client.ask(objects, "train", keys, fixed={"dry_run": True}, image=here)
        if reply["status"] != u"ok":
            return show.failed(reply, title, say=True)
        if not agreed(reply):
            client.current_call().status = u"cancelled"
            return ui_status.show(u"%s: nothing was trained." % title)
        keys = dict(keys, **chosen(reply, keys))
    show.result(client.ask(objects, "train", keys, image=here), title, say=True)


def _takes_open_image(keys):
    """Return True where the open image is the data, or is to be restored."""
    alone = keys.get("method") in (u"n2v", u"labelling") or keys.get("isotropic")
    if alone and not keys.get("images"):
        return True
    return bool(keys.get("apply")) and (client.current_call().imp or WindowManager.getCurrentImage()) is not None


def chosen(reply, keys):
    """Return the length that was fitted to this device, so that the training is the one that was shown."""
    if keys.get("preset") != u"quick" or keys.get("epochs") or keys.get("steps"):
        return {}
    settings = reply["estimate"]["settings"]
    return dict((key, unicode(int(settings[key]))) for key in ("epochs", "steps", "batch"))


def agreed(reply):
    """Show what a dry run found; return True once Start was pressed, False for Cancel or a closed window."""
    answers = []
    ui.on_events(lambda: answers.append(BeforeDialog(reply).ask()))
    IJ.getInstance().toFront()  # else later messages of ImageJ may open behind the window of the training
    return answers[0]


class BeforeDialog(JDialog):
    """Examples and cost of a training.

    reply : java.util.Map
        The reply to a dry run.
    """

    def __init__(self, reply):
        JDialog.__init__(self, IJ.getInstance(), TITLE, True)
        self.start = False
        content = JPanel(BorderLayout(8, 8))
        content.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        content.add(_text(reply), BorderLayout.NORTH)
        captions = CAPTIONS.get(reply["request"]["method"]) or CAPTIONS[u"stardist"]
        content.add(_pictures(reply["estimate"]["pictures"], captions), BorderLayout.CENTER)
        content.add(self._buttons(), BorderLayout.SOUTH)
        self.setContentPane(content)
        self.pack()
        GUI.centerOnImageJScreen(self)

    def ask(self):
        """Show the window until it is answered; event dispatch thread."""
        self.setVisible(True)
        self.dispose()
        return self.start

    def _buttons(self):
        """Return the line of buttons."""
        start, cancel = JButton(START), JButton(CANCEL)
        start.addActionListener(ui.Do(self._start))
        cancel.addActionListener(ui.Do(lambda: self.setVisible(False)))
        self.getRootPane().setDefaultButton(start)
        line = JPanel()
        line.setLayout(BoxLayout(line, BoxLayout.X_AXIS))
        for part in (Box.createHorizontalGlue(), start, Box.createHorizontalStrut(8), cancel):
            line.add(part)
        return line

    def _start(self):
        self.start = True
        self.setVisible(False)


def _text(reply):
    """Return message and warnings as an area of text."""
    lines = [reply["message"]] + list(reply.get("warnings") or [])
    area = JTextArea(u"\n\n".join(unicode(line) for line in lines), 6, 72)
    area.setLineWrap(True)
    area.setWrapStyleWord(True)
    area.setEditable(False)
    area.setCaretPosition(0)
    return JScrollPane(area)


def _pictures(pictures, captions):
    """Return the sheets with their captions, one above the other."""
    column = JPanel()
    column.setLayout(BoxLayout(column, BoxLayout.Y_AXIS))
    for name, caption in zip(SHEETS, captions):
        part = JPanel(BorderLayout(0, 4))
        label = JLabel(caption)
        label.setFont(Font(Font.SANS_SERIF, Font.PLAIN, 12))
        part.add(label, BorderLayout.NORTH)
        part.add(JLabel(ImageIcon(_picture(pictures[name]))), BorderLayout.CENTER)
        part.setBorder(BorderFactory.createEmptyBorder(0, 0, 8, 0))
        part.setMaximumSize(Dimension(2000, part.getPreferredSize().height))
        column.add(part)
    pane = JScrollPane(column)
    size = pane.getPreferredSize()
    room = Toolkit.getDefaultToolkit().getScreenSize().height - OTHERS
    pane.setPreferredSize(Dimension(size.width + 24, min(size.height + 8, 620, room)))
    return pane


def _picture(text):
    """Return the picture of a PNG in base64."""
    return ImageIO.read(MemoryCacheImageInputStream(ByteArrayInputStream(Base64.getDecoder().decode(text))))
