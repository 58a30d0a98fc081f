"""What becomes of a macro, a script and of ImageJ itself when a command has failed."""
from java.lang import RuntimeException, System, Thread

from ij import IJ, Macro
from ij.macro import Interpreter

from talanoa_fiji import ui

NOTHING = u"Talanoa: nothing"  # a command that does nothing
FAILED = 1  # the exit code
LOOK = 50  # ms between two looks at a command line that is worked through
STARTS = ((u"ij.ImageJ", u"main"), (u"org.scijava.AbstractGateway", u"launch"))  # what works through a command line
INTERPRETER = u"ij.macro.Interpreter"


def end_macro(name, call):
    """End the macro that gave a command, or tell a script what went wrong; without a window, ImageJ ends with code 1.

    name : str
        Of the command.
    call : client.Call
        Has status and message.
    """
    text = u"%s: %s" % (name, call.message)
    if not ui.has_window():
        _note_exit_code(text)
    if IJ.macroRunning():  # NB: IJ.run puts its state back at its normal end only; one that ends normally does it before the error leaves.
        IJ.run(NOTHING)
    if Interpreter.getInstance() is not None:
        _cancel()
        raise RuntimeException(Macro.MACRO_CANCELED)
    raise RuntimeException(text)


def _cancel():
    """Let the macro that called this macro end, too: ImageJ looks at a mark of its own for that."""
    try:
        Macro.abort()
    except RuntimeException:
        pass


def _note_exit_code(text):
    """End an ImageJ that was started for a macro at once, one that was started for a script after that script.

    A macro cannot go on after an error; a script may catch it. An ImageJ that was started for neither (by pyimagej, say)
    goes on.
    """
    started = _command_line()
    if started is None:
        return
    if INTERPRETER in started:
        System.err.println(text)
        System.exit(FAILED)
    if not _waiting:
        _waiting.append(Thread(_exit_later, u"Talanoa: exit code"))  # no daemon: Java waits for it
        _waiting[0].start()


_waiting = []


def _exit_later():
    """Wait until the command line is worked through, and end Java."""
    while _command_line() is not None:
        Thread.sleep(LOOK)
    System.exit(FAILED)


def _command_line():
    """Return the names of the classes at work in the thread that works through ImageJ's command line; None where none does."""
    for stack in Thread.getAllStackTraces().values():
        calls = [(frame.getClassName(), frame.getMethodName()) for frame in stack]
        if any(start in calls for start in STARTS):
            return set(kind for kind, _ in calls)
    return None
