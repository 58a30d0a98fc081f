"""Imported by name by the menu entries of a plain ImageJ and by Fiji's start-up macro, which can call no function of ours."""
import sys

try:
    from talanoa_fiji import plain

    plain.enter()
finally:
    sys.modules.pop(__name__, None)  # the next import does it again
