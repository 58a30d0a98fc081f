"""Makes menu scripts real ImageJ commands where SciJava does not do it: menu, IJ.run, macros and the Recorder."""
import sys
from contextlib import contextmanager

from java.awt import EventQueue
from java.lang import Class, NoSuchFieldException, Runnable, RuntimeException, Thread, Throwable
from org.python.core import Py
from org.scijava.object import ObjectService
from org.scijava.script import ScriptInfo
from org.scijava.service import Service
from org.scijava.thread import ThreadService

from ij import CommandListener, Executer, IJ, Macro, WindowManager
from ij.macro import Interpreter

from talanoa_fiji import client, dialog, endings, options, remembered, threads, ui, ui_progress, wording
from talanoa_fiji.endings import NOTHING

NAME = u"Talanoa commands"
# Former names of commands, which old macros use.
FORMER = {u"Train StarDist": u"Train Model", u"Annotate": u"Annotate Images", u"Doctor": u"Talanoa Doctor"}
QUIT = u"Quit"  # a command of ImageJ
LATER = u"adjust"  # an input that lets a window choose values, which are recorded then
ASKING = (LATER, dialog.MORE)  # inputs that are no keys: they ask for a window


class Commands(CommandListener):
    """Runs a menu script when ImageJ is asked for the command of its name.

    context : org.scijava.Context
    scripts : dict of command name -> java.io.File
    """

    def __init__(self, context, scripts):
        self.context, self.scripts, self.last = context, scripts, remembered.Remembered()

    def commandExecuting(self, name):
        """Return None for our commands, which are done here; ImageJ goes on with all others."""
        if name == NOTHING:
            return None
        if name == QUIT and not IJ.isMacro():
            return name if ui_progress.may_quit() else None
        name = FORMER.get(name, name)
        if name not in self.scripts:
            return name
        macro = in_macro()
        imp, text = WindowManager.getCurrentImage(), Macro.getOptions() if macro else None
        if macro and not EventQueue.isDispatchThread():
            self._run(name, imp, True, text or None, _outside_lock)
        else:  # the listeners' lock is held now: a job of the menu may not keep it
            Thread(_Job(self, name, imp, macro, text or None), u"Talanoa " + name).start()
        return None

    def by_script(self, name, given):
        """Run a command for a script that SciJava runs in this thread; raise what went wrong.

        given : list of (key, value), both text
            The inputs that SciJava was given; with none of them the command asks, where there is a window.
        """
        parent = self.context.service(ThreadService).getParent(Thread.currentThread())
        with _images_of(parent):
            self._run(name, WindowManager.getCurrentImage(), bool(given) or not ui.has_window(), given or None)

    def toString(self):
        return NAME + u": " + u", ".join(sorted(self.scripts))

    def job(self, name, imp, macro, given):
        """Run a command on a thread of its own; what went wrong was shown, there is nobody to raise it to."""
        try:
            self._run(name, imp, macro, given)
        except RuntimeException:
            pass

    def _run(self, name, imp, macro, given, wait=None):
        """Run a command in this thread; end the macro that called it after an error."""
        call = client.Call(macro, imp, wait=wait, ours=True)
        client.set_call(call)
        try:
            with _our_modules():
                self._fill_and_run(name, call, given)
        except (Exception, Throwable), error:
            _unforeseen(name, call, error)
        finally:
            client.set_call(None)
        if macro and call.status != u"ok":
            endings.end_macro(name, call)

    def _fill_and_run(self, name, call, given):
        """Ask for the inputs or take those that were given, record them, and run the script.

        given : macro options, or a list of (key, value), both text; None where nothing was given
        """
        info = ScriptInfo(self.context, self.scripts[name])
        inputs = [item for item in info.inputs() if not issubclass(item.getType(), Service)]
        call.labels = wording.labels(inputs)
        if given is not None or not self._may_ask(call.macro):
            pairs = options.parse(given) if isinstance(given, basestring) else given
            values = _from_options(pairs or [], inputs, call)
        elif not ui_progress.may_begin(name):
            values = None
        elif inputs:
            return self._ask_and_run(name, info, inputs, call)
        else:
            values = {}
        self._run_filled(name, info, inputs, values, call)

    def _ask_and_run(self, name, info, inputs, call):
        """Ask for the inputs and run the script; after an error the dialog opens again, with its values and the error."""
        said = u""
        while True:
            last = self.last.begin(name, inputs, call.imp)
            values = dialog.ask(name, inputs, last, self._offers, said)
            if values is not None:
                self.last.note(name, values, call.imp, done=False)
                values = remembered.without_preset(values, inputs, call.imp, self._channels_of)
            self._run_filled(name, info, inputs, values, call)
            if call.status != u"error" or call.macro:
                break
            said = call.message
        if call.status == u"ok":
            self.last.note(name, values, call.imp)

    def _run_filled(self, name, info, inputs, values, call):
        """Record a command and run its script; values are None after a cancelled dialog."""
        IJ.resetEscape()  # from here on, Escape is for the job
        call.status, call.message = u"cancelled", u"The dialog was cancelled."
        if values is None:
            return
        if not call.macro:
            call.record = _recorder(name, inputs, values)
            if not values.get(LATER):
                call.record({})
        self._run_script(name, info, values)

    def _may_ask(self, macro):
        """Return True when a dialog may be shown for a command without options."""
        return ui.has_window() and not (macro and Interpreter.isBatchMode())

    def _offers(self, task, of=None):
        """Return the names that a field offers now; `of` is their kind, such as objects or image."""
        objects = self.context.service(ObjectService)
        reply = client.ask(objects, task, {})
        return [one["name"] for one in reply.get(task) or [] if of is None or one["kind"] == of]

    def _channels_of(self, model):
        """Return how many channels a model takes, 1 where it does not say."""
        reply = client.ask(self.context.service(ObjectService), "models", {"action": u"show", "model": model})
        found = reply.get("models") if reply["status"] == u"ok" else None
        return found[0].get("channels") or 1 if found else 1

    def _run_script(self, name, info, values):
        """Run the script of a command in this thread with these inputs."""
        inputs = {}
        for item in info.inputs():
            if issubclass(item.getType(), Service):
                inputs[item.getName()] = self.context.service(item.getType())
            else:
                inputs[item.getName()] = values.get(item.getName(), item.getDefaultValue())
        execfile(self.scripts[name].getPath(), inputs)


