"""The window of a training: curve, preview, time left, and the buttons that end it.

There is one for each training. Closing it hides it and the training goes on; the command Train Model shows it again.
"""
from java.awt import BorderLayout, Color, Dimension, Font, Frame, GridLayout, RenderingHints
from java.awt.image import BufferedImage
from java.io import ByteArrayInputStream
from java.lang import System
from java.util import ArrayList, Base64
from java.util.function import BooleanSupplier
from javax.imageio import ImageIO
from javax.imageio.stream import MemoryCacheImageInputStream
from javax.swing import BorderFactory, Box, BoxLayout, JButton, JComponent, JFrame, JLabel, JPanel, JProgressBar, Timer

from ij import IJ
from ij.gui import GUI, YesNoCancelDialog

from talanoa_fiji import ui, ui_curve, ui_status
from talanoa_fiji.ui_progress import RUNNING, Watch, as_time

ENDED = u"talanoa.training.ended"
STOP, CANCEL, CLOSE = u"Stop now and keep the best", u"Cancel", u"Close"
HINT = u"Closing this window does not end the training."
AGAIN = u"The training goes on without its window; Plugins > Talanoa > Train Model shows it again."
GOES_ON = u"The training goes on (%s); Plugins > Talanoa > Train Model shows its window."


class TrainingWatch(Watch):
    """Shows a training in its window and knows whether the user wants it to end.

    Escape does not stop a training: it is pressed for too many other things while one runs for hours.

    request : java.util.Map
        The request to train.
    stay : bool
        True leaves the window of a finished training open.
    """

    def __init__(self, request, stay):
        Watch.__init__(self, u"train", window=True)
        self.stay = stay
        self.name = request.get("name") or u""
        self.finish = Wish()
        self.window = None

    def attach(self, request):
        """Let the request know the buttons of the window, and what is looked at besides losses."""
        Watch.attach(self, request)
        request.put("finish", self.finish)
        request.put("wanted", ArrayList([u"preview", u"history"]))

    def getAsBoolean(self):
        """Return True once Cancel was pressed."""
        return self.stopped

    def accept(self, event):
        """Show an event of the training."""
        kind = event["kind"]
        if kind == u"epoch":
            row = (int(event["epoch"]), float(event["loss"]), float(event["val_loss"]))
            best, epochs, left = int(event["best_epoch"]), int(event["epochs"]), float(event["left"])
            self.always(lambda window: window.show_epochs([row], best, epochs, left))
        elif kind == u"history":
            rows = [(int(row[0]), float(row[1]), float(row[2])) for row in event["rows"]]
            facts = (int(event["best_epoch"]), int(event["epochs"]), None)
            self.always(lambda window: window.show_epochs(rows, *facts))
        elif event.get("before") is not None:
            restored = [_picture(event[which]) for which in (u"before", u"after", u"target") if event.get(which) is not None]
            where = (event["name"], int(event["epoch"]), event.get("kind") == u"stains")
            self.always(lambda window: window.show_restored(restored, *where))
        elif kind == u"preview":
            pictures = [outlined(event["image"], event[which]) for which in (u"truth", u"found")]
            facts = (event["name"], int(event["epoch"]), int(event["truth_objects"]), int(event["objects"]))
            self.always(lambda window: window.show_preview(pictures, *facts))
        else:
            Watch.accept(self, event)

    def progress(self, done, total, text):
        """Show how far the training is; the status bar says where the window is when it was closed."""
        Watch.progress(self, done, total, text)
        if self.window is not None and not self.window.isVisible():
            ui_status.show(GOES_ON % text)

    def show(self, work):
        """Do something with the window; event dispatch thread."""
        self.always(work)

    def always(self, work):
        """Do something with the window, made at the first time; event dispatch thread."""
        ui.later(lambda: not self.closed and work(self.made()))

    def made(self):
        """Return the window; event dispatch thread."""
        if self.window is None:
            self.window = TrainingWindow(self.name, self.finish.say, self.stop)
        return self.window

    def open(self):
        """Show the window, unless the training has ended; event dispatch thread."""
        if not self.closed:
            GUI.centerOnImageJScreen(self.made())
            self.window.setVisible(True)

    def close_window(self, reply):
        """Leave the window of a finished training open, if it is; event dispatch thread."""
        self.timer.stop()
        if self.window is not None:
            self.window.end(reply, self.stay)
            self.window = None


