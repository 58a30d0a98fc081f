"""Imported by name by the menu entries of a plain ImageJ and by Fiji's start-up macro, which can call no function of ours.

A package, because ImageJ 1 would make a menu entry of a file this deep in its plugins folder.
"""
from talanoa_fiji import plain

plain.enter()
