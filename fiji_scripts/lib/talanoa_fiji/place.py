"""Where this installation has its Python: what `talanoa install-fiji` noted."""
import json
import sys

from java.io import File
from java.lang import String, System
from java.nio.file import Files

NOTE = u"installation.json"  # beside this file
PYTHON = u"talanoa.python"  # a Java system property that names another Python


def folder():
    """Return the folder of these scripts as a java.io.File."""
    # NB: Jython names its modules in bytes, which Java would read as Latin-1; they are UTF-8, whatever file.encoding says.
    path = __file__ if isinstance(__file__, unicode) else __file__.decode(sys.getfilesystemencoding())
    return File(path).getAbsoluteFile().getParentFile()


def installation():
    """Return what was noted, None where nothing was installed.

    python : the Python that works, an absolute path
    talanoa : the version of the package
    scripts : the folder that holds Plugins/Talanoa, seen from here
    jars : what this ImageJ lacked and was brought along, seen from here
    """
    note = File(folder(), NOTE)
    found = json.loads(unicode(String(Files.readAllBytes(note.toPath()), "UTF-8"))) if note.isFile() else None
    python = System.getProperty(PYTHON)
    if python:
        found = dict(found or {u"talanoa": None, u"jars": []}, python=python)
    return found


def scripts():
    """Return the folder that holds Plugins/Talanoa as installed (java.io.File).

    Raises IOError where nothing was noted.
    """
    noted = (installation() or {}).get(u"scripts")
    if noted is None:
        raise IOError(
            u"Found no %s in %s; expected what was noted there when Talanoa was installed. Install it again: "
            u"talanoa install-fiji <folder of this ImageJ>" % (NOTE, folder())
        )
    return File(folder(), noted).getCanonicalFile()


def brought():
    """Return the jars that the installation brought along (list of java.io.File)."""
    noted = installation() or {}
    return [folder().toPath().resolve(jar).normalize().toFile() for jar in noted.get(u"jars") or []]
