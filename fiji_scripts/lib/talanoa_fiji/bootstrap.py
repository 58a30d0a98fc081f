"""Makes the scripts of Plugins > Talanoa commands, and builds the menu where ImageJ has not found it.

An ImageJ folder with Talanoa installed has the menu when it starts: of scripts in Fiji, of small macros in a plain ImageJ.
"""
from java.awt import HeadlessException, Menu, MenuItem
from java.io import File
from org.scijava.object import ObjectService

from ij import Executer, IJ, Menus

from talanoa_fiji import commands as ours
from talanoa_fiji import ui

MENU = u"Talanoa"


def install(context, folder, menu=True):
    """Make every script in `folder`/Plugins/Talanoa a command; a second call puts the new ones in place of the old.

    context : org.scijava.Context
    folder : str
        The folder fiji_scripts, or where it is installed.
    menu : bool
        False where ImageJ builds the menu itself.
    Returns the names of the commands, sorted.
    """
    scripts = find(File(File(folder, u"Plugins"), MENU))
    objects = context.service(ObjectService)
    before = ours.running(objects)
    if before is not None:
        Executer.removeCommandListener(before)
        objects.removeObject(before)
    commands = ours.Commands(context, scripts)
    objects.addObject(commands)
    Executer.addCommandListener(commands)
    if ui.has_window():
        if menu and not _in_menu(scripts):
            _build_menu(sorted(scripts))
    elif IJ.getInstance() is None:
        _warm_up()
    return sorted(scripts)


def _warm_up():
    """Let the first IJ.run of an ImageJ without a window fail here, on its menus; the later ones work."""
    try:
        IJ.run(ours.NOTHING)
    except HeadlessException:
        pass


def find(folder):
    """Return {name of the command: file} as SciJava would name them: Segment_Objects.py is "Segment Objects"."""
    scripts = [entry for entry in folder.listFiles() or [] if entry.getName().endswith(u".py")]
    return dict((entry.getName()[:-3].replace(u"_", u" "), entry) for entry in scripts)


def _in_menu(names):
    """Return True when ImageJ found entries of these names itself, as in a folder with Talanoa installed."""
    commands = Menus.getCommands()
    return all(commands.get(name) not in (None, MENU) for name in names)


def _build_menu(names):
    """Add the submenu to ImageJ's Plugins menu, and the commands to the Command Finder's list."""
    plugins = Menus.getImageJMenu(u"Plugins")
    for i in reversed(range(plugins.getItemCount())):
        if plugins.getItem(i).getLabel() == MENU:
            plugins.remove(i)
    menu = Menu(MENU)
    for name in names:
        entry = MenuItem(name)
        entry.addActionListener(IJ.getInstance())
        menu.add(entry)
        Menus.getCommands().put(name, MENU)
    plugins.add(menu)
