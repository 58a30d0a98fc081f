"""Shared memory that is too small: said before anything is lost, and given back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.worker.fiji import QUICK
from helpers.worker.looks import SEGMENT, confirm, quick

pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/shm is Linux's"),
]

MEGABYTES = 24
SMALL = ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size={MEGABYTES}m tmpfs /dev/shm && exec "$@"', "sh"]


def test_an_image_larger_than_shared_memory_is_refused(fiji: Any, kit: Path, tmp_path: Path, expected: Any) -> None:
    free = shutil.disk_usage("/dev/shm").free
    side = 4096
    planes = free // (2 * side**2) + 2
    with (tmp_path / "huge.raw").open("wb") as file:
        file.truncate(side * side * 2 * planes)  # sparse: it takes no place
    fiji.run(
        "from ij.io import FileInfo, FileOpener\n"
        "info = FileInfo()\n"
        f"info.width, info.height, info.nImages = {side}, {side}, {planes}\n"
        "info.fileType, info.intelByteOrder = FileInfo.GRAY16_UNSIGNED, True\n"
        f"info.directory, info.fileName = {str(tmp_path) + '/'!r}, 'huge.raw'\n"
        "from ij.plugin import FileInfoVirtualStack\n"
        "from ij import ImagePlus\n"
        "ImagePlus('huge', FileInfoVirtualStack(info, False)).show()\n"
    )
    fiji.run(f"IJ.doCommand({SEGMENT!r})")
    fiji.wait(f"message() or titled({SEGMENT!r}, 'GenericDialog')", "the dialog is open")
    fiji.call("fill", SEGMENT, {"Model": "tiny"})
    confirm(fiji)
    text = fiji.refused(SEGMENT)
    assert "shared memory" in text and "free" in text and "expected" in text
    fiji.call("close")
    quick(fiji, kit, expected)


@pytest.fixture
def small(start: Any) -> Any:
    """Return an ImageJ with a small /dev/shm of its own."""
    if shutil.which("unshare") is None or subprocess.run([*SMALL, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace may be made here")
    return start(wrap=SMALL, options=QUICK)


def test_a_full_shared_memory_is_told_and_a_small_image_still_works(small: Any, kit: Path, expected: Any) -> None:
    quick(small, kit, expected)
    pixels = np.zeros((4096, 4096), np.uint16)
    assert pixels.nbytes > MEGABYTES << 20
    small.run("IJ.createImage('big', '16-bit ramp', 4096, 4096, 1).show()")
    small.call("macro", f'run("{SEGMENT}", "model=tiny"); print("after");')
    log = small.call("log")
    assert "shared memory" in log and "MB" in log and "after" not in log.splitlines()
    small.call("close")
    quick(small, kit, expected)


def test_a_reply_that_does_not_fit_is_told(small: Any, kit: Path, expected: Any) -> None:
    quick(small, kit, expected)
    # the pixels fit (9 MB), the 32-bit labels with ROIs and table beside them do not
    small.call("macro", f'open("{(kit / "large.tif").as_posix()}"); makeRectangle(0, 0, 2200, 2200); run("Crop");')
    small.run("import os\nfilled = open('/dev/shm/other', 'wb')\nfilled.write('0' * (6 << 20))\nfilled.close()")
    small.call("macro", f'run("{SEGMENT}", "model=tiny"); print("after");')
    log = small.call("log")
    small.run("os.remove('/dev/shm/other')")
    assert "shared memory" in log and "after" not in log.splitlines()
    small.call("close")
    quick(small, kit, expected)
