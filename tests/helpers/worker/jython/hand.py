"""What a person does and sees in ImageJ: menu, dialogs, buttons, messages, results (Jython 2.7, inside the JVM).

Mouse and keys are those of java.awt.Robot. Texts are compared as they stand on the screen.
"""
from java.awt import Button, Checkbox, Choice, Component, Container, Label, Rectangle, Robot, TextField, Toolkit, Window
from java.awt.event import InputEvent, KeyEvent
from java.io import File
from java.lang import Class, Runtime, System
from javax.imageio import ImageIO
from javax.swing import JButton, JLabel

from ij import IJ, ImageJ, Menus, WindowManager
from ij.gui import MessageDialog, MultiLineLabel
from ij.io import FileSaver
from ij.measure import ResultsTable
from ij.plugin.frame import Recorder, RoiManager

MENUS_LEFT_OF_FILE = 3  # the menu bar goes round: Help, Window, Plugins
_made = []


def robot():
    """Return the one mouse and keyboard."""
    if not _made:
        _made.append(Robot())
        _made[0].setAutoDelay(30)
    return _made[0]


def click_on(component):
    """Click into the middle of a component."""
    place, size = component.getLocationOnScreen(), component.getSize()
    _click(place.x + size.width // 2, place.y + size.height // 2)


def _click(x, y):
    hand = robot()
    hand.mouseMove(x, y)
    hand.mousePress(InputEvent.BUTTON1_DOWN_MASK)
    hand.mouseRelease(InputEvent.BUTTON1_DOWN_MASK)
    hand.waitForIdle()


def keys(*names):
    """Press keys by name (VK_DOWN, ...), one after the other."""
    hide_console()
    for name in names:
        code = getattr(KeyEvent, name)
        robot().keyPress(code)
        robot().keyRelease(code)
        robot().waitForIdle()


def hide_console():
    """Hide the window that Fiji opens for what is printed, and that would get the keys."""
    for window in windows():
        if window.getTitle() == "Console":
            window.setVisible(False)
            robot().waitForIdle()


def choose(command):
    """Choose an entry of Plugins > Talanoa: a click into the menu bar, then arrow keys."""
    window = IJ.getInstance()
    window.toFront()
    robot().waitForIdle()
    place, border = window.getLocationOnScreen(), window.getInsets()
    _click(place.x + border.left + 12, place.y + border.top - 8)
    keys(*["VK_LEFT"] * MENUS_LEFT_OF_FILE + ["VK_UP", "VK_RIGHT"])
    keys(*["VK_DOWN"] * entries().index(command) + ["VK_ENTER"])


def entries():
    """Return the entries of Plugins > Talanoa, as they stand in the menu bar."""
    plugins = Menus.getImageJMenu("Plugins")
    menu = plugins.getItem(plugins.getItemCount() - 1)
    assert menu.getLabel() == "Talanoa", menu.getLabel()
    return [menu.getItem(i).getLabel() for i in range(menu.getItemCount())]


def windows():
    """Return the windows that are open."""
    return [window for window in Window.getWindows() if window.isShowing() and hasattr(window, "getTitle")]


def titles():
    """Return the titles of the open windows."""
    return [window.getTitle() for window in windows()]


def titled(title, kind=None):
    """Return the open window with this title (and of a class with this name), or None."""
    for window in windows():
        if window.getTitle() == title:
            if kind is None or kind in [base.__name__ for base in type(window).__mro__]:
                return window
    return None


def parts(container, kinds):
    """Return all components of some classes inside a window, in their order."""
    found = []
    for part in container.getComponents():
        if isinstance(part, kinds):
            found.append(part)
        if isinstance(part, Container):
            found.extend(parts(part, kinds))
    return found


def button(window, label):
    """Return a button (AWT or Swing) by its label."""
    for one in parts(window, (Button, JButton)):
        text = one.getText() if isinstance(one, JButton) else one.getLabel()
        if text.strip() == label:
            return one
    raise AssertionError("no button " + label)


def press(title, label, kind=None):
    """Click a button of an open window."""
    window = titled(title, kind)
    window.toFront()
    robot().waitForIdle()
    click_on(button(window, label))


def field(window, label):
    """Return the field (text, choice or box) that stands behind a label of a GenericDialog."""
    for box in parts(window, Checkbox):
        if box.getLabel().strip() == label:
            return box
    pieces = parts(window, Component)
    for position, piece in enumerate(pieces):
        if isinstance(piece, Label) and piece.getText().strip().rstrip(":") == label:
            return [one for one in pieces[position + 1:] if isinstance(one, (TextField, Choice))][0]
    raise AssertionError("no field %s; labels: %s" % (label, [one.getText() for one in parts(window, Label)]))


def fill(title, values):
    """Fill fields of an open dialog: {label: text, choice or True/False}."""
    window = titled(title, "GenericDialog")
    for label, value in values.items():
        one = field(window, label)
        if isinstance(one, Checkbox):
            one.setState(value)
        elif isinstance(one, Choice):
            one.select(value)
        else:
            one.setText(value)


def offered(title, label):
    """Return the entries of a choice of an open dialog."""
    choice = field(titled(title, "GenericDialog"), label)
    return [choice.getItem(i) for i in range(choice.getItemCount())]


def message():
    """Return the text of the message dialog that is open, or None."""
    for window in windows():
        if isinstance(window, MessageDialog):
            lines = Class.getDeclaredField(MultiLineLabel, "lines")
            lines.setAccessible(True)
            found = [line for label in parts(window, MultiLineLabel) for line in lines.get(label)]
            return u" ".join(u" ".join(found).split())
    return None


def dismiss():
    """Press OK in the message dialog that is open."""
    for window in windows():
        if isinstance(window, MessageDialog):
            click_on(button(window, "OK"))
            return


def text_of(window):
    """Return the texts of the Swing labels of a window."""
    return u" ".join([label.getText() or u"" for label in parts(window, JLabel)])


def progress_windows(text=u""):
    """Return the progress windows that show a text."""
    return [one for one in windows() if type(one).__name__ == "ProgressWindow" and text in text_of(one)]


def status():
    """Return the text in ImageJ's status bar."""
    return ImageJ.getStatusBarText() or u""


def log():
    """Return the text of the Log window."""
    return IJ.getLog() or u""


def show(path):
    """Open an image in a window and return its title."""
    imp = IJ.openImage(path)
    imp.show()
    return imp.getTitle()


def images():
    """Return the titles of the open images."""
    return list(WindowManager.getImageTitles())


def activate(title):
    """Make an open image the active one."""
    IJ.selectWindow(WindowManager.getImage(title).getID())


def save(title, path):
    """Save an open image as TIFF, its active calibration and all."""
    imp = WindowManager.getImage(title)
    saver = FileSaver(imp)
    assert saver.saveAsTiffStack(path) if imp.getStackSize() > 1 else saver.saveAsTiff(path)


def close(*kept):
    """Close all images, empty the ROI Manager, the Results, the Log and the messages."""
    while message() is not None:
        dismiss()
    for number in WindowManager.getIDList() or []:
        imp = WindowManager.getImage(number)
        if imp is not None and imp.getTitle() not in kept:
            imp.changes = False
            imp.close()
    manager = RoiManager.getInstance2()
    if manager is not None:
        manager.reset()
    ResultsTable.getResultsTable().reset()
    IJ.log("\\Clear")


def seen():
    """Return what there is: images, ROIs of the ROI Manager, rows of the Results, messages, texts."""
    manager = RoiManager.getInstance2()
    return {
        "images": images(),
        "rois": manager.getCount() if manager is not None else 0,
        "rows": ResultsTable.getResultsTable().size(),
        "message": message(),
        "status": status(),
        "log": log(),
    }


def roi_names():
    """Return the names in the ROI Manager."""
    manager = RoiManager.getInstance2()
    return [manager.getName(i) for i in range(manager.getCount())] if manager is not None else []


def save_rois(path):
    """Write the ROI Manager as a zip."""
    assert RoiManager.getInstance2().save(path)


def macro(text):
    """Run a macro in this thread and return what it returns."""
    return IJ.runMacro(text)


def record():
    """Open the Recorder."""
    if Recorder.getInstance() is None:
        Recorder()


def recorded():
    """Return the recorded lines."""
    recorder = Recorder.getInstance()
    return recorder.getText().splitlines() if recorder is not None else []


def used_memory():
    """Return the bytes that Java's objects take, after collecting what is no longer used."""
    runtime = Runtime.getRuntime()
    for _ in range(3):
        System.gc()
    return runtime.totalMemory() - runtime.freeMemory()


def shot(path, title=None, kind=None):
    """Save a picture of the screen or of one window."""
    if title is not None:
        return shot_of(titled(title, kind), path)
    robot().waitForIdle()
    _save(Rectangle(Toolkit.getDefaultToolkit().getScreenSize()), path)


def shot_of(window, path):
    """Save a picture of a window."""
    window.toFront()
    robot().waitForIdle()
    _save(window.getBounds(), path)


def _save(area, path):
    ImageIO.write(robot().createScreenCapture(area), "png", File(path))


def press_escape():
    """Tell ImageJ that Escape was pressed, without the time that a key takes."""
    IJ.setKeyDown(KeyEvent.VK_ESCAPE)
