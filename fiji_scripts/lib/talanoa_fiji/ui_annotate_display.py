"""The image of an annotation on the screen: where it stands, how large, and how bright; its pixels are never changed."""
from java.awt import Color, Point, Rectangle

from ij import IJ, ImageListener
from ij.gui import GUI, ImageCanvas

SMALLEST = 48  # pixels of an image that are shown at least
GAP = 8  # pixels between two windows
ABOVE = 110  # pixels that ImageJ's own window takes
BORDERS = 70  # pixels of title, subtitle and slider of an image window
LARGEST_ZOOM = 8
RGB = 4
PROPOSED = Color(255, 80, 255)  # outlines that are not in the ROI Manager yet
CLOSE_UP = 2  # times the size of a ROI is what is shown of the image around it


def place(imp, before, panel, manager):
    """Put the window of an image at the left, as large as fits beside the panel; the first time, the ROI Manager between.

    before : java.awt.Point or None
        Where the image before stood.
    panel, manager : java.awt.Window
    """
    window, canvas, room = imp.getWindow(), imp.getCanvas(), GUI.getMaxWindowBounds(IJ.getInstance())
    if before is None:
        manager.setLocation(panel.getX() - manager.getWidth() - GAP, panel.getY())
    window.setLocation(before or Point(room.x + GAP, room.y + ABOVE))
    wide = min(panel.getX(), manager.getX()) - window.getX() - 3 * GAP
    high = room.y + room.height - window.getY() - BORDERS
    while True:
        was = canvas.getMagnification()
        wanted = ImageCanvas.getHigherZoomLevel(was)
        if wanted * imp.getWidth() > wide or wanted * imp.getHeight() > high or wanted > LARGEST_ZOOM:
            return
        canvas.zoomIn(canvas.getWidth() // 2, canvas.getHeight() // 2)
        if canvas.getMagnification() <= was:
            return


def can_brighten(imp):
    """Return True where brightness is a matter of the display alone; that of an RGB image is in its pixels."""
    return imp.getType() != RGB


def show_ranges(imp, wanted):
    """Set black and white of each channel of the display.

    wanted : list of (low, high)
    """
    if not can_brighten(imp):
        return
    shown = imp.getC()
    for channel, (low, high) in enumerate(wanted, start=1):
        if imp.isComposite():
            imp.setC(channel)
        if high > low:
            imp.setDisplayRange(low, high)
    if imp.isComposite():
        imp.setC(shown)
    imp.updateAndDraw()


def ranges(imp):
    """Return black and white of each channel of the display."""
    if not imp.isComposite():
        return [(imp.getDisplayRangeMin(), imp.getDisplayRangeMax())]
    return [(lut.min, lut.max) for lut in imp.getLuts()]


def close_up(imp, found):
    """Show ROIs in the middle of the window, with some of what is around them."""
    canvas, box = imp.getCanvas(), found[0].getBounds()
    for roi in found[1:]:
        box = box.union(roi.getBounds())
    side = max(SMALLEST, CLOSE_UP * max(box.width, box.height))
    scale = min(canvas.getWidth(), canvas.getHeight()) / float(min(side, max(imp.getWidth(), imp.getHeight())))
    wide, high = int(canvas.getWidth() / scale), int(canvas.getHeight() / scale)
    x = max(0, min(imp.getWidth() - wide, box.x + box.width // 2 - wide // 2))
    y = max(0, min(imp.getHeight() - high, box.y + box.height // 2 - high // 2))
    canvas.setMagnification(scale)
    canvas.setSourceRect(Rectangle(x, y, min(wide, imp.getWidth()), min(high, imp.getHeight())))
    canvas.repaint()


def whole(imp):
    """Show the whole image again."""
    imp.getCanvas().unzoom()


class Closed(ImageListener):
    """Calls a function with every image that is closed."""

    def __init__(self, function):
        self.function = function

    def imageOpened(self, imp):
        pass

    def imageClosed(self, imp):
        self.function(imp)

    def imageUpdated(self, imp):
        pass
