"""Appose's classes, from ImageJ's own jars or from those that the installation brought along."""
from java.lang import Class


def appose_class(name):
    """Return a class of org.apposed.appose by its short name."""
    return Class.forName(u"org.apposed.appose." + name)
