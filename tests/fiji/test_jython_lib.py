"""The Jython library by itself: ROIs from packed arrays, macro options, numbers of dialogs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from talanoa import rois
from talanoa.core import resources
from talanoa.fiji.bridge import convert, packing
from talanoa.fiji.setup.runtime import Runtime
from talanoa.image.form import from_array
from talanoa.rois.roi_set import from_polygons

HEAD = """
#@ String lib
#@ java.util.Map made
import sys
sys.path.insert(0, lib)
"""


def run(imagej: Runtime, code: str, **given: Any) -> Any:
    """Run code that finds the library and puts what it makes into the map `made`."""
    import jpype

    made = jpype.JClass("java.util.HashMap")()
    for key, value in given.items():
        made.put(key, value)
    imagej.run_script(HEAD + code, {"lib": (resources.fiji_scripts() / "lib").as_posix(), "made": made})
    return made


UNPACK = """
from talanoa_fiji import rois
made.put("rois", rois.unpack(made["packed"], made.get("imp")))
"""


def unpacked(imagej: Runtime, made: rois.RoiSet, imp: Any = None) -> list[Any]:
    """Return ROIs as ImageJ has them."""
    return list(run(imagej, UNPACK, packed=packing.pack_rois(made), imp=imp)["rois"])


def paint(found: list[Any], shape: tuple[int, int]) -> np.ndarray:
    """Paint ROIs 1, 2, ... by ImageJ's own masks."""
    labels = np.zeros(shape, int)
    for number, roi in enumerate(found, start=1):
        box, mask = roi.getBounds(), roi.getMask()
        inside = np.ones((box.height, box.width), bool)
        if mask is not None:
            inside = np.array(mask.getPixels()).reshape(box.height, box.width) != 0
        labels[box.y : box.y + box.height, box.x : box.x + box.width][inside] = number
    return labels


ISLES = """
.11...22222....
.111..2...2.33.
..11..2.3.2....
......2...2.44.
.5.5..22222.4.4
.......6....444
"""


def isles() -> np.ndarray:
    """Return labels with a hole, an object in the hole, several parts, one pixel."""
    rows = ISLES.split()
    return np.array([[0 if sign == "." else int(sign) for sign in row] for row in rows], np.int32)


def test_holes_and_parts_arrive_pixel_by_pixel(imagej: Runtime) -> None:
    labels = isles()
    found = unpacked(imagej, rois.from_labels(from_array(labels)))
    assert [str(roi.getName()) for roi in found] == [f"T0001_L{k:05d}" for k in range(1, 7)]
    # the object in the hole has a part outside: it is painted after the ring, and neither covers the other
    assert np.array_equal(paint(found, labels.shape), labels)


def test_star_polygons_keep_their_fractions(imagej: Runtime) -> None:
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    coords = np.stack([12.25 + 6.3 * np.sin(angles), 14.75 + 6.3 * np.cos(angles)], axis=-1)[None].astype(np.float32)
    made = from_polygons(coords, np.array([1]), np.array([1]))
    roi = unpacked(imagej, made)[0]
    polygon = roi.getFloatPolygon()
    xy = np.stack([np.array(polygon.xpoints)[:16], np.array(polygon.ypoints)[:16]], axis=1)
    assert np.allclose(xy, made.xy, atol=1e-4)
    assert np.array_equal(paint([roi], (32, 32)), rois.to_labels(made, (32, 32)).labels.values[0, 0, 0])


@pytest.mark.parametrize("hyperstack", [True, False])
def test_rois_are_bound_to_their_frame(imagej: Runtime, hyperstack: bool) -> None:
    movie = from_array(np.stack([isles()] * 3), "tyx")
    imp = convert.labels_to_imageplus(movie)
    imp.setOpenAsHyperStack(hyperstack)
    found = unpacked(imagej, rois.from_labels(movie), imp)
    assert len(found) == 18
    frames = [roi.getTPosition() or roi.getPosition() for roi in found]
    assert frames == [1] * 6 + [2] * 6 + [3] * 6


