"""ROIs cross between ImageJ and the Python side as a few arrays, never one by one."""
from array import array

from ij.gui import PolygonRoi, Roi, ShapeRoi
from ij.io import RoiEncoder
from java.awt import Polygon
from java.awt.geom import Path2D
from java.io import ByteArrayOutputStream
from java.util import ArrayList, Arrays, HashMap

from talanoa_fiji import groups


def unpack(packed, imp=None):
    """Return a java.util.ArrayList of ij.gui.Roi.

    packed : java.util.Map
        x, y (all vertices in ImageJ coordinates: int[] when traced, else float[]), path_start (int[]: first vertex of
        each path, and the end), roi_start (int[]: first path of each ROI, and the end), names (String[]), position
        (int[]: channel, slice, frame of each ROI one after the other, 0 = any), traced (Boolean: pixel outlines),
        optional group (int[]: ImageJ's ROI group, 0 = none).
        Several paths make one composite ROI, filled by the even-odd rule.
    imp : ij.ImagePlus
        The image the ROIs lie on; on a simple stack they are bound to its slices.
    """
    x, y, paths, starts = packed["x"], packed["y"], packed["path_start"], packed["roi_start"]
    names, position, traced, group = packed["names"], packed["position"], packed["traced"], packed.get("group")
    kind = Roi.TRACED_ROI if traced else Roi.POLYGON
    copy, place = Arrays.copyOfRange, _placer(imp)
    rois = ArrayList(len(names))
    if group is not None and any(group):
        groups.ensure_colours()
    for i in xrange(len(names)):
        first, last = starts[i], starts[i + 1]
        begin, end = paths[first], paths[first + 1]
        if last - first == 1:
            roi = PolygonRoi(copy(x, begin, end), copy(y, begin, end), end - begin, kind)
        else:
            roi = _composite(x, y, paths, first, last, traced)
        roi.setName(names[i])
        place(roi, position[3 * i], position[3 * i + 1], position[3 * i + 2])
        if group is not None and group[i]:
            roi.setGroup(group[i])
        rois.add(roi)
    return rois


def _composite(x, y, paths, first, last, traced):
    """Return one ROI of several paths: parts and holes."""
    shape = Path2D.Float(Path2D.WIND_EVEN_ODD)
    for k in xrange(first, last):
        begin, end = paths[k], paths[k + 1]
        if traced:
            shape.append(Polygon(x[begin:end], y[begin:end], end - begin), False)
            continue
        shape.moveTo(x[begin], y[begin])
        for j in xrange(begin + 1, end):
            shape.lineTo(x[j], y[j])
        shape.closePath()
    return ShapeRoi(shape)


def _placer(imp):
    """Return a function (roi, channel, slice, frame) that binds a ROI to its place in an image.

    In a hyperstack, shown or not, ImageJ goes by channel, slice and frame and takes one index for the slice; in a stack
    with one long axis it goes by the one index.
    """
    stacked = imp is not None and imp.getStackSize() > 1
    one_axis = stacked and imp.getStackSize() in (imp.getNSlices(), imp.getNFrames())

    def place(roi, channel, slice_, frame):
        if not (channel or slice_ or frame):
            return
        if not stacked or imp.isHyperStack():
            roi.setPosition(channel, slice_, frame)
        elif one_axis:
            roi.setPosition(max(slice_, frame))
        else:
            roi.setPosition(imp.getStackIndex(max(channel, 1), max(slice_, 1), max(frame, 1)))

    return place


def pack(rois):
    """Return a java.util.Map with the ROIs in ImageJ's own file format: bytes (byte[]), start (int[]), names (String[]).

    Every kind of ROI is kept as it is; the Python side says which of them have no area.
    """
    out = ByteArrayOutputStream()
    start, names = array("i", [0]), []
    for roi in rois:
        out.write(RoiEncoder.saveAsByteArray(roi))
        start.append(out.size())
        names.append(roi.getName() or u"")
    packed = HashMap()
    packed.put("bytes", out.toByteArray())
    packed.put("start", start)
    packed.put("names", names)
    return packed