def running(objects):
    """Return the commands of this ImageJ, None where they have not been started.

    objects : org.scijava.object.ObjectService
    """
    for listener in objects.getObjects(CommandListener):
        if unicode(listener.toString()).startswith(NAME):
            return listener
    return None


def in_macro():
    """Return True when a command is run in this thread by a macro, or by IJ.run."""
    # NB: ImageJ names a thread at its first IJ.run, and for good.
    return unicode(Thread.currentThread().getName()).startswith(u"Run$_") and IJ.isMacro()


def fill(objects, name, values):
    """Let the next dialog of a command begin with these values.

    objects : org.scijava.object.ObjectService
    values : dict of the name of an input -> value
    """
    listener = running(objects)
    if listener is not None:
        listener.last.fill(name, values)


class _Job(Runnable):
    """One command of the menu, on a thread of its own."""

    def __init__(self, commands, *arguments):
        self.commands, self.arguments = commands, arguments

    def run(self):
        self.commands.job(*self.arguments)


def _recorder(name, inputs, values):
    """Return a function (changed values) that writes a command to the Recorder."""

    def record(changed):
        told = dict(values, **changed)
        for name_of_window in ASKING:
            told.pop(name_of_window, None)
        options.record(name, [(item.getName(), told.get(item.getName())) for item in inputs])

    return record


def _from_options(given, inputs, call):
    """Return the values of the inputs that were given; note in `call` what is left out and added.

    given : list of (key, value), both text

    A key that the script does not declare, or a value that does not fit, goes to the Python side as it is: it knows the
    aliases, and its error names what is valid.
    """
    known = dict((item.getName().lower(), item) for item in inputs)
    values = {}
    for key, value in given:
        item = known.get(key.lower())
        try:
            if item is None:
                raise ValueError(key)
            values[item.getName()] = dialog.convert(value, item.getType())
        except ValueError:
            call.extra[key] = value
    call.omitted = set(item.getName() for item in inputs if item.getName() not in values)
    return values


def _unforeseen(name, call, error):
    """Show an error that no script foresaw; a cancelled macro is none."""
    if isinstance(error, RuntimeException) and error.getMessage() == Macro.MACRO_CANCELED:
        call.status, call.message = u"cancelled", error.getMessage()
        return
    kind = u"" if isinstance(error, options.Unreadable) else u"%s: " % type(error).__name__
    call.status, call.message = u"error", u"%s%s" % (kind, error)
    if call.macro:
        IJ.log(u"%s: %s" % (name, call.message))
    else:
        ui.message(name, call.message)


def _outside_lock(work):
    """Do work on another thread and return its result, without the lock of ImageJ's command listeners.

    ImageJ holds that lock while a macro's command runs here, and every command of the menu needs it. Waiting on the lock
    gives it up.
    """
    done = threads.Work(work, u"Talanoa worker").start()
    lock = _listeners()
    while done.thread.isAlive():
        if lock is not None and Thread.holdsLock(lock):
            lock.wait(20)
        else:
            done.thread.join(1000)
    return done.result()


@contextmanager
def _our_modules():
    """Let what is imported in this thread be the modules that this one belongs to: SciJava gives each script its own."""
    before = Py.getSystemState()
    Py.setSystemState(sys)
    try:
        yield
    finally:
        Py.setSystemState(before)


@contextmanager
def _images_of(thread):
    """Have the current image of another thread for one's own, and leave to it what is the current one in the end.

    NB: ImageJ keeps the current image of each thread that has no window for it, and SciJava lends its threads: one of them
    may still have the image of an earlier script, closed or not.
    """
    table = Class.getDeclaredField(WindowManager, "tempImageTable")
    table.setAccessible(True)
    WindowManager.setTempCurrentImage(table.get(None).get(thread) if thread is not None else None)
    try:
        yield
    finally:
        if thread is not None:
            WindowManager.setTempCurrentImage(thread, WindowManager.getTempCurrentImage())
        WindowManager.setTempCurrentImage(None)


def _listeners():
    """Return the object that ImageJ locks while command listeners run, or None where it cannot be reached."""
    try:
        field = Class.getDeclaredField(Executer, "listeners")
        field.setAccessible(True)
        return field.get(None)
    except (NoSuchFieldException, RuntimeException):
        return None
