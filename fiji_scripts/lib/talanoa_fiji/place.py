"""Where this installation has its Python: what `talanoa install-fiji` noted."""
import json

from java.io import File
from java.lang import String, System
from java.nio.file import Files

NOTE = u"installation.json"  # beside this file
PYTHON = u"talanoa.python"  # a Java system property that names another Python


def folder():
    """Return the folder of these scripts as a java.io.File."""
    return File(__file__).getAbsoluteFile().getParentFile()


def installation():
    """Return what was noted: python (path), talanoa (version), jars (list of paths); None where nothing was installed."""
    note = File(folder(), NOTE)
    found = json.loads(unicode(String(Files.readAllBytes(note.toPath()), "UTF-8"))) if note.isFile() else None
    python = System.getProperty(PYTHON)
    if python:
        found = dict(found or {u"talanoa": None, u"jars": []}, python=python)
    return found
