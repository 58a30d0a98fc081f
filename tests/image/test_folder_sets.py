"""A set of files that form one image is one image for every reader of folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import filesets, restorers, tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.evaluation import pairing
from talanoa.evaluation.report import page
from talanoa.image import folder as image_folder
from talanoa.labelling.data import plates
from talanoa.labelling.data import sources as label_sources
from talanoa.restoration.train import data, pairs, read
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.segmentation.train import dataset, sources
from talanoa.training.request import TrainRequest


def write_set(folder: Path, planes: Sequence[np.ndarray], stem: str = "t", axis: int = 0) -> list[Path]:
    """Write one OME-TIFF a plane, each of which names all of them; the planes are frames (axis 0) or slices (2)."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [1, 1, 1, *planes[0].shape]
    sizes[axis] = len(planes)
    names = [f"{stem}{k}.ome.tif" for k in range(len(planes))]
    body = filesets.image_xml(0, list(zip(names, range(len(planes)), strict=True)), tuple(sizes))  # type: ignore[arg-type]
    for k, plane in enumerate(planes):
        text = filesets.OME.format(head=f' UUID="{filesets.identity(k)}"', body=body)
        tifffile.imwrite(folder / names[k], plane, description=text.encode(), metadata=None)
    return [folder / name for name in names]


def movie(folder: Path, frames: int = 6) -> list[Path]:
    """Write a movie of eight discs a frame."""
    return write_set(folder, [tiny.discs(seed)[0] for seed in range(frames)])


def asked(**keys: Any) -> TrainRequest:
    return parse(TrainRequest, {"name": "new", **keys}).request


def test_six_files_of_a_movie_are_segmented_once(tmp_path: Path) -> None:
    movie(tmp_path / "in")
    tifffile.imwrite(tmp_path / "in" / "z.tif", tiny.discs(9)[0])
    request = {"task": "segment", "image": str(tmp_path / "in"), "model": tiny.MODEL, "out": str(tmp_path / "out")}
    reply = tasks.run(request, QuietHost())
    assert reply["message"].startswith("56 objects in 2 of 2 images"), reply["message"]
    assert reply["table"][["Image", "Objects", "Folder"]].to_numpy().tolist() == [
        ["t0.ome.tif", 48, "t0"], ["z.tif", 8, "z"],
    ]  # fmt: skip
    assert any("6 files form one image and are read as one" in text for text in reply["warnings"])
    assert tasks.run(request, QuietHost())["failures"] == []
    last = tmp_path / "in" / "t5.ome.tif"
    last.write_bytes(last.read_bytes() + b"\0\0")  # a file of the set that changes is a change of the image
    assert any("1 of the images changed since" in text for text in tasks.run(request, QuietHost())["warnings"])


