"""Starts Talanoa in an ImageJ that no Python started: a plain ImageJ, or a Fiji that the user opens."""
from java.lang import Class, ClassNotFoundException, System, Thread
from org.python.jsr223 import PyScriptEngineFactory
from org.scijava import Context
from org.scijava.module import AbstractModule
from org.scijava.object import ObjectService
from org.scijava.script import AdaptedScriptLanguage, ScriptService

from ij import IJ, ImagePlus, Macro
from ij.measure import ResultsTable
from ij.plugin.frame import Recorder, RoiManager

from talanoa_fiji import bootstrap, commands, options, place

COMMAND, OPTIONS = u"talanoa.command", u"talanoa.options"
ALIASES = {u"ImagePlus": ImagePlus, u"ResultsTable": ResultsTable, u"RoiManager": RoiManager}
_made = []  # the context that was made here


def start(folder, menu=True):
    """Make the menu scripts commands of this ImageJ; a second call puts the new ones in place of the old.

    folder : str
        The folder that holds Plugins/Talanoa (fiji_scripts, or where it is installed).
    menu : bool
        False where ImageJ builds the menu itself.
    Returns the org.scijava.Context: Fiji's own, else one made here.
    """
    context = find_context()
    bootstrap.install(context, folder, menu)
    return context


def enter():
    """Start Talanoa where it is installed, for the first menu entry that is chosen; from then on ImageJ asks our commands.

    The entry names its command in the property talanoa.command. Chosen from the menu, the command runs now. In a macro,
    the entry has to run it again, so that an error ends the macro: the property talanoa.options says with what.
    """
    command, macro = System.clearProperty(COMMAND), commands.in_macro()
    given = Macro.getOptions() if macro else None
    try:
        folder = place.scripts()
    except IOError, error:
        IJ.error(u"Talanoa", unicode(error))
        return
    start(folder.getPath(), menu=False)
    System.setProperty(OPTIONS, u"run " + (given or u"") if command and macro else u"")
    if command and not macro:
        Recorder.setCommand(None)  # the command records itself, with its keys
        IJ.doCommand(command)


def by_script(context, name, module):
    """Run a command with the inputs that a script was given, and start Talanoa for it where that has not been done.

    context : org.scijava.Context
    name : str
        Of the command.
    module : org.scijava.module.Module
        The script that SciJava runs. It declares none of the inputs, so that SciJava asks for none of them.
    """
    declared = set(item.getName() for item in module.getInfo().inputs())
    kept = Class.getDeclaredField(AbstractModule, "inputs")  # SciJava keeps what is not declared, and shows it to nobody
    kept.setAccessible(True)
    inputs = kept.get(module)
    given = [(key, options.as_text(inputs[key])) for key in inputs.keySet() if key not in declared]
    objects = context.service(ObjectService)
    if commands.running(objects) is None:
        start(place.scripts().getPath(), menu=False)
    commands.running(objects).by_script(name, given)


def find_context():
    """Return SciJava's context: the one of Fiji, else the one that was made here before, else a new one."""
    if _is_fiji():
        return IJ.runPlugIn(u"org.scijava.Context", u"")
    if not _made:
        _made.append(_make_context())
    return _made[0]


def _make_context():
    """Return a SciJava context with all its services, and with Jython."""
    thread = Thread.currentThread()
    before = thread.getContextClassLoader()
    # NB: SciJava looks for its services where this thread looks for classes; ImageJ's own threads know no plugins.
    thread.setContextClassLoader(IJ.getClassLoader())
    try:
        context = Context(False)
        register_jython(context)
    finally:
        thread.setContextClassLoader(before)
    return context


def register_jython(context):
    """Teach a SciJava context the language Jython and ImageJ's short class names, as Fiji's knows them."""
    scripts = context.service(ScriptService)
    scripts.getIndex().add(AdaptedScriptLanguage(PyScriptEngineFactory()))
    for alias, kind in ALIASES.items():
        scripts.addAlias(alias, kind)


def _is_fiji():
    """Return True in an ImageJ that SciJava has patched, so that it asks SciJava."""
    try:
        Class.forName(u"net.imagej.patcher.LegacyHooks", False, IJ.getClassLoader())
    except ClassNotFoundException:
        return False
    return True