class Wish(BooleanSupplier):
    """A wish that was said or not."""

    def __init__(self):
        self.said = False

    def say(self):
        """Say it."""
        self.said = True

    def getAsBoolean(self):
        """Return True once it was said."""
        return self.said


def running():
    """Return the window of the training that runs in this ImageJ, shown or hidden; None when none runs."""
    for frame in Frame.getFrames():
        if frame.getName() == RUNNING:
            return frame
    return None


def offer(title):
    """Where a training runs, show its window and ask whether another one shall follow; return False to leave it at that.

    title : str
        The name of the command, for the question.
    """
    window, answers = running(), []
    if window is None:
        return True

    def ask():
        window.setVisible(True)
        window.toFront()
        text = u"%s runs. Shall another training follow it?" % window.getTitle()
        answers.append(YesNoCancelDialog(window, title, text, u"Another one", u"No").yesPressed())

    ui.on_events(ask)
    return answers[0]


def outlined(image, outlines):
    """Return a picture with outlines on it.

    image, outlines : str
        PNGs in base64; the second is transparent where no outline is.
    """
    below, above = _picture(image), _picture(outlines)
    made = BufferedImage(below.getWidth(), below.getHeight(), BufferedImage.TYPE_INT_RGB)
    g = made.createGraphics()
    g.drawImage(below, 0, 0, None)
    g.drawImage(above, 0, 0, None)
    g.dispose()
    return made


def _picture(text):
    """Return the picture of a PNG in base64."""
    return ImageIO.read(MemoryCacheImageInputStream(ByteArrayInputStream(Base64.getDecoder().decode(text))))