def test_a_movie_in_files_is_restored_once(tmp_path: Path) -> None:
    movie(tmp_path / "in", 3)
    request = {"task": "restore", "image": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    reply = tasks.run({**request, "model": str(restorers.save(tmp_path / "model"))}, QuietHost())
    assert reply["status"] == "ok" and reply["table"]["Image"].tolist() == ["t0.ome.tif"], reply["message"]


def test_training_has_no_frame_in_both_parts(tmp_path: Path) -> None:
    movie(tmp_path / "in")
    host = tiny.RecordingHost()
    (tmp_path / "in" / "more.nd2").touch()
    items = data.load(asked(method="n2v", images=str(tmp_path / "in")), host, None).items
    assert any("Left out 1 file in in that cannot be read: more.nd2" in text for text in host.warnings)
    assert len(items) == 6 and any("6 files form one image" in text for text in host.warnings)
    training, validation = pairs.split(items, 0.2, 42)
    assert len(training) + len(validation) == 6 and validation
    seen = {each.image.tobytes() for each in training}
    assert not [each for each in validation if each.image.tobytes() in seen]


def test_pairs_of_a_training_are_those_of_images(tmp_path: Path) -> None:
    planes = [tiny.discs(seed) for seed in range(4)]
    write_set(tmp_path / "images", [image for image, _ in planes], axis=2)
    write_set(tmp_path / "masks", [labels for _, labels in planes], axis=2)
    tifffile.imwrite(tmp_path / "images" / "z.tif", np.stack([image for image, _ in planes]), metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "masks" / "z.tif", np.stack([labels for _, labels in planes]), metadata={"axes": "ZYX"})
    host = tiny.RecordingHost()
    request = asked(images=str(tmp_path / "images"), targets=str(tmp_path / "masks"))
    found = sources.load(request, host).items
    assert [(item.name, item.labels.shape[0]) for item in found] == [("t0", 4), ("z", 4)]
    assert any("4 files form one image" in text for text in host.warnings)
    with pytest.raises(BadInput, match=r"3 names .* have no partner: t1, t2, t3.*4 files form one image"):
        for path in (tmp_path / "masks").iterdir():
            path.unlink()
        for k, (_, labels) in enumerate(planes):
            tifffile.imwrite(tmp_path / "masks" / f"t{k}.tif", labels)
        (tmp_path / "images" / "z.tif").unlink()
        sources.load(request, host)


def test_every_list_of_a_folder_has_one_image(tmp_path: Path) -> None:
    paths = movie(tmp_path / "plate" / "phase", 3)
    movie(tmp_path / "plate" / "nucleus", 3)
    first = paths[0]
    assert [each.path for each in image_folder.list_images(first.parent)] == [first]
    assert pairing.image_files(first.parent) == {"t0": first}
    assert plates.images_in(first.parent) == {"t0": first}
    assert [view.name for view in plates.find([tmp_path / "plate"])] == ["t0"]
    alone = label_sources.find(asked(method="labelling", images=str(first.parent), target_channels="1"))
    assert [view.lights for view in alone] == [(first,)]
    assert read._alone(first.parent) == [first]
    assert dataset.pair_files(first.parent, tmp_path / "plate" / "nucleus", image_folder.EXACT)[0][0] == first
    (tmp_path / "tree" / "masks").mkdir(parents=True)
    movie(tmp_path / "tree" / "images", 3)
    assert [entry.name for entry in open_dataset(tmp_path / "tree").entries] == ["t0.ome"]


def test_an_evaluation_reads_it_once(tmp_path: Path) -> None:
    planes = [tiny.discs(seed) for seed in range(3)]
    write_set(tmp_path / "images", [image for image, _ in planes])
    write_set(tmp_path / "truth", [labels for _, labels in planes])
    keys = {"images": str(tmp_path / "images"), "truth": str(tmp_path / "truth"), "bootstrap": 0, "leaks": False}
    reply = tasks.run({"task": "evaluate", "model": tiny.MODEL, **keys}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    assert len(reply["table"]) == 3 and reply["table"]["True"].sum() == 24
    assert any("3 files form one image" in text for text in reply["warnings"])


@pytest.mark.parametrize("named", [False, True])
def test_picking_copies_it_once(tmp_path: Path, named: bool) -> None:
    paths = movie(tmp_path / "in", 3)
    tasks.run({"task": "annotate", "action": "new", "dataset": str(tmp_path / "set")}, QuietHost())
    source = "; ".join(map(str, paths)) if named else str(tmp_path / "in")
    keys = {"task": "annotate", "action": "pick", "dataset": str(tmp_path / "set"), "source": source, "cut": "frames"}
    reply = tasks.run(keys, QuietHost())
    assert reply["status"] == "ok" and reply["picked"] == ["t0_T0001", "t0_T0002", "t0_T0003"], reply["message"]
    assert any("3 files form one image" in text for text in reply["warnings"])


def test_results_of_images_of_one_name_are_all_judged(tmp_path: Path) -> None:
    """a.tif and a.ome.tif are two images: neither result takes the other's place."""
    for name in ("a.tif", "a.ome.tif"):
        tifffile.imwrite(tmp_path / name, tiny.discs(len(name))[0])
    request = {"task": "segment", "image": str(tmp_path), "model": tiny.MODEL, "out": str(tmp_path / "out")}
    assert tasks.run(request, QuietHost())["failures"] == []
    assert set(pairing.find_annotations(tmp_path / "out", "prediction").files) == {"a.tif", "a.ome.tif"}


def test_copies_of_an_image_are_named_and_on_one_side(tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 6)
    for k, name in ((0, "copy"), (1, "another")):
        for key in ("images", "targets"):
            (Path(keys[key]) / f"{name}.tif").write_bytes((Path(keys[key]) / f"discs{k}.tif").read_bytes())
    host = tiny.RecordingHost()
    items = sources.load(asked(**keys), host).items
    assert any("2 images are copies of others" in text and "discs0 = copy" in text for text in host.warnings)
    for seed in range(8):
        training, validation = dataset.split(items, 0.4, seed)
        assert {each.hashes[0] for each in training}.isdisjoint(each.hashes[0] for each in validation)
        assert len(training) + len(validation) == 8 and training and validation
    host = tiny.RecordingHost()
    noisy = data.load(asked(method="n2v", images=keys["images"]), host, None).items
    assert any("copies of others" in text for text in host.warnings)
    training, validation = pairs.split(noisy, 0.4, 1)
    assert {each.hashes[0] for each in training}.isdisjoint(each.hashes[0] for each in validation)
    with pytest.raises(BadInput, match="2 files are copies of each other"):
        dataset.split([item for item in items if item.name in ("copy", "discs0")], 0.4, 1)


def test_images_of_one_name_are_told_apart_in_a_training(tmp_path: Path) -> None:
    for number, name in enumerate(("one/a.tif", "one/a.png", "two/b.tif", "three/b.tif", "two/c.tif")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        images.write(tmp_path / name, images.from_array(tiny.discs(number)[0]))
    places = "; ".join(str(tmp_path / place) for place in ("one", "two", "three"))
    items = data.load(asked(method="n2v", images=places), QuietHost(), None).items
    names = {"c", "two/b", "three/b", *((tmp_path / "one" / name).as_posix() for name in ("a.png", "a.tif"))}
    assert len(items) == 5 and {item.name for item in items} == names


def test_pictures_of_a_report_have_names_of_their_own() -> None:
    assert page.file_names(["a b", "a_b", "A b", "c/d", "=x"]) == ["a_b", "a_b-2", "A_b-3", "c_d", "_x"]
