"""Images through shared memory, ImageJ's side (Jython) to Python's and back: the same as through JPype."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from fiji.test_convert import RANGES, assert_same, colour, java_class, made
from fiji.test_jython_lib import run
from talanoa.core.errors import BadInput
from talanoa.fiji.bridge import convert, image_facts, shared_block
from talanoa.fiji.setup.runtime import Runtime
from talanoa.fiji.worker import wire
from talanoa.image.form import from_array
from talanoa.image.labels import display_form

SEND = """
from talanoa_fiji import images
from talanoa_fiji.block import Block
import json
imp = made["imp"]
filled = Block(images.shapes(imp))
images.fill(imp, filled)
plain = lambda v: dict((k, plain(v.get(k))) for k in v.keySet()) if hasattr(v, "keySet") else \
    [plain(one) for one in v] if hasattr(v, "size") else v
made.put("facts", json.dumps(plain(images.describe(imp))))
made.put("layout", json.dumps(plain(filled.layout())))
made.put("close", filled)
"""
BUILD = """
from java.util import HashMap, ArrayList
from talanoa_fiji import images
from talanoa_fiji.block import Reply
import json
java = lambda v: HashMap(dict((k, java(one)) for k, one in v.items())) if isinstance(v, dict) else \
    ArrayList([java(one) for one in v]) if isinstance(v, list) else v
reply = Reply(java(json.loads(made["layout"])))
made.put("imp", images.build(java(json.loads(made["facts"])), reply, u"labels"))
reply.close()
"""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = blocks()
    yield
    assert blocks() == before


def blocks() -> set[str]:
    names = (f"talanoa-{owner}-*" for owner in (0, os.getpid()))  # of this process, Java included
    return {one.name for name in names for one in shared_block.LINUX_FOLDER.glob(name)}


def sent(imagej: Runtime, imp: Any) -> tuple[dict[str, Any], xr.DataArray, np.ndarray | None]:
    """Send an image through shared memory; return its facts, the image and the mask of its selection."""
    found = run(imagej, SEND, imp=imp)
    given, layout = json.loads(str(found["facts"])), json.loads(str(found["layout"]))
    memory = shared_block.attach(layout)
    arrays = {key: shared_block.view(memory, layout, key).copy() for key in layout["arrays"]}
    shared_block.release(memory)
    run(imagej, 'made["close"].close()', close=found["close"])
    return (
        given,
        image_facts.to_form(given, arrays["pixels"], arrays["tables"], arrays.get("grey_values")),
        arrays.get("mask"),
    )


def built(imagej: Runtime, image: xr.DataArray) -> Any:
    """Return the ImagePlus that ImageJ's side builds from an image in shared memory."""
    leaving = image_facts.from_form(image)
    arrays = {"labels_pixels": leaving, "labels_tables": leaving.tables}
    memory, layout = shared_block.create("talanoa-0-test", arrays)
    imp = run(imagej, BUILD, facts=json.dumps(wire(leaving.facts)), layout=json.dumps(layout))["imp"]
    shared_block.release(memory)
    return imp


CASES = {
    **{f"{kind}-{czt}": made(kind, czt) for kind in RANGES for czt in ((1, 1, 1), (2, 3, 4))},
    "rgb": colour(3, 2),
    "labels": display_form(from_array(np.arange(35, dtype=np.int32).reshape(5, 7), name="cells")),
    "many labels": display_form(from_array(np.arange(70_000, dtype=np.int32).reshape(200, 350), name="cells")),
    "nine channels": from_array(np.zeros((9, 5, 7), np.uint8), "cyx", name="nine"),
}


@pytest.mark.parametrize("image", CASES.values(), ids=list(CASES))
def test_images_arrive_as_they_do_through_jpype(imagej: Runtime, image: xr.DataArray) -> None:
    imp = convert.to_imageplus(image)
    given, arrived, _ = sent(imagej, imp)
    assert_same(arrived, convert.to_dataarray(imp))
    assert given == wire(convert.describe(imp))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_density_calibration_arrives_as_it_does_through_jpype(imagej: Runtime, kind: str) -> None:
    import jpype

    imp = convert.to_imageplus(made(kind, (1, 1, 1)))
    imp.getCalibration().setFunction(1, jpype.JArray(jpype.JDouble)([1.0, 0.3, 0.01]), "photons")
    (given, arrived, _), expected = sent(imagej, imp), convert.to_dataarray(imp)
    assert given == wire(convert.describe(imp)) and arrived.attrs.get("notes") == expected.attrs.get("notes")
    tables = [each.attrs["grey_values"].table for each in (arrived, expected) if "grey_values" in each.attrs]
    assert len(tables) == (0 if kind == "float32" else 2)
    if tables:
        np.testing.assert_array_equal(tables[0], np.array(imp.getCalibration().getCTable()))
        np.testing.assert_array_equal(*tables)


