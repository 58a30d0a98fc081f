"""Sample datasets: complete, the same for the same seed, and neither too easy nor too hard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from helpers.tiny import RecordingHost
from talanoa import image as images
from talanoa import rois, tasks
from talanoa.annotation.propose import propose
from talanoa.annotation.request_propose import ProposeRequest
from talanoa.cli import main
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.files import file_sha256
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.measure.metrics.matching import match_images
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.tasks.sample import synthetic
from talanoa.tasks.sample.request import SampleRequest


def content(folder: Path) -> dict[str, str]:
    """Return the hashes of a dataset's images, masks and ROIs."""
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in folder.rglob("*.*") if file.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    one = synthetic.write_nuclei(tmp_path / "a" / "set", 2, 96, seed=5)
    two = synthetic.write_nuclei(tmp_path / "b" / "set", 2, 96, seed=5)
    assert content(one) == content(two)
    other = synthetic.write_nuclei(tmp_path / "c" / "set", 2, 96, seed=6)
    assert content(one)["images/nuclei_001.tif"] != content(other)["images/nuclei_001.tif"]


def test_an_image_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    few, many = synthetic.write_nuclei(tmp_path / "few", 1, 96), synthetic.write_nuclei(tmp_path / "many", 3, 96)
    assert content(few)["images/nuclei_001.tif"] == content(many)["images/nuclei_001.tif"]


def test_a_dataset_is_complete(tmp_path: Path) -> None:
    made = open_dataset(synthetic.write_nuclei(tmp_path / "set", 3, 128, annotated=2))
    assert [entry.status for entry in made.entries] == ["done", "done", "todo"]
    for entry in made.annotated():
        image, labels = images.read(made.image_path(entry.name)), images.read_labels(made.mask_path(entry.name))
        assert image.attrs["pixel_size"] == labels.attrs["pixel_size"] and image.attrs["unit"] == "µm"
        assert image.dtype == np.uint16 and labels.max() == entry.objects
        drawn = rois.to_labels(rois.read_zip(made.rois_path(entry.name)).rois, like=image).labels
        assert (drawn.values == labels.values).all()
    assert not made.mask_path("nuclei_003").exists()


def test_nuclei_touch_are_faint_and_are_whole(tmp_path: Path) -> None:
    scenes = [synthetic.draw((256, 256), 0, number) for number in range(4)]
    touching, contrast = 0, []
    for image, labels in scenes:
        assert labels.max() > 12
        background = np.median(image[labels == 0])
        for number, box in enumerate(ndimage.find_objects(labels), 1):
            own = labels[box] == number
            assert ndimage.label(own)[1] == 1 and own.sum() >= 20
            around = labels[tuple(slice(max(0, each.start - 1), each.stop + 1) for each in box)]
            near = ndimage.binary_dilation(around == number, np.ones((3, 3)))
            touching += len(np.unique(around[near])) > 2
            contrast.append(float(image[box][own].mean() - background))
    assert touching > 10
    assert min(contrast) < 0.3 * np.median(contrast)


@pytest.mark.parametrize("keys", [{}, {"threshold": "otsu"}, {"threshold": "adaptive", "block": 61, "sigma": 1.5}])
def test_a_threshold_alone_does_not_solve_it(keys: dict[str, object]) -> None:
    scenes = [synthetic.draw((256, 256), 0, number) for number in range(3)]
    request = parse(ProposeRequest, keys).request
    found = [propose(images.from_array(image), request).labels.values[0, 0, 0] for image, _ in scenes]
    score = match_images([(scene.labels, labels) for scene, labels in zip(scenes, found, strict=True)])[0.5].f1
    assert 0.3 < score < 0.9


def test_stacks(tmp_path: Path) -> None:
    made = open_dataset(synthetic.write_nuclei(tmp_path / "set", 1, 64, volume=True))
    image, labels = (images.read(path) for path in (made.image_path("nuclei_001"), made.mask_path("nuclei_001")))
    assert image.sizes["z"] == labels.sizes["z"] == 24 and image.attrs["pixel_size"] == (1.0, 0.5, 0.5)
    for number in range(1, int(labels.max()) + 1):
        assert ndimage.label(labels.values[0, 0] == number)[1] == 1


def test_the_task_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"task": "sample", "kind": "nuclei", "out": str(tmp_path / "set"), "images": 2, "size": 64}
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "ok" and reply["folder"] == str(tmp_path / "set")
    assert "2 images, 2 of them annotated" in reply["message"]
    assert tasks.run(keys, QuietHost())["status"] == "error"
    assert main(["sample", "nuclei", "--out", str(tmp_path / "cli"), "--images", "1", "--size", "64"]) == 0
    assert "1 images" not in capsys.readouterr().out
    assert content(tmp_path / "cli")["images/nuclei_001.tif"] == content(tmp_path / "set")["images/nuclei_001.tif"]


def test_wrong_keys_and_stopping_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="annotated=3: there are 2 images"):
        parse(SampleRequest, {"out": str(tmp_path / "x"), "images": 2, "annotated": 3})
    request = parse(SampleRequest, {"out": str(tmp_path / "x"), "images": 2, "size": 64}).request
    with pytest.raises(Cancelled):
        synthetic.write(request, RecordingHost(stop=True))
    assert not list(tmp_path.iterdir())
