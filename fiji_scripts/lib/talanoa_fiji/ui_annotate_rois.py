"""The ROI Manager as the place of the outlines of one image: read, replaced, selected, and looked at for changes.

Everything here runs on the event dispatch thread.
"""
import jarray
from java.lang import System

from ij.gui import Roi
from ij.plugin.frame import RoiManager

from talanoa_fiji import groups


def manager():
    """Return the ROI Manager, opened if need be."""
    return RoiManager.getInstance2() or RoiManager.getRoiManager()


def is_open():
    """Return True while there is a ROI Manager."""
    return RoiManager.getInstance2() is not None


def outlines():
    """Return the ROIs of the manager that enclose an area, in its order; Python counts these only."""
    return [roi for roi in everything() if roi.isArea()]


def everything():
    """Return all ROIs of the manager, lines and points too."""
    found = RoiManager.getInstance2()
    return list(found.getRoisAsArray()) if found is not None else []


def put(found, imp):
    """Show these ROIs in the manager, and nothing else."""
    there = manager()
    there.reset()
    for roi in found:
        there.add(imp, roi, -1)
    show_all(imp)


def add(found, imp):
    """Add ROIs to the manager."""
    there = manager()
    for roi in found:
        there.add(imp, roi, -1)
    show_all(imp)


def show_all(imp):
    """Draw all outlines on the image."""
    if imp is not None and imp.getWindow() is not None:
        manager().runCommand(imp, u"Show All without labels")


def selected():
    """Return the indices, in `outlines`, of the ROIs that are selected in the manager, else of the one on the image."""
    there = RoiManager.getInstance2()
    if there is None:
        return []
    whole, areas = everything(), outlines()
    chosen = [k for k in there.getSelectedIndexes() if k < len(whole) and whole[k].isArea()]
    return [index_of(whole[k], areas) for k in chosen]


def select(found, imp):
    """Select ROIs in the manager and on the image; an empty list selects none."""
    there, whole = manager(), everything()
    rows = [k for k in [index_of(roi, whole) for roi in found] if k >= 0]
    if not rows:
        there.deselect()
        if imp is not None:
            imp.deleteRoi()
    elif len(rows) == 1:
        there.selectAndMakeVisible(imp, rows[0])
    else:
        there.setSelectedIndexes(jarray.array(rows, "i"))


def index_of(roi, among):
    """Return where a ROI is in a list, by identity; -1 where it is not."""
    for k, one in enumerate(among):
        if one is roi:
            return k
    return -1


def at(x, y, imp):
    """Return the topmost outline that contains a pixel of the slice that an image shows, or None."""
    for roi in reversed(outlines()):
        if _on_shown_slice(roi, imp) and roi.getBounds().contains(x, y) and roi.containsPoint(x + 0.5, y + 0.5):
            return roi
    return None


def _on_shown_slice(roi, imp):
    """Return True for a ROI that belongs to the slice and frame that an image shows, or to all."""
    if imp.isHyperStack() and roi.hasHyperStackPosition():
        return roi.getZPosition() in (0, imp.getZ()) and roi.getTPosition() in (0, imp.getT())
    return roi.getPosition() in (0, imp.getCurrentSlice())


def show_slice(roi, imp):
    """Let an image show the slice of a ROI."""
    if imp.isHyperStack() and roi.hasHyperStackPosition():
        imp.setPosition(imp.getC(), roi.getZPosition() or imp.getZ(), roi.getTPosition() or imp.getT())
    elif roi.getPosition() and imp.getStackSize() > 1:
        imp.setSlice(roi.getPosition())


def set_class(found, number):
    """Give ROIs a class: ImageJ's ROI group, which has a colour of its own."""
    groups.ensure_colours()
    for roi in found:
        roi.setGroup(number)


def next_class(number):
    """Let every ROI that is drawn from now on have a class."""
    groups.ensure_colours()
    Roi.setDefaultGroup(number)


def state():
    """Return what changes when a ROI is added, removed, updated, renamed, moved to another slice or classified."""
    return tuple([_facts(roi) for roi in everything()])


def _facts(roi):
    """Return what tells one ROI from itself before a change."""
    box = roi.getBounds()
    place = (roi.getPosition(), roi.getCPosition(), roi.getZPosition(), roi.getTPosition())
    return (System.identityHashCode(roi), roi.getName(), roi.getGroup(), box.x, box.y, box.width, box.height, roi.size(), place)
