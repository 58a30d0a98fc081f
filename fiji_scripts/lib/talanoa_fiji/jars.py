"""Appose's classes, from ImageJ's own jars or from those that the installation brought along."""
from contextlib import contextmanager

from java.lang import Class, ClassLoader, Thread
from java.net import URLClassLoader

from ij import IJ

from talanoa_fiji import place

_loader = []


def appose_class(name):
    """Return a class of org.apposed.appose by its short name."""
    return Class.forName(u"org.apposed.appose." + name, True, loader())


@contextmanager
def inside():
    """Use Appose in here: it looks for its own parts (shared memory, builders) where the thread looks for classes."""
    thread = Thread.currentThread()
    before = thread.getContextClassLoader()
    thread.setContextClassLoader(loader())
    try:
        yield
    finally:
        thread.setContextClassLoader(before)


def loader():
    """Return the java.lang.ClassLoader that has Appose.

    Jars that the installation brought are asked alone: this ImageJ has no Appose, or one that is too old.
    """
    if not _loader:
        jars = place.brought()
        _loader.append(_alone(jars) if jars else IJ.getClassLoader())
        _wake_json()
    return _loader[0]


def _wake_json():
    """Let Groovy's JSON, which Appose writes its messages with, find its parts; it looks for them once and for all."""
    with inside():
        for name in (u"groovy.json.JsonOutput", u"groovy.json.JsonSlurper"):
            Class.forName(name, True, loader())
        Class.forName(u"groovy.json.JsonSlurper", True, loader())().parseText(u'{"text": "\u00b5"}')


def _alone(jars):
    """Return a loader of these jars and of Java itself, and of nothing else."""
    missing = [jar.getPath() for jar in jars if not jar.isFile()]
    if missing:
        raise IOError(
            u"Jars of Talanoa are missing: %s; expected what was installed. Install again: talanoa install-fiji "
            u"<folder of this ImageJ>" % u", ".join(missing)
        )
    return URLClassLoader([jar.toURI().toURL() for jar in jars], ClassLoader.getSystemClassLoader().getParent())
