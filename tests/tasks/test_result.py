"""The result folder: complete, at once or not at all, and never over something else."""

import errno
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from talanoa import image, rois
from talanoa.core import files
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.record import array_sha256, jsonable, read_record, versions
from talanoa.image.overlay import outlines
from talanoa.measure import tables
from talanoa.tasks.result import Outputs, write_result

VALUES = np.zeros((20, 30), np.int32)
VALUES[2:8, 3:9] = 1
VALUES[10:18, 12:25] = 2


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    labels = image.from_array(VALUES, pixel_size=(0.5, 0.5), unit="um")
    grey = image.from_array(np.random.default_rng(0).integers(0, 4000, VALUES.shape).astype(np.uint16))
    model = tmp_path / "nuclei"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return Outputs(
        labels,
        rois.from_labels(labels),
        tables.measure(labels, grey),
        outlines(grey, labels),
        attachments={"model": model, "training.json": model / "config.json"},
    )


def test_the_folder_holds_everything_and_the_record_says_what(tmp_path: Path, outputs: Outputs) -> None:
    folder = write_result(tmp_path / "out", outputs, {"request": {"task": "segment"}, "seconds": np.float32(1.5)})
    names = {"labels.tif", "rois.zip", "measurements.csv", "overlay.png", "model", "training.json", "result.json"}
    assert {path.name for path in folder.iterdir()} == names
    np.testing.assert_array_equal(np.asarray(image.read_labels(folder / "labels.tif"))[0, 0, 0], VALUES)
    assert len(tables.read_csv(folder / "measurements.csv")) == 2
    record = read_record(folder)
    assert record["request"] == {"task": "segment"}
    assert record["seconds"] == 1.5
    assert record["units"]["Area"] == "µm²"
    assert record["labels_sha256"] == array_sha256(outputs.labels)
    assert record["versions"].keys() >= {"talanoa", "torch", "numpy", "python", "platform"}
    assert record["files"] == {name: file_sha256(folder / name) for name in names - {"result.json"}}
    assert read_record(folder / "result.json") == record


def test_outputs_that_were_not_made_are_left_out(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "out", Outputs(), {})
    assert [path.name for path in folder.iterdir()] == ["result.json"]


def test_an_existing_folder_is_never_touched(tmp_path: Path, outputs: Outputs) -> None:
    folder = write_result(tmp_path / "out", outputs, {"run": 1})
    with pytest.raises(BadInput, match=r"exists already.*out-2"):
        write_result(folder, outputs, {"run": 2})
    assert read_record(folder)["run"] == 1
    write_result(folder, outputs, {"run": 3}, overwrite=True)
    assert read_record(folder)["run"] == 3


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert read_record(write_result(tmp_path / "out", Outputs(), {"run": 1}))["run"] == 1


def test_overwrite_replaces_results_only(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(BadInput, match=r"holds no result\.json"):
        write_result(tmp_path / "thesis", Outputs(), {}, overwrite=True)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def test_a_failure_leaves_nothing_behind(tmp_path: Path, outputs: Outputs) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(TypeError, match="cannot hold"):
        write_result(tmp_path / "out", outputs, {"secret": object()})
    assert set(tmp_path.iterdir()) == before


def test_a_failure_while_overwriting_keeps_the_earlier_result(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "out", Outputs(), {"run": 1})
    with pytest.raises(TypeError):
        write_result(folder, Outputs(), {"run": object()}, overwrite=True)
    assert read_record(folder)["run"] == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder"):
        write_result(tmp_path / "nowhere" / "out", Outputs(), {})
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a file"):
        write_result(tmp_path / "file" / "out", Outputs(), {})


def test_an_unwritable_folder_is_explained(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # permissions do not stop root or Windows, the kernel's own folders do
        locked = Path("/sys/kernel")
    if not locked.is_dir():
        pytest.skip("no folder here that this user may not write")
    with pytest.raises(BadInput, match="cannot be written"):
        write_result(locked / "out", Outputs(), {})


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "cannot be written"), (errno.EROFS, "cannot be written")],
)
def test_what_the_system_refuses_is_explained_and_cleaned_up(tmp_path: Path, number: int, words: str) -> None:
    target = tmp_path / "file.bin"
    with pytest.raises(BadInput, match=words), files.write_aside(target) as aside:
        aside.write_bytes(b"half of it")
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_really_full_disk_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="disk is full"), files.write_aside(tmp_path / "file.bin") as aside:
        aside.symlink_to("/dev/full")
        aside.write_bytes(bytes(1 << 16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"talanoa_result": "x"}', '{"talanoa_result": 99}'])
def test_damaged_and_foreign_records_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(BadInput, match=r"result\.json"):
        read_record(tmp_path)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Found no"):
        read_record(tmp_path)


def test_attachments_stay_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match="plain file name"):
        write_result(tmp_path / "out", Outputs(attachments={"../b.txt": tmp_path / "a.txt"}), {})
    assert not (tmp_path / "b.txt").exists()


def test_records_hold_what_json_cannot() -> None:
    value = {"a": np.int64(3), "b": (1, np.float64("nan")), "c": Path("x"), 4: np.array([[1.5]]), "d": np.bool_(True)}
    assert jsonable(value) == {"a": 3, "b": [1, None], "c": "x", "4": [[1.5]], "d": True}
    assert json.loads(json.dumps(jsonable(value), allow_nan=False)) == jsonable(value)


def test_hashes_tell_values_shape_and_dtype_apart_but_not_layout() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert array_sha256(array) == array_sha256(np.asfortranarray(array)) == array_sha256(array.astype(">i4"))
    others = [array + 1, array.reshape(3, 2), array.astype(np.int64), array.T]
    assert len({array_sha256(other) for other in (array, *others)}) == 5


def test_file_hashes_of_folders_see_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("1")
    first = file_sha256(tmp_path / "m")
    assert file_sha256(tmp_path / "m" / "a") == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    (tmp_path / "m" / "a").rename(tmp_path / "m" / "b")
    assert file_sha256(tmp_path / "m") != first


def test_versions_import_nothing_heavy() -> None:
    import subprocess

    code = "import sys; from talanoa.core.record import versions; versions(); sys.exit('torch' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0
    assert versions()["talanoa"]
