"""Imported by a macro of a test (Jython 2.7): writes what ImageJ shows to the file that the property talanoa.look
names."""
import io
import json

from java.lang import System

from ij import IJ, Menus
from ij.plugin.frame import Recorder

import hand

plugins = Menus.getImageJMenu("Plugins")
submenus = [plugins.getItem(i) for i in range(plugins.getItemCount()) if plugins.getItem(i).getLabel() == "Talanoa"]
seen = {
    "menus": [[menu.getItem(i).getLabel() for i in range(menu.getItemCount())] for menu in submenus],
    "recorded": Recorder.getInstance().getText() if Recorder.getInstance() else u"",
    "windows": hand.titles(),
    "log": IJ.getLog() or u"",
}
with io.open(System.getProperty("talanoa.look"), "w", encoding="utf-8") as stream:
    stream.write(json.dumps(seen, ensure_ascii=False))
