"""Colours of ROI groups, which are the classes of objects, in an ImageJ that has no file of them."""
import jarray
from java.io import File
from java.lang import Class, NoSuchFieldException, RuntimeException

from ij import IJ
from ij.gui import Roi
from ij.process import LUT

COLOURS = (  # of the groups 1, 2, ...: told apart on black, also with a colour vision deficiency; yellow is that of no group
    (230, 120, 0), (255, 105, 200), (0, 200, 130), (110, 150, 255), (240, 240, 240),
    (213, 60, 40), (150, 80, 255), (170, 120, 60), (190, 220, 110),
)  # fmt: skip


def ensure_colours():
    """Let groups have colours: ImageJ reads them from its folder luts, and says so in the log for each ROI without it."""
    folder = IJ.getDirectory(u"luts")
    if folder and any(File(folder, name).isFile() for name in (u"Glasbey.lut", u"glasbey.lut")):
        return
    try:
        field = Class.getDeclaredField(Roi, "glasbeyLut")
        field.setAccessible(True)
        if field.get(None) is None:
            field.set(None, _table())
    except (NoSuchFieldException, RuntimeException):
        pass  # another ImageJ: it says what it misses


def _table():
    """Return the colours as ImageJ's table of 256."""
    chosen = [(0, 0, 0)] + [COLOURS[k % len(COLOURS)] for k in range(255)]
    bands = [jarray.array([value - 256 if value > 127 else value for value in band], "b") for band in zip(*chosen)]
    return LUT(*bands)
