"""What may happen while jobs run: cancel, queue, closed or changed images, a full ROI Manager, none or many objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from helpers.worker.fiji import until
from helpers.worker.looks import SEGMENT, begin, choose, confirm, labels_of, quick, same_labels

pytestmark = pytest.mark.gui

STOPPED = "'nothing was written' in status()"
MANY = 100_000


def test_cancel_by_escape_leaves_nothing_and_the_worker_usable(fiji: Any, kit: Path, expected: Any) -> None:
    begin(fiji, kit)
    worker = fiji.worker()
    fiji.call("keys", "VK_ESCAPE")
    fiji.wait(STOPPED, "the job has stopped")
    seen = fiji.call("seen")
    assert (seen["images"], seen["rois"], seen["rows"], seen["message"]) == (["large.tif"], 0, 0, None)
    fiji.call("close")
    quick(fiji, kit, expected)
    assert fiji.worker() == worker


def test_cancel_pressed_twice(fiji: Any, kit: Path, expected: Any) -> None:
    begin(fiji, kit)
    fiji.wait(f"titled({SEGMENT!r}, 'ProgressWindow')", "the progress window is open")
    fiji.call("press", SEGMENT, "Cancel", "ProgressWindow")
    fiji.run(f"window = titled({SEGMENT!r}, 'ProgressWindow')\nif window: click_on(button(window, 'Cancel'))")
    fiji.call("keys", "VK_ESCAPE")
    fiji.wait(STOPPED, "the job has stopped")
    fiji.wait(f"titled({SEGMENT!r}) is None", "the progress window is closed")
    fiji.call("close")
    quick(fiji, kit, expected)


def test_cancel_at_once(fiji: Any, kit: Path, expected: Any) -> None:
    fiji.call("show", (kit / "large.tif").as_posix())
    choose(fiji)

    def stopped() -> bool:  # an Escape before the job has begun is not for the job: a person presses again
        fiji.call("keys", "VK_ESCAPE")
        return bool(fiji.value(STOPPED))

    until(stopped, "the job has stopped", describe=fiji.describe)
    assert fiji.call("images") == ["large.tif"]
    fiji.call("close")
    quick(fiji, kit, expected)


WAITING = "progress_windows('Waiting: 1 job before this one')"


def test_a_second_job_waits_for_the_first_and_says_so(fiji: Any, kit: Path, expected: Any) -> None:
    begin(fiji, kit)
    fiji.call("show", (kit / "discs.tif").as_posix())
    choose(fiji)
    fiji.wait(f"len({WAITING})", "the second job says that it waits")
    assert "discs.tif labels" not in fiji.call("images")
    assert same_labels(labels_of(fiji), expected)
    objects = int(labels_of(fiji, "large.tif labels").max()) + int(expected.labels.max())
    fiji.wait(f"(seen()['rois'], seen()['rows']) == ({objects}, {objects})", "ROIs and tables of both are there")
    assert len(fiji.workers()) == 1


def test_a_waiting_job_can_be_cancelled_by_itself(fiji: Any, kit: Path) -> None:
    begin(fiji, kit)
    fiji.call("show", (kit / "discs.tif").as_posix())
    choose(fiji)
    fiji.wait(f"len({WAITING})", "the second job says that it waits")
    fiji.run(f"click_on(button({WAITING}[0], 'Cancel'))")
    assert labels_of(fiji, "large.tif labels").max() > 1000
    assert "discs.tif labels" not in fiji.call("images")


def test_an_image_closed_meanwhile_loses_nothing(fiji: Any, kit: Path) -> None:
    begin(fiji, kit)
    fiji.run("WindowManager.getImage('large.tif').close()")
    labels = labels_of(fiji, "large.tif labels")
    objects = int(labels.max())
    assert objects > 1000
    fiji.wait(f"seen()['rows'] == {objects} and seen()['rois'] == {objects}", "ROIs and table are there")
    assert "was closed while the job ran" in fiji.call("log")


def test_an_image_closed_behind_the_dialog_is_told(fiji: Any, kit: Path) -> None:
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.call("choose", SEGMENT)
    fiji.wait(f"titled({SEGMENT!r}, 'GenericDialog')", "the dialog is open")
    fiji.run("WindowManager.getImage('discs.tif').close()")
    confirm(fiji)
    assert "The image discs.tif was closed; expected an open one" in fiji.refused(SEGMENT)


def test_an_image_edited_meanwhile_keeps_the_result_of_its_start(fiji: Any, kit: Path) -> None:
    begin(fiji, kit)
    fiji.run("imp = WindowManager.getImage('large.tif')\nimp.getProcessor().multiply(0)\nimp.updateAndDraw()")
    assert labels_of(fiji, "large.tif labels").max() > 1000
    fiji.wait("'was edited while the job ran' in log()", "the log says that the image was edited")


@pytest.mark.parametrize(
    "change",
    ["imp.getProcessor().multiply(0)", "imp.setRoi(3, 4, 30, 30)", "imp.getCalibration().pixelWidth = 0.25"],
    ids=["pixels", "selection", "calibration"],
)
def test_an_image_changed_while_its_job_waits_is_not_worked_on(fiji: Any, kit: Path, change: str) -> None:
    begin(fiji, kit)
    fiji.call("show", (kit / "discs.tif").as_posix())
    choose(fiji)
    fiji.wait(f"len({WAITING})", "the second job says that it waits")
    fiji.run(f"imp = WindowManager.getImage('discs.tif')\n{change}\nimp.updateAndDraw()")
    assert "discs.tif was closed or changed" in fiji.refused(SEGMENT)
    assert "discs.tif labels" not in fiji.call("images")


def test_a_full_roi_manager_keeps_what_is_there(fiji: Any, kit: Path, expected: Any) -> None:
    fiji.run(
        "manager = RoiManager.getRoiManager()\n"
        "from ij.gui import Roi\n"
        "for k in range(5000):\n    manager.add(None, Roi(k % 90, k // 90, 3, 3), k)\n"
    )
    before = fiji.call("roi_names")
    fiji.call("show", (kit / "discs.tif").as_posix())
    choose(fiji)
    labels_of(fiji)
    objects = int(expected.labels.max())
    fiji.wait(f"seen()['rois'] == 5000 + {objects}", "the ROIs are added")
    assert fiji.call("roi_names")[:5000] == before


def test_no_object_is_a_result(fiji: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "empty.tif", np.full((96, 96), 200, np.uint16))
    fiji.call("show", (tmp_path / "empty.tif").as_posix())
    choose(fiji)
    assert not labels_of(fiji, "empty.tif labels").any()
    fiji.wait("'0 objects' in status()", "the number of objects is said")
    seen = fiji.call("seen")
    assert (seen["rois"], seen["rows"], seen["message"]) == (0, 0, None)


def test_a_hundred_thousand_objects(fiji: Any, tmp_path: Path) -> None:
    side = int(np.ceil(np.sqrt(MANY)))
    numbers = np.arange(1, side * side + 1, dtype=np.float32).reshape(side, side)
    labels = np.kron(np.where(numbers <= MANY, numbers, 0), np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], np.float32))
    tifffile.imwrite(tmp_path / "many.tif", labels.astype(np.float32))
    fiji.call("show", (tmp_path / "many.tif").as_posix())
    fiji.call("macro", 'run("Label Image to ROIs", "show=update");')
    assert fiji.call("seen")["rois"] == MANY
    names = fiji.call("roi_names")
    assert names[0] == "T0001_L00001" and len(set(names)) == MANY
    bounds = fiji.value("[list(RoiManager.getInstance2().getRoi(i).getBounds().size.toString() for i in (0, 99999))]")
    assert bounds is not None


def test_out_of_memory_is_told_and_the_worker_stays(fiji: Any, kit: Path, expected: Any) -> None:
    psutil = pytest.importorskip("psutil")
    if not hasattr(psutil, "RLIMIT_AS"):
        pytest.skip("this system cannot limit the memory of a running process")
    quick(fiji, kit, expected)
    worker = fiji.worker()
    fiji.call("show", (kit / "large.tif").as_posix())
    before = worker.rlimit(psutil.RLIMIT_AS)
    worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms + (32 << 20), before[1]))
    try:
        choose(fiji, **{"Scale the image by": "2.0"})
        text = fiji.refused(SEGMENT)
    finally:
        if worker.is_running():
            worker.rlimit(psutil.RLIMIT_AS, before)
    assert "memory" in text.lower()
    assert fiji.call("images") == ["large.tif"]
    fiji.call("close")
    quick(fiji, kit, expected)


def test_the_worker_ends_when_idle_and_the_next_job_starts_one(start: Any, kit: Path, expected: Any) -> None:
    fiji = start()
    fiji.run("from ij import Prefs\nPrefs.set('talanoa.idle.minutes', 0.01)")
    quick(fiji, kit, expected)
    until(lambda: not fiji.workers(), "the idle worker has ended", 60, fiji.describe)
    assert fiji.call("seen")["message"] is None
    quick(fiji, kit, expected)


def test_small_images_of_random_shapes_agree(fiji: Any, kit: Path, tmp_path: Path) -> None:
    import talanoa

    random = np.random.default_rng(3)
    for number in range(3):
        height, width = random.integers(33, 96, 2)
        pixels = tiny.discs(number)[0][:height, :width]
        path = tmp_path / f"part{number}.tif"
        tifffile.imwrite(path, pixels)
        fiji.call("show", path.as_posix())
        fiji.call("macro", f'run("{SEGMENT}", "model=tiny device=cpu rois=none");')
        wanted = talanoa.segment(path, str(kit / "home" / "models" / "tiny"), device="cpu")
        assert same_labels(labels_of(fiji, f"{path.name} labels"), wanted)
