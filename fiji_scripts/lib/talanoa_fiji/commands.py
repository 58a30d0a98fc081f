"""Makes menu scripts real ImageJ commands where SciJava does not do it: menu, IJ.run, macros and the Recorder."""
from java.awt import EventQueue
from java.lang import Class, NoSuchFieldException, Runnable, RuntimeException, Thread, Throwable
from org.scijava.object import ObjectService
from org.scijava.script import ScriptInfo
from org.scijava.service import Service

from ij import CommandListener, Executer, IJ, Macro, WindowManager
from ij.macro import Interpreter

from talanoa_fiji import client, dialog, options, ui, ui_progress, wording

NAME = u"Talanoa commands"
NOTHING = u"Talanoa: nothing"  # a command that does nothing
FORMER = {u"Train StarDist": u"Train Model"}  # former names of commands, which old macros use
LATER = u"adjust"  # an input that lets a window choose values, which are recorded then
ASKING = (LATER, dialog.MORE)  # inputs that are no keys: they ask for a window


class Commands(CommandListener):
    """Runs a menu script when ImageJ is asked for the command of its name.

    context : org.scijava.Context
    scripts : dict of command name -> java.io.File
    """

    def __init__(self, context, scripts):
        self.context, self.scripts, self.last = context, scripts, {}

    def commandExecuting(self, name):
        """Return None for our commands, which are done here; ImageJ goes on with all others."""
        if name == NOTHING:
            return None
        name = FORMER.get(name, name)
        if name not in self.scripts:
            return name
        thread = Thread.currentThread()
        macro = unicode(thread.getName()).startswith(u"Run$_")
        imp, text = WindowManager.getCurrentImage(), Macro.getOptions() if macro else None
        if macro and not EventQueue.isDispatchThread():
            self._run(name, imp, True, text)
        else:  # the listeners' lock is held now: a job of the menu may not keep it
            Thread(_Job(self, name, imp, macro, text), u"Talanoa " + name).start()
        return None

    def toString(self):
        return NAME + u": " + u", ".join(sorted(self.scripts))

    def job(self, name, imp, macro, text):
        """Run a command on a thread of its own; what went wrong was shown, there is nobody to raise it to."""
        try:
            self._run(name, imp, macro, text)
        except RuntimeException:
            pass

    def _run(self, name, imp, macro, text):
        """Run a command in this thread; end the macro that called it after an error."""
        call = client.Call(macro, imp, wait=_outside_lock if macro else None, ours=True)
        client.set_call(call)
        try:
            self._fill_and_run(name, call, text)
        except (Exception, Throwable), error:
            _unforeseen(name, call, error)
        finally:
            client.set_call(None)
        if macro and call.status != u"ok":
            _end_macro(name, call)

    def _fill_and_run(self, name, call, text):
        """Ask for the inputs or read them from macro options, record them, and run the script."""
        info = ScriptInfo(self.context, self.scripts[name])
        inputs = [item for item in info.inputs() if not issubclass(item.getType(), Service)]
        call.labels = wording.labels(inputs)
        if text or not self._may_ask(call.macro):
            values = _from_options(text, inputs, call)
        elif not ui_progress.may_begin(name):
            values = None
        elif inputs:
            values = dialog.ask(name, inputs, self.last.get(name, {}), self._offers)
        else:
            values = {}
        IJ.resetEscape()  # from here on, Escape is for the job
        call.status, call.message = u"cancelled", u"The dialog was cancelled."
        if values is None:
            return
        if not call.macro:
            self.last[name] = values
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

    def _run_script(self, name, info, values):
        """Run the script of a command in this thread with these inputs."""
        inputs = {}
        for item in info.inputs():
            if issubclass(item.getType(), Service):
                inputs[item.getName()] = self.context.service(item.getType())
            else:
                inputs[item.getName()] = values.get(item.getName(), item.getDefaultValue())
        # NB: SciJava's Jython engine has modules of its own for every run; here the script shares ours.
        execfile(self.scripts[name].getPath(), inputs)


def fill(objects, name, values):
    """Let the next dialog of a command begin with these values.

    objects : org.scijava.object.ObjectService
    values : dict of the name of an input -> value
    """
    for listener in objects.getObjects(CommandListener):
        if unicode(listener.toString()).startswith(NAME):
            listener.last[name] = dict(listener.last.get(name, {}), **values)


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


def _from_options(text, inputs, call):
    """Return the values of the inputs that macro options name; note in `call` what they leave out and add.

    A key that the script does not declare, or a value that does not fit, goes to the Python side as it is: it knows the
    aliases, and its error names what is valid.
    """
    known = dict((item.getName().lower(), item) for item in inputs)
    values = {}
    for key, value in options.parse(text):
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
    call.status, call.message = u"error", u"%s: %s" % (type(error).__name__, error)
    if call.macro:
        IJ.log(u"%s: %s" % (name, call.message))
    else:
        ui.message(name, call.message)


def _end_macro(name, call):
    """Raise what ends a macro, or tells a script that called IJ.run what went wrong."""
    # NB: IJ.run puts its state back at its normal end only; a run that ends normally does it before the error leaves.
    IJ.run(NOTHING)
    if Interpreter.getInstance() is not None:
        _cancel()
        raise RuntimeException(Macro.MACRO_CANCELED)
    raise RuntimeException(u"%s: %s" % (name, call.message))


def _cancel():
    """Let the macro that called this macro end, too: ImageJ looks at a mark of its own for that."""
    try:
        Macro.abort()
    except RuntimeException:
        pass


def _outside_lock(work):
    """Do work on another thread and return its result, without the lock of ImageJ's command listeners.

    ImageJ holds that lock while a macro's command runs here, and every command of the menu needs it. Waiting on the lock
    gives it up.
    """
    done = {}
    worker = Thread(_Work(work, done), u"Talanoa worker")
    worker.start()
    lock = _listeners()
    while worker.isAlive():
        if lock is not None and Thread.holdsLock(lock):
            lock.wait(20)
        else:
            worker.join(1000)
    if "error" in done:
        raise done["error"]
    return done.get("value")


class _Work(Runnable):
    """A function on another thread; keeps its value or its error."""

    def __init__(self, work, done):
        self.work, self.done = work, done

    def run(self):
        try:
            self.done["value"] = self.work()
        except RuntimeException, error:
            self.done["error"] = error


def _listeners():
    """Return the object that ImageJ locks while command listeners run, or None where it cannot be reached."""
    try:
        field = Class.getDeclaredField(Executer, "listeners")
        field.setAccessible(True)
        return field.get(None)
    except (NoSuchFieldException, RuntimeException):
        return None
