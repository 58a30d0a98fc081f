"""Texts in ImageJ's status bar, cut where something stands over its end, as Fiji's search field does."""
from javax.swing import JLabel, SwingUtilities

from ij import IJ

from talanoa_fiji import ui

CUT = u" ..."


def show(text):
    """Show a text; where it does not fit, its beginning, and the whole text when the mouse rests on it."""
    IJ.showStatus(text)
    if ui.has_window():
        ui.later(lambda: _fit(text))


def _fit(text):
    """Cut the text that is shown to the room that it has; event dispatch thread."""
    window = IJ.getInstance()
    labels = [part for part in window.getStatusBar().getComponents() if isinstance(part, JLabel)]
    if not labels or labels[0].getText() != text:  # another one was shown since
        return
    label = labels[0]
    room, metrics = _room(label, window), label.getFontMetrics(label.getFont())
    label.setToolTipText(None)
    if room is None or metrics.stringWidth(text) <= room:
        return
    shown = text
    while shown and metrics.stringWidth(shown + CUT) > room:
        shown = shown[:-1]
    label.setText(shown.rstrip() + CUT)
    label.setToolTipText(text)


def _room(label, window):
    """Return the pixels of a label up to what stands over it, or None where nothing does."""
    own = _place(label, window)
    starts = []
    for part in _leaves(window, label):
        box = _place(part, window)
        if box.intersects(own) and box.x > own.x:
            starts.append(box.x - own.x)
    return min(starts) if starts else None


def _leaves(container, label):
    """Return the visible parts of a container that hold no others, without the label."""
    found = []
    for part in container.getComponents():
        if part is label or not part.isVisible():
            continue
        inner = part.getComponents() if hasattr(part, "getComponents") else []
        found += _leaves(part, label) if len(inner) else [part]
    return found


def _place(part, window):
    """Return where a part is in the window."""
    return SwingUtilities.convertRectangle(part.getParent(), part.getBounds(), window)
