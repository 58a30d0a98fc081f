"""Where new windows go: next to the image that they belong to, not over it."""
from java.awt import Point, Rectangle

from ij.gui import GUI

from talanoa_fiji import ui

GAP = 8  # pixels between two windows


def beside(imp, others):
    """Move the window of an image to where it covers the windows of others least.

    imp, others : ij.ImagePlus, list of ij.ImagePlus
        What has no window is left out.
    """
    window = imp.getWindow()
    taken = [other.getWindow().getBounds() for other in others if other is not None and other.getWindow() is not None]
    if window is None or not taken:
        return

    def move():
        window.setLocation(_best(window.getBounds(), taken, GUI.getMaxWindowBounds(window)))

    ui.on_events(move)


def _best(size, taken, screen):
    """Return the place (java.awt.Point) on a screen for a window that covers the fewest pixels of others."""
    places = []
    for box in taken:
        right, left = box.x + box.width + GAP, box.x - size.width - GAP
        below, above = box.y + box.height + GAP, box.y - size.height - GAP
        places += [(right, box.y), (left, box.y), (box.x, below), (box.x, above)]
    inside = [_on_screen(place, size, screen) for place in places]
    return Point(*min(inside, key=lambda place: _covered(place, size, taken)))


def _on_screen(place, size, screen):
    """Return the nearest place at which a window is on the screen."""
    x = max(screen.x, min(place[0], screen.x + screen.width - size.width))
    y = max(screen.y, min(place[1], screen.y + screen.height - size.height))
    return x, y


def _covered(place, size, taken):
    """Return how many pixels of other windows a window would cover."""
    window, pixels = Rectangle(place[0], place[1], size.width, size.height), 0
    for box in taken:
        both = window.intersection(box)
        pixels += max(both.width, 0) * max(both.height, 0)
    return pixels