class TrainingWindow(JFrame):
    """What a training has reached, and the buttons that end it.

    name : str
        The new model's name.
    finish, cancel : function () -> None
        What the buttons do.
    """

    def __init__(self, name, finish, cancel):
        JFrame.__init__(self, u"Training of " + name)
        self.setName(RUNNING)
        self.model, self.actions = name, (finish, cancel)
        self.until, self.ending = None, False  # ms at which the training ends, as far as can be told
        self._build()
        self.addWindowListener(ui.Closing(self._closing))
        self.setAutoRequestFocus(False)  # nobody's typing goes astray when it opens
        self.pack()
        self.setMinimumSize(Dimension(520, 480))
        self.clock = Timer(1000, ui.Do(self._tick))
        self.clock.start()

    def show_state(self, part, text, left):
        """Show what is being done; event dispatch thread."""
        self.bar.setIndeterminate(False)
        self.bar.setValue(int(1000 * part))
        if not self.ending or not text.startswith(u"Training"):
            self.what.setText(text)
        if self.until is None or not text.startswith(u"Training"):
            self.left.setText(left or u" ")

    def show_waiting(self, text):
        """Show that other jobs come first; event dispatch thread."""
        self.bar.setIndeterminate(True)
        self.what.setText(text)

    def show_epochs(self, rows, best, epochs, left):
        """Show the losses of epochs (epoch, loss, validation loss) and the seconds left; event dispatch thread."""
        self.curve.add_rows(rows, best, epochs)
        self.until = None if left is None else _now() + 1000 * left
        loss = min(row[2] for row in self.curve.rows)
        text = u"%d of %d epochs done. Best so far: epoch %d (validation loss %.4g)"
        self.best.setText(text % (rows[-1][0], epochs, best, loss))
        self._tick()

    def show_preview(self, pictures, name, epoch, drawn, found):
        """Show what the network finds in a validation image; event dispatch thread."""
        captions = (u"Validation image %s: %d outlined by you" % (name, drawn), u"Found after epoch %d: %d" % (epoch, found))
        self._show_pictures(pictures, captions)

    def show_restored(self, pictures, name, epoch, stains=False):
        """Show an image before and after the network, and the clean one (or its stains) if any; event dispatch thread."""
        captions = (u"%s: as it is" % name, u"Restored after epoch %d" % epoch, u"Wanted: the clean image")
        if stains:
            captions = (u"%s: transmitted light" % name, u"Predicted after epoch %d" % epoch, u"Wanted: the stains")
        self._show_pictures(pictures, captions, sharp=not stains)

    def _show_pictures(self, pictures, captions, sharp=False):
        """Show pictures side by side under their captions."""
        wide = pictures[0].getWidth() > 2 * pictures[0].getHeight()
        self._make_room(len(pictures), 1 if wide else len(pictures))
        for panel, label, picture, text in zip(self.pictures, self.captions, pictures, captions):
            panel.show_picture(picture, sharp)
            label.setText(text)
            label.setToolTipText(text)

    def end(self, reply, stay):
        """The training has ended: a finished one may stay to be looked at; event dispatch thread.

        reply : java.util.Map or None
        stay : bool
        """
        self.clock.stop()
        self.setName(ENDED)
        if not stay or not self.isVisible() or reply is None or reply["status"] != u"ok":
            self.dispose()
            return
        self.what.setText(u"Model %s is trained" % self.model)
        self.left.setText(u" ")
        self.bar.setIndeterminate(False)
        self.bar.setValue(1000)
        self.hint.setText(u" ")
        self.stop_button.setVisible(False)
        self.cancel_button.setVisible(False)
        self.close_button.setVisible(True)

    def _build(self):
        """Lay the parts out."""
        self.what, self.left, self.best = JLabel(u"Starting"), JLabel(u" "), JLabel(u"No epoch is complete yet.")
        self.what.setFont(Font(Font.SANS_SERIF, Font.BOLD, 15))
        self.bar = JProgressBar(0, 1000)
        self.bar.setIndeterminate(True)
        self.curve = ui_curve.Curve()
        self.pictures = (Picture(), Picture(), Picture())
        self.captions = (JLabel(u"Validation image"), JLabel(u" "), JLabel(u" "))
        for label in (self.left, self.best) + self.captions:
            label.setFont(Font(Font.SANS_SERIF, Font.PLAIN, 12))
        content = JPanel(BorderLayout(8, 8))
        content.setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12))
        content.add(self._head(), BorderLayout.NORTH)
        content.add(self._middle(), BorderLayout.CENTER)
        content.add(self._foot(), BorderLayout.SOUTH)
        self.setContentPane(content)

    def _head(self):
        """Return the lines above the curve."""
        first = JPanel(BorderLayout(8, 0))
        first.add(self.what, BorderLayout.WEST)
        first.add(self.left, BorderLayout.EAST)
        head = JPanel(GridLayout(3, 1, 0, 4))
        for line in (first, self.bar, self.best):
            head.add(line)
        return head

    def _middle(self):
        """Return the curve above the pictures: two of them, or three of a restoration with a clean image."""
        self.below = JPanel(GridLayout(0, 1))
        self._make_room(2, 2)
        middle = JPanel(BorderLayout(0, 8))
        middle.add(self.curve, BorderLayout.NORTH)
        middle.add(self.below, BorderLayout.CENTER)
        return middle

    def _make_room(self, count, columns):
        """Lay out as many pictures with their captions, in one row or, with one column, one above the other."""
        if (self.below.getComponentCount(), self.below.getLayout().getColumns()) == (count, columns):
            return
        self.below.removeAll()
        self.below.setLayout(GridLayout(0, columns, 8, 8))
        for picture, caption in zip(self.pictures[:count], self.captions):
            part = JPanel(BorderLayout(0, 4))
            part.add(caption, BorderLayout.NORTH)
            part.add(picture, BorderLayout.CENTER)
            self.below.add(part)
        self.below.revalidate()
        self.below.repaint()

    def _foot(self):
        """Return the line of buttons."""
        self.hint = JLabel(HINT)
        self.hint.setFont(Font(Font.SANS_SERIF, Font.PLAIN, 12))
        self.stop_button, self.cancel_button, self.close_button = JButton(STOP), JButton(CANCEL), JButton(CLOSE)
        self.stop_button.setToolTipText(u"Ends after the step that runs and makes the model of the best epoch so far.")
        self.cancel_button.setToolTipText(u"Ends without a model; the complete epochs are kept, to go on with them later.")
        self.stop_button.addActionListener(ui.Do(self._finish))
        self.cancel_button.addActionListener(ui.Do(self._cancel))
        self.close_button.addActionListener(ui.Do(self.dispose))
        self.close_button.setVisible(False)
        foot = JPanel()
        foot.setLayout(BoxLayout(foot, BoxLayout.X_AXIS))
        gaps = [Box.createHorizontalStrut(width) for width in (16, 8)]
        for part in (self.hint, Box.createHorizontalGlue(), gaps[0], self.stop_button, gaps[1], self.cancel_button, self.close_button):
            foot.add(part)
        return foot

    def _finish(self):
        """End the training with the best so far."""
        self._ending(u"Ending after this step, keeping the best ...", self.actions[0])
        self.stop_button.setEnabled(False)

    def _cancel(self):
        """End the training without a model."""
        self._ending(u"Stopping after this step ...", self.actions[1])
        self.stop_button.setEnabled(False)
        self.cancel_button.setEnabled(False)

    def _ending(self, text, act):
        """Say that the end was asked for, and ask for it."""
        self.ending, self.until = True, None
        self.what.setText(text)
        self.left.setText(u" ")
        act()

    def _closing(self):
        """The user closed the window: it is hidden, the training goes on."""
        if self.getName() == ENDED:
            self.dispose()
        else:
            ui_status.show(AGAIN)

    def _tick(self):
        """Show the time left."""
        if self.until is not None and not self.ending:
            self.left.setText(as_time((self.until - _now()) / 1000.0))


