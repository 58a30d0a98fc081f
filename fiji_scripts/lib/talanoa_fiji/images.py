"""What an ImagePlus is besides its pixels, as plain values, and back: the other half of `talanoa.fiji.bridge.image_facts` in Python."""
import jarray
from java.lang import Boolean, Double
from java.nio import ByteBuffer, FloatBuffer, IntBuffer, ShortBuffer
from java.util import ArrayList, HashMap

from ij import CompositeImage, ImagePlus, ImageStack
from ij.process import LUT

TYPES = (u"uint8", u"uint16", u"float32", u"uint8", u"int32")  # by ImagePlus.getType(); the last is RGB
BUFFERS = (ByteBuffer, ShortBuffer, FloatBuffer, ByteBuffer, IntBuffer)
RGB = 4
HASHED = 512 << 20  # bytes of pixels up to which an edit is noticed


def describe(imp):
    """Return the arriving facts of an image as a java.util.Map."""
    cal, stack, info = imp.getCalibration(), imp.getStack(), imp.getOriginalFileInfo()
    bits, channels = imp.getBitDepth(), imp.getNChannels()
    on_disk = info is not None and info.directory and info.fileName and not imp.changes
    luts = _luts(imp)
    if len(luts) == 1:
        ranges = [(imp.getDisplayRangeMin(), imp.getDisplayRangeMax())]
    else:
        ranges = [(lut.min, lut.max) for lut in luts]
    labels = [stack.getSliceLabel(k) for k in xrange(1, stack.getSize() + 1)] if channels > 1 else []
    return HashMap({
        u"title": imp.getTitle(), u"kind": imp.getType(), u"bits": bits,
        u"width": imp.getWidth(), u"height": imp.getHeight(),
        u"channels": channels, u"slices": imp.getNSlices(), u"frames": imp.getNFrames(),
        u"pixel_width": _number(cal.pixelWidth), u"pixel_height": _number(cal.pixelHeight), u"pixel_depth": _number(cal.pixelDepth),
        u"unit": cal.getUnit(), u"y_unit": cal.getYUnit(), u"z_unit": cal.getZUnit(),
        u"origin": ArrayList([_number(cal.xOrigin), _number(cal.yOrigin)]),
        u"frame_interval": _number(cal.frameInterval), u"time_unit": cal.getTimeUnit() or u"s",
        u"signed16": Boolean(bits == 16 and cal.isSigned16Bit()),
        u"density": cal.getValueUnit() if _is_density_calibrated(imp) else None,
        u"ranges": ArrayList([ArrayList([_number(low), _number(high)]) for low, high in ranges]),
        u"slice_labels": ArrayList(labels),
        u"source": info.getFilePath() if on_disk else None,
        u"selection": _selection(imp.getRoi()),
    })  # fmt: skip


def is_closed(imp):
    """Return True for an image whose pixels have gone; ImageJ keeps its width and its title."""
    return imp.getStack().getSize() == 0


def shapes(imp):
    """Return what of an image goes into a block, as a list of (key, dtype, shape)."""
    size = (imp.getNFrames(), imp.getNChannels(), imp.getNSlices(), imp.getHeight(), imp.getWidth())
    found = [(u"pixels", TYPES[imp.getType()], size), (u"tables", u"uint8", (len(_luts(imp)), 3, 256))]
    grey, inside = _grey_values(imp), _mask(imp)
    if grey is not None:
        found.append((u"grey_values", u"float32", (len(grey),)))
    if inside is not None:
        found.append((u"mask", u"uint8", (inside.getHeight(), inside.getWidth())))
    return found


def fill(imp, block):
    """Copy an image into a block that has its shapes."""
    stack, plane = imp.getStack(), imp.getWidth() * imp.getHeight()
    first = 0
    for t in xrange(1, imp.getNFrames() + 1):
        for c in xrange(1, imp.getNChannels() + 1):
            for z in xrange(1, imp.getNSlices() + 1):
                block.put(u"pixels", stack.getPixels(imp.getStackIndex(c, z, t)), first)
                first += plane
    for k, lut in enumerate(_luts(imp)):
        for band, read in enumerate((lut.getReds, lut.getGreens, lut.getBlues)):
            column = jarray.zeros(lut.getMapSize(), "b")
            read(column)
            block.put(u"tables", column, 256 * (3 * k + band))
    grey, inside = _grey_values(imp), _mask(imp)
    if grey is not None:
        block.put(u"grey_values", grey)
    if inside is not None:
        block.put(u"mask", inside.getPixels())