@pytest.mark.parametrize("image", CASES.values(), ids=list(CASES))
def test_images_are_built_as_through_jpype(imagej: Runtime, image: xr.DataArray) -> None:
    imp, expected = built(imagej, image), convert.to_imageplus(image)
    assert_same(convert.to_dataarray(imp), convert.to_dataarray(expected))
    assert (imp.getType(), imp.isHyperStack(), imp.isComposite()) == (
        expected.getType(),
        expected.isHyperStack(),
        expected.isComposite(),
    )
    assert wire(convert.describe(imp)) == wire(convert.describe(expected))


def test_a_strange_calibration_arrives(imagej: Runtime) -> None:
    imp = convert.to_imageplus(made("uint8", (1, 3, 1)))
    cal = imp.getCalibration()
    cal.pixelWidth, cal.pixelDepth = float("nan"), float("inf")
    cal.setYUnit("mm")
    cal.setFunction(java_class("ij.measure.Calibration").STRAIGHT_LINE, [1.0, 2.0], "OD")
    _, arrived, _ = sent(imagej, imp)
    assert_same(arrived, convert.to_dataarray(imp))
    assert len(arrived.attrs["notes"]) == 4
    cal.xOrigin = -3.5
    _, arrived, _ = sent(imagej, imp)
    assert_same(arrived, convert.to_dataarray(imp))
    assert "origin at pixel (-3.5, 0)" in " ".join(arrived.attrs["notes"])


@pytest.mark.parametrize("kind", ["Roi", "OvalRoi"])
def test_the_selection_arrives(imagej: Runtime, kind: str) -> None:
    imp = convert.to_imageplus(made("uint16", (1, 1, 1)))
    imp.setRoi(java_class(f"ij.gui.{kind}")(-2, 1, 6, 9))
    given, _, mask = sent(imagej, imp)
    np.testing.assert_array_equal(image_facts.selection_mask(given, mask), convert.selection_mask(imp))


def test_a_selection_outside_is_named(imagej: Runtime) -> None:
    imp = convert.to_imageplus(made("uint16", (1, 1, 1)))
    imp.setRoi(java_class("ij.gui.Roi")(50, 50, 6, 9))
    given, _, mask = sent(imagej, imp)
    with pytest.raises(BadInput, match="lies outside the image"):
        image_facts.selection_mask(given, mask)


def test_an_edit_changes_the_fingerprint(imagej: Runtime) -> None:
    code = 'from talanoa_fiji import images\nmade.put("print", str(images.fingerprint(made["imp"])))'
    imp = convert.to_imageplus(made("uint16", (2, 3, 1)))
    before = str(run(imagej, code, imp=imp)["print"])
    assert str(run(imagej, code, imp=imp)["print"]) == before
    imp.getStack().getProcessor(4).set(3, 2, 77)
    assert str(run(imagej, code, imp=imp)["print"]) != before


def test_a_block_is_gone_with_its_last_user() -> None:
    values = np.arange(1000, dtype=np.int32)
    memory, layout = shared_block.create("talanoa-0-gone", {"values": values, "none": np.zeros((0, 3), np.float32)})
    other = shared_block.attach(layout)
    seen = shared_block.view(other, layout, "values")
    assert shared_block.view(other, layout, "none").shape == (0, 3)
    shared_block.release(memory)
    shared_block.release(other)
    np.testing.assert_array_equal(seen, values)  # a view that is still held keeps its pages
    with pytest.raises(BadInput, match="did not arrive"):
        shared_block.attach(layout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows shared memory as files")
def test_what_a_killed_fiji_left_is_swept(tmp_path: Path) -> None:
    mine, gone = (shared_block.LINUX_FOLDER / f"talanoa-{pid}-x" for pid in (os.getpid(), 2**22 + 5))
    for path in (mine, gone):
        path.write_bytes(b"x")
    try:
        assert gone.name in shared_block.sweep()
        assert mine.exists() and not gone.exists()
    finally:
        mine.unlink()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process that writes beyond it")
def test_a_block_that_does_not_fit_is_refused() -> None:
    import shutil

    free = shutil.disk_usage(shared_block.LINUX_FOLDER).free
    huge = np.broadcast_to(np.uint8(0), (free + 1,))
    with pytest.raises(BadInput, match=r"MB are free in .*; expected it to fit\. Close images"):
        shared_block.create("talanoa-0-huge", {"huge": huge})