def test_groups_arrive(imagej: Runtime) -> None:
    made = rois.from_labels(from_array(isles()))
    grouped = replace(made, group=np.arange(6, dtype=np.uint8))
    assert [roi.getGroup() for roi in unpacked(imagej, grouped)] == list(range(6))
    assert [roi.getGroup() for roi in unpacked(imagej, made)] == [0] * 6


def test_what_is_packed_in_imagej_is_read_here(imagej: Runtime) -> None:
    import jpype

    oval, line = jpype.JClass("ij.gui.OvalRoi")(3, 4, 11, 9), jpype.JClass("ij.gui.Line")(0, 0, 9, 9)
    code = 'from talanoa_fiji import rois\nmade.put("packed", rois.pack([made["oval"], made["line"]]))'
    pieces, names = packing.unpack_rois(run(imagej, code, oval=oval, line=line)["packed"])
    read = rois.decode(pieces, names)
    found, said = read.rois, read.warnings
    assert len(found) == 1
    assert len(said) == 1 and "line" in said[0].lower()
    assert np.array_equal(rois.to_labels(found, (20, 20)).labels.values[0, 0, 0], paint([oval], (20, 20)))


OPTIONS = """
import json
from talanoa_fiji import options
made.put("found", json.dumps([options.parse(text) for text in json.loads(made["texts"])]))
"""


def test_macro_options_are_read_as_imagej_writes_them(imagej: Runtime) -> None:
    expected = {
        "model=nuclei prob_thresh=0.5 ": [["model", "nuclei"], ["prob_thresh", "0.5"]],
        "out=[C:/my cells/a [1]] model=x": [["out", "C:/my cells/a [1]"], ["model", "x"]],
        "exclude_border name='a b'": [["exclude_border", "true"], ["name", "a b"]],
        "  ": [],
        "name= epochs=2": [["name", ""], ["epochs", "2"]],
        "name=\u00b5m": [["name", "\u00b5m"]],
    }
    found = run(imagej, OPTIONS, texts=json.dumps(list(expected)))["found"]
    assert json.loads(str(found)) == list(expected.values())


REFUSED = """
import json
from talanoa_fiji import options
said = []
for text in json.loads(made["texts"]):
    try:
        said.append(u"read: %s" % options.parse(text))
    except options.Unreadable, error:
        said.append(unicode(error))
made.put("said", json.dumps(said))
"""


def test_names_with_single_brackets_do_not_become_keys(imagej: Runtime) -> None:
    texts = [
        "image=[m] model=[nope.tif] model=[tiny] ",
        "model=[tiny] image=[m] Model=[nope.tif] ",
        "name=[never closed",
        "image=[a[b.tif] model=tiny ",
        "image=[a]b.tif] model=tiny ",
    ]
    said = json.loads(str(run(imagej, REFUSED, texts=json.dumps(texts))["said"]))
    assert all("The key model is given twice" in one.replace("Model", "model") for one in said[:2]), said
    assert all("do not pair" in one and "rename it" in one for one in said[2:]), said


NUMBERS = """
from java.lang import Double, Integer
from talanoa_fiji import dialog
found = [dialog.convert(u"0,5", Double), dialog.convert(u"0.5", Double), dialog.convert(u"12", Integer)]
try:
    dialog.convert(u"much", Double)
except ValueError:
    found.append("no number")
made.put("found", str(found))
"""


def test_numbers_of_a_dialog_may_have_a_decimal_comma(imagej: Runtime) -> None:
    assert str(run(imagej, NUMBERS)["found"]) == "[0.5, 0.5, 12, 'no number']"


IN_ORDER = """
import json
from talanoa_fiji import options
made.put("found", json.dumps([key for key, _ in options.in_order([(key, u"1") for key in json.loads(made["keys"])])]))
"""


def test_no_recorded_key_comes_after_one_that_ends_with_it(imagej: Runtime) -> None:
    keys = ["model", "missing_planes", "scale", "planes", "rescale", "name"]
    found = json.loads(str(run(imagej, IN_ORDER, keys=json.dumps(keys))["found"]))
    assert found == ["model", "planes", "missing_planes", "scale", "rescale", "name"]