class Picture(JComponent):
    """A picture, as large as fits."""

    def __init__(self):
        JComponent.__init__(self)
        self.picture, self.sharp = None, False
        self.setPreferredSize(Dimension(300, 300))

    def show_picture(self, picture, sharp=False):
        """Show another picture (java.awt.Image), with `sharp` its pixels where it is enlarged; event dispatch thread."""
        self.picture, self.sharp = picture, sharp
        self.repaint()

    def paintComponent(self, g):
        """Draw; called by Swing."""
        width, height = self.getWidth(), self.getHeight()
        if self.picture is None:
            g.setColor(Color(0xDDDDDD))
            g.fillRect(0, 0, width, height)
            g.setColor(Color(0x555555))
            g.drawString(u"A picture follows after the first epoch.", 12, height // 2)
            return
        scale = min(width / float(self.picture.getWidth()), height / float(self.picture.getHeight()))
        smooth, pixels = RenderingHints.VALUE_INTERPOLATION_BILINEAR, RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR
        g.setRenderingHint(RenderingHints.KEY_INTERPOLATION, pixels if self.sharp and scale > 1 else smooth)
        wide, high = int(scale * self.picture.getWidth()), int(scale * self.picture.getHeight())
        g.drawImage(self.picture, 0, 0, wide, high, None)


def _now():
    """Return the time in milliseconds, of a clock that only goes forward."""
    return System.nanoTime() / 1000000
