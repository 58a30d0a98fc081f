"""Imported by a macro of a test (Jython 2.7): presses OK in the dialog that the property talanoa.dialog names.

On a thread of its own: while a module is imported, no other thread can import, and the dialog would not come.
"""
from java.lang import Runnable, System, Thread

import hand


class Press(Runnable):
    """Waits for the dialog and presses its button."""

    def run(self):
        title = System.getProperty("talanoa.dialog")
        while hand.titled(title, "GenericDialog") is None:
            Thread.sleep(50)
        hand.press(title, "OK", "GenericDialog")


Thread(Press(), "press OK").start()
