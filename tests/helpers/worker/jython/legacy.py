"""A Fiji made of what Maven Central has (Jython 2.7): started as `fiji ARGUMENTS`, or without a display as `fiji
--headless ARGUMENTS`.

ImageJ 1 is patched by the ij1-patcher that Fiji uses, and SciJava runs scripts on its own threads. What stands here is
the
little that imagej-legacy, which is not on Maven Central, adds for scripts and macros:

- a script is a command of ImageJ when it lies in a submenu and its file name has an underscore;
- ImageJ asks SciJava to run such a command, on another thread, and waits for its end;
- keys of a macro are inputs of the script; a harvester would ask for the others (here: raises, for it must never come
to that);
- `-macro FILE [ARGUMENT]` runs a macro in the main thread; SciJava itself knows `--run FILE KEYS`;
- the search bar runs a command of ImageJ in a thread of SciJava, by its class and argument (here: `-search COMMAND`).

No start-up macro is run, as in a headless Fiji, or in one whose start-up macros are the user's own. The folder is the
Java property imagej.dir.
"""
import sys

from net.imagej.patcher import LegacyHooks, LegacyInjector

LegacyInjector.preinit()  # before the first class of ImageJ is loaded

from java.awt import GraphicsEnvironment
from java.io import File
from java.lang import Class, Runnable, RuntimeException, System, Thread
from java.util import ArrayList, HashMap
from org.python.jsr223 import PyScriptEngineFactory
from org.scijava import Context, MenuPath, SciJava
from org.scijava.console import AbstractConsoleArgument, ConsoleService
from org.scijava.module import ModuleService
from org.scijava.module.process import AbstractPreprocessorPlugin, PostprocessorPlugin, PreprocessorPlugin
from org.scijava.plugin import AbstractSingletonService, PluginService
from org.scijava.script import AdaptedScriptLanguage, ScriptService
from org.scijava.thread import ThreadService


class MacroKeys(AbstractPreprocessorPlugin):
    """Fills the inputs of a script with the keys of a macro."""

    def process(self, module):
        from ij import IJ, Macro

        options = Macro.getOptions() if IJ.isMacro() else None
        for item in module.getInfo().inputs() if options else ():
            text = Macro.getValue(options, item.getName(), None)
            if text is not None:
                module.setInput(item.getName(), text)
                module.resolveInput(item.getName())


class Harvester(AbstractPreprocessorPlugin):
    """Stands where a Fiji with a window asks for what is not known yet."""

    def process(self, module):
        names = [item.getName() for item in module.getInfo().inputs() if not module.isInputResolved(item.getName())]
        if names:
            raise RuntimeException(u"SciJava's own dialog would ask for " + u", ".join(names))


class Hooks(LegacyHooks):
    """What ImageJ 1 asks SciJava."""

    def __init__(self, scijava):
        self.scijava, self.commands = scijava, {}

    def getContext(self):
        return self.scijava

    def interceptRunPlugIn(self, name, argument):
        if name == u"org.scijava.Context":
            return self.scijava
        info = self.commands.get(name)
        if info is None:
            return None
        plugins = self.scijava.service(PluginService)
        before = ArrayList(plugins.createInstancesOfType(PreprocessorPlugin))
        before.addAll([MacroKeys(), Harvester()])
        after = plugins.createInstancesOfType(PostprocessorPlugin)
        return self.scijava.service(ModuleService).run(info, before, after, HashMap()).get()

    def getThreadAncestors(self):
        threads, found = self.scijava.service(ThreadService), ArrayList()
        parent = threads.getParent(Thread.currentThread())
        while parent is not None and not found.contains(parent):
            found.add(parent)
            parent = threads.getParent(parent)
        return found


def start(folder):
    """Start SciJava and ImageJ 1, and make scripts commands; return the context."""
    context = Context(False)
    scripts = context.service(ScriptService)
    scripts.getIndex().add(AdaptedScriptLanguage(PyScriptEngineFactory()))
    scripts.addScriptDirectory(File(folder, u"scripts"))
    scripts.addScriptDirectory(File(folder, u"plugins"), MenuPath(u"Plugins"))
    hooks = Hooks(context)
    LegacyInjector.installHooks(Thread.currentThread().getContextClassLoader(), hooks)
    from ij import IJ, ImageJ, Menus

    if GraphicsEnvironment.isHeadless():
        IJ.runPlugIn(u"ij.IJ.init", u"")
    else:
        ImageJ().exitWhenQuitting(True)
    for info in scripts.getScripts():
        if info.getMenuPath().size() and u"_" in File(info.getPath()).getName():
            hooks.commands[info.getIdentifier()] = info
            Menus.getCommands().put(info.getMenuPath().getLeaf().getName(), info.getIdentifier())
    return context


class MacroArgument(AbstractConsoleArgument):
    """-macro FILE [ARGUMENT]: runs a macro in this thread, which gets a name that ImageJ understands."""

    def supports(self, arguments):
        return arguments.size() > 1 and arguments.get(0) == u"-macro"

    def handle(self, arguments):
        from ij import IJ

        arguments.removeFirst()
        path = arguments.removeFirst()
        thread = Thread.currentThread()
        name = thread.getName()
        thread.setName(u"Run$_" + name + u"Macro$")
        try:
            IJ.runMacroFile(path, u"" if arguments.isEmpty() else arguments.removeFirst())
        finally:
            thread.setName(name)


class SearchArgument(AbstractConsoleArgument):
    """-search COMMAND: runs a command as Fiji's search bar does."""

    def __init__(self, threads):
        self.threads = threads

    def supports(self, arguments):
        return arguments.size() > 1 and arguments.get(0) == u"-search"

    def handle(self, arguments):
        from ij import IJ, Menus

        arguments.removeFirst()
        kind, _, argument = Menus.getCommands().get(arguments.removeFirst()).partition(u"(")
        self.threads.run(Job(lambda: IJ.runPlugIn(kind, argument.strip(u'")'))))


class Job(Runnable):
    """A function as a Java Runnable."""

    def __init__(self, function):
        self.function = function

    def run(self):
        self.function()


def main(arguments):
    """Do what the command line says."""
    context = start(System.getProperty(u"imagej.dir"))
    console = context.service(ConsoleService)
    console.getInstances()  # makes those that SciJava finds, and only then
    known = Class.getDeclaredField(AbstractSingletonService, "instances")
    known.setAccessible(True)
    known.get(console).addAll([MacroArgument(), SearchArgument(context.service(ThreadService))])
    SciJava(context).launch(arguments)


main([argument.decode("utf-8") if isinstance(argument, bytes) else argument for argument in sys.argv[1:]])