def build(facts, reply, key):
    """Return a new ij.ImagePlus from leaving facts and the block of a reply.

    facts : java.util.Map
        What `talanoa.fiji.bridge.image_facts.from_form` says of the image.
    reply : block.Reply
        Has its pixels and colour tables.
    key : unicode
        The image's name in the reply, such as labels.
    """
    width, height = facts["width"], facts["height"]
    channels, slices, frames = facts["channels"], facts["slices"], facts["frames"]
    stack, plane = ImageStack(width, height, channels * slices * frames), width * height
    for k in xrange(stack.getSize()):
        stack.setPixels(reply.get(key + u"_pixels", k * plane, plane), k + 1)
    names = facts["slice_labels"]
    for k in xrange(stack.getSize() if names else 0):
        stack.setSliceLabel(names[k % len(names)], k + 1)
    imp = ImagePlus(facts["title"], stack)
    imp.setDimensions(channels, slices, frames)
    imp.setOpenAsHyperStack(stack.getSize() > 1)
    _calibrate(imp, facts)
    if facts["composite"] is not None:
        imp = CompositeImage(imp, facts["composite"])
    _display(imp, facts["ranges"], _read_luts(reply, key + u"_tables"))
    return imp


def fingerprint(imp, most=HASHED):
    """Return a number for the pixels of an image, to notice an edit; None where that would take too long.

    most : int or None
        Bytes of pixels up to which they are looked at; None: always, unless they are read from a file each time.
    """
    stack = imp.getStack() if imp is not None else None
    if stack is None or stack.isVirtual() or (most is not None and imp.getSizeInBytes() > most):
        return None
    wrap = BUFFERS[imp.getType()].wrap  # NB: Jython gives java.util.Arrays.hashCode the array's identity
    return hash(tuple(wrap(stack.getPixels(k)).hashCode() for k in xrange(1, stack.getSize() + 1)))


def state(imp):
    """Return what a job takes of an image: pixels, sizes, calibration and selection, to notice that any of it changed."""
    facts, inside = describe(imp), _mask(imp)
    for key in (u"title", u"ranges", u"source"):
        facts.remove(key)
    shape = None if inside is None else ByteBuffer.wrap(inside.getPixels()).hashCode()
    grey = _grey_values(imp)
    values = None if grey is None else FloatBuffer.wrap(grey).hashCode()
    return facts, shape, values, fingerprint(imp, most=None)


def _luts(imp):
    """Return the LUT of each channel; none for an RGB image."""
    luts = imp.getLuts()
    return list(luts) if luts is not None and imp.getType() != RGB else []


def _is_density_calibrated(imp):
    """Return True where Analyze > Measure gives other intensities than the pixel values."""
    cal = imp.getCalibration()
    return imp.getBitDepth() in (8, 16) and cal.calibrated() and not cal.isSigned16Bit()


def _grey_values(imp):
    """Return the table of a density calibration, float[], where ImageJ has one for such pixels; else None."""
    table = imp.getCalibration().getCTable() if _is_density_calibrated(imp) else None
    return table if table is not None and len(table) == 1 << imp.getBitDepth() else None


def _selection(roi):
    """Return what is selected; ImageJ counts text and pasted pictures as rectangles."""
    if roi is None:
        return None
    bounds, kind = roi.getBounds(), roi.getTypeAsString()
    area = bool(roi.isArea()) and kind not in (u"Text", u"Image")
    return HashMap({
        u"area": Boolean(area), u"type": kind,
        u"x": bounds.x, u"y": bounds.y, u"width": bounds.width, u"height": bounds.height,
    })  # fmt: skip


def _mask(imp):
    """Return the mask of the selection; None without one, and for rectangles."""
    roi = imp.getRoi()
    return roi.getMask() if roi is not None else None


def _calibrate(imp, facts):
    """Write pixel size, unit, frame interval and the signed 16 bit of ImageJ."""
    cal = imp.getCalibration()
    if facts["signed16"]:
        cal.setSigned16BitCalibration()
    cal.pixelDepth, cal.pixelHeight, cal.pixelWidth = facts["pixel_depth"], facts["pixel_height"], facts["pixel_width"]
    cal.setUnit(facts["unit"])
    cal.frameInterval = facts["frame_interval"]
    cal.setTimeUnit(u"sec")


def _display(imp, ranges, luts):
    """Write display ranges and colour tables."""
    if imp.getNChannels() == 1:
        if luts:
            imp.setLut(luts[0])
        if ranges is not None:
            imp.setDisplayRange(*ranges[0])
        return
    for lut, limits in zip(luts or list(imp.getLuts()), ranges or []):
        lut.min, lut.max = limits
    if luts or ranges is not None:
        imp.setLuts(jarray.array(luts or list(imp.getLuts()), LUT))


def _read_luts(reply, key):
    """Return the colour tables of a reply as ij.process.LUT."""
    luts = []
    for k in xrange(reply.shape(key)[0]):
        luts.append(LUT(*[reply.get(key, 256 * (3 * k + band), 256) for band in range(3)]))
    return luts


def _number(value):
    """Return a number as JSON has it; NaN and infinity become text."""
    return unicode(Double(value)) if Double.isNaN(value) or Double.isInfinite(value) else value
