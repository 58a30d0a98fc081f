"""Keys and clicks while an image is annotated: one key does one thing, and none of them changes pixels."""
from java.awt import KeyEventDispatcher, KeyboardFocusManager
from java.awt.event import KeyEvent, MouseAdapter
from javax.swing.text import JTextComponent

from ij.gui import TextRoi, Toolbar

from talanoa_fiji import ui_annotate_rois as manager

SELECTING = (Toolbar.RECTANGLE, Toolbar.OVAL, Toolbar.FREEROI, Toolbar.HAND)  # tools for which a click means nothing else


class Keys(KeyEventDispatcher):
    """Does what a key stands for, while a window of the annotation has the keyboard.

    windows : function () -> list of java.awt.Window
        In which the keys count.
    image_window : function () -> java.awt.Window or None
        Where ImageJ itself knows the key T.
    does : dict of key code (KeyEvent.VK_...) -> function ()
    digit : function (int)
        Gets a number key.
    may : function () -> bool
        False while something is being done: keys are swallowed then, or ImageJ would take a repeated P for Print.

    ImageJ's own meaning of these keys (several of them draw into the pixels or erase them) is off there; with Ctrl, Alt or
    Command held, all keys are ImageJ's.
    """

    def __init__(self, windows, image_window, does, digit, may):
        self.windows, self.image_window, self.does, self.digit, self.may = windows, image_window, does, digit, may
        self.focus = KeyboardFocusManager.getCurrentKeyboardFocusManager()
        self.focus.addKeyEventDispatcher(self)

    def end(self):
        """Let ImageJ have all keys again."""
        self.focus.removeKeyEventDispatcher(self)

    def dispatchKeyEvent(self, event):
        """Return True for a key that was dealt with here; called by AWT."""
        if event.getID() != KeyEvent.KEY_PRESSED or event.isControlDown() or event.isAltDown() or event.isMetaDown():
            return False
        window = self.focus.getFocusedWindow()
        if window is None or window not in self.windows() or isinstance(self.focus.getFocusOwner(), JTextComponent):
            return False
        code, sign = event.getKeyCode(), event.getKeyChar()
        digit = u"0" <= unichr(ord(sign)) <= u"9"
        if not digit and (code not in self.does or (code == KeyEvent.VK_T and window is self.image_window())):
            return False
        if digit and self.may():
            self.digit(int(sign))
        elif self.may():
            self.does[code]()
        return True


class Clicks(MouseAdapter):
    """Selects the outline that is clicked; with Shift, besides those selected.

    imp : ij.ImagePlus
    """

    def __init__(self, imp):
        self.imp = imp

    def mouseClicked(self, event):
        """Select; called by AWT, for a press and release at one place."""
        if Toolbar.getToolId() not in SELECTING or isinstance(self.imp.getRoi(), TextRoi):
            return
        canvas = self.imp.getCanvas()
        roi = manager.at(canvas.offScreenX(event.getX()), canvas.offScreenY(event.getY()), self.imp)
        if roi is None:
            return
        areas = manager.outlines()
        before = [areas[k] for k in manager.selected()] if event.isShiftDown() else []
        manager.select([one for one in before if one is not roi] + [roi], self.imp)
