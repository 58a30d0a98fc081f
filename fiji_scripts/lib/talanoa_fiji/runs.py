"""Runs of our commands on an image: every ROI and every row of a table names the run that made it.

So a later run on the same image can take the place of an earlier one, and leaves everything else as it is, also ROIs
that the user has corrected since.
"""
from java.lang import Long, System
from java.text import SimpleDateFormat
from java.util import ArrayList, Date

from ij import WindowManager

MADE_BY, OUTLINE = u"talanoa.run", u"talanoa.outline"  # properties of a ROI, the first of an image that was made, too
KIND, TITLE = u"talanoa.kind", u"talanoa.title"  # of such an image: labels, image or uncertainty; its title then
RUNS = u"talanoa.runs"  # property of an image: the runs on it
LAST = u"talanoa.run.last"  # property of Java: the time of the last run, in ms


def begin(imp):
    """Return the name of a new run on an image, and the set of the names of earlier runs on it.

    A name is a time, so that ROIs and tables saved in one session are not taken for those of another one.

    imp : ij.ImagePlus or None
    """
    now = max(System.currentTimeMillis(), Long.getLong(LAST, 0) + 1)
    System.setProperty(LAST, unicode(now))
    name = SimpleDateFormat(u"yyyy-MM-dd HH:mm:ss.SSS").format(Date(now))
    if imp is None:
        return name, set()
    runs = imp.getProperty(RUNS)
    if runs is None:
        runs = ArrayList()
        imp.setProperty(RUNS, runs)
    earlier = set(runs)
    runs.add(name)
    return name, earlier


def mark(rois, run):
    """Note in ROIs which run made them, and with which outline."""
    for roi in rois:
        roi.setProperty(MADE_BY, run)
        roi.setProperty(OUTLINE, _outline(roi))


def mark_image(imp, run, kind):
    """Note in an image which run made it, and as what."""
    imp.setProperty(MADE_BY, run)
    imp.setProperty(KIND, kind)
    imp.setProperty(TITLE, imp.getTitle())


def images_of(runs, kind):
    """Return the open images of a kind that some runs made and that the user has not changed or renamed since."""
    found = [WindowManager.getImage(number) for number in WindowManager.getIDList() or []]
    found = [imp for imp in found if imp is not None and imp.getProperty(KIND) == kind and not imp.changes]
    return [imp for imp in found if imp.getProperty(MADE_BY) in runs and imp.getTitle() == imp.getProperty(TITLE)]


def is_of(roi, runs):
    """Return True for a ROI that one of the runs made and that has its outline still."""
    return bool(runs) and roi.getProperty(MADE_BY) in runs and roi.getProperty(OUTLINE) == _outline(roi)


def _outline(roi):
    """Return a text that is another one when the outline is changed or moved."""
    points = roi.getFloatPolygon()
    sides = [tuple(side[:points.npoints]) for side in (points.xpoints, points.ypoints)]
    return u"%d %d" % (points.npoints, hash(tuple(sides)))
