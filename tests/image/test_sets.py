"""Files of a folder that form one image are one image."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers import filesets
from talanoa import image as images
from talanoa.image import lazy as image_lazy
from talanoa.image.formats import ome, sets


def grouped(folder: Path) -> list[list[str]]:
    """Return the names of the files of each image of a folder."""
    found = sets.of(sorted(folder.glob("*.tif")))
    return [[path.name for path in (each.path, *each.others)] for each in found]


def frames_of(path: Path) -> np.ndarray:
    """Return the frames (t, y, x) of a file; read in blocks they are the same."""
    whole = images.read(path)
    assert not any("replaced" in note for note in whole.attrs.get("notes", ()))
    with image_lazy.open_image(path) as lazy:
        parts = [lazy.fetch(t, slice(None), (slice(0, 1), slice(0, 20), slice(0, 24))) for t in range(whole.sizes["t"])]
    assert np.array_equal(np.stack(parts), whole.values)
    return whole.values[:, 0, 0]


def test_one_file_a_frame_is_one_movie(tmp_path: Path) -> None:
    names = [path.name for path in filesets.write_set(tmp_path)]
    tifffile.imwrite(tmp_path / "other.tif", filesets.frame(9))
    images.write(tmp_path / "single.ome.tif", images.from_array(filesets.frame(8)))
    assert grouped(tmp_path) == [["other.tif"], ["single.ome.tif"], names]
    for name in names:
        whole = images.read(tmp_path / name)
        assert whole.sizes["t"] == 6 and np.array_equal(whole[4, 0, 0], filesets.frame(4))


def test_copies_and_files_that_a_set_does_not_name_are_no_movies_of_their_own(tmp_path: Path) -> None:
    files = filesets.write_set(tmp_path, 3)
    copy = tmp_path / "t1 - Copy.ome.tif"
    shutil.copy(files[1], copy)
    shutil.copy(files[0], tmp_path / "a copy of t0.ome.tif")
    added = tmp_path / "t3.ome.tif"
    own = tifffile.TiffFile(files[0]).ome_metadata or ""
    text = own.replace(f' UUID="{filesets.identity(0)}"', ' UUID="urn:new"', 1)
    tifffile.imwrite(added, filesets.frame(3), description=text.encode(), metadata=None)
    (found,) = sets.of(sorted(tmp_path.glob("*.tif")))
    assert found.path == files[0] and set(found.extra) == {copy, added, tmp_path / "a copy of t0.ome.tif"}
    assert set(found.others) == {*files[1:], *found.extra}
    note = sets.sentence([found])
    assert note.startswith("3 files form one image") and all(path.name in note for path in found.extra)


@pytest.mark.parametrize("other", ["plain", "set", "ome"])
def test_another_file_under_a_name_of_the_set_is_reported(tmp_path: Path, other: str) -> None:
    files = filesets.write_set(tmp_path, 4)
    assert not any("replaced" in note for note in images.read(files[0]).attrs["notes"])
    if other == "plain":
        tifffile.imwrite(files[2], filesets.frame(102), metadata=None)
    else:
        count = 4 if other == "set" else 1
        body = filesets.image_xml(0, [(f"t{t}.ome.tif", 100 + t) for t in range(count)], (count, 1, 1, 20, 24))
        text = filesets.OME.format(head=f' UUID="{filesets.identity(102)}"', body=body)
        tifffile.imwrite(files[2], filesets.frame(102), description=text.encode(), metadata=None)
    for path in (files[0], files[3]):
        (note,) = (note for note in images.read(path).attrs["notes"] if "replaced" in note)
        assert note.startswith("t2.ome.tif: ")


def test_a_set_whose_files_were_all_renamed_is_one_image(tmp_path: Path) -> None:
    for path in filesets.write_set(tmp_path, 3):
        path.rename(path.with_name(f"A {path.name}"))
    (found,) = sets.of(sorted(tmp_path.glob("*.tif")))
    assert len(found.others) == 2 and not found.extra


def test_two_movies_and_one_with_files_missing(tmp_path: Path) -> None:
    filesets.write_set(tmp_path, 3, stem="a")
    filesets.write_set(tmp_path, 4, stem="b", missing=[0, 2])
    assert grouped(tmp_path) == [["a0.ome.tif", "a1.ome.tif", "a2.ome.tif"], ["b1.ome.tif", "b3.ome.tif"]]


def test_the_same_names_in_two_folders_are_two_images(tmp_path: Path) -> None:
    files = [*filesets.write_set(tmp_path / "one", 2), *filesets.write_set(tmp_path / "two", 2)]
    assert [len(each.others) for each in sets.of(files)] == [1, 1]


def test_a_companion_file_names_the_set(tmp_path: Path) -> None:
    files = filesets.write_companion(tmp_path)
    assert grouped(tmp_path) == [[path.name for path in files]]
    assert len(frames_of(files[3])) == 6


def test_the_metadata_in_the_first_file_of_a_set(tmp_path: Path) -> None:
    body = filesets.image_xml(0, [(f"t{t}.ome.tif", t) for t in range(3)], (3, 1, 1, 20, 24))
    for t in range(3):
        inside = body if t == 0 else f'<BinaryOnly MetadataFile="t0.ome.tif" UUID="{filesets.identity(0)}"/>'
        text = filesets.OME.format(head=f' UUID="{filesets.identity(t)}"', body=inside)
        tifffile.imwrite(tmp_path / f"t{t}.ome.tif", filesets.frame(t), description=text.encode(), metadata=None)
    assert grouped(tmp_path) == [["t0.ome.tif", "t1.ome.tif", "t2.ome.tif"]]
    for t in range(3):
        assert np.array_equal(frames_of(tmp_path / f"t{t}.ome.tif"), [filesets.frame(number) for number in range(3)])


def test_positions_of_one_acquisition_are_images_of_their_own(tmp_path: Path) -> None:
    body = "".join(filesets.image_xml(p, [(f"p{p}.ome.tif", p)], (1, 1, 1, 20, 24)) for p in range(3))
    for p in range(3):
        text = filesets.OME.format(head=f' UUID="{filesets.identity(p)}"', body=body)
        tifffile.imwrite(tmp_path / f"p{p}.ome.tif", filesets.frame(p), description=text.encode(), metadata=None)
    assert grouped(tmp_path) == [["p0.ome.tif"], ["p1.ome.tif"], ["p2.ome.tif"]]
    for p in range(3):
        assert np.array_equal(frames_of(tmp_path / f"p{p}.ome.tif"), [filesets.frame(p)])


def test_a_renamed_file_is_still_itself(tmp_path: Path) -> None:
    for number, name in enumerate(("a.ome.tif", "b.ome.tif")):  # exported under one name, renamed, exported again
        body = filesets.image_xml(0, [("export.ome.tif", number)], (1, 1, 1, 20, 24))
        text = filesets.OME.format(head=f' UUID="{filesets.identity(number)}"', body=body)
        tifffile.imwrite(tmp_path / name, filesets.frame(number), description=text.encode(), metadata=None)
    assert grouped(tmp_path) == [["a.ome.tif"], ["b.ome.tif"]]
    assert [frames_of(tmp_path / f"{name}.ome.tif").mean() // 100 for name in "ab"] == [0, 1]


def test_a_renamed_file_without_an_identifier_keeps_its_axes(tmp_path: Path) -> None:
    body = filesets.image_xml(0, [("export.ome.tif", 7)], (1, 1, 1, 20, 24))
    uuid = '<UUID FileName="export.ome.tif">urn:uuid:7</UUID>'
    blocks = "".join(f'<TiffData FirstT="{t}" IFD="{t}" PlaneCount="1">{uuid}</TiffData>' for t in range(3))
    body = re.sub("<TiffData.*</TiffData>", blocks, body).replace('SizeT="1"', 'SizeT="3"')
    with tifffile.TiffWriter(tmp_path / "mine.ome.tif") as out:
        for t in range(3):
            text = None if t else filesets.OME.format(head="", body=body).encode()
            out.write(filesets.frame(t), description=text, metadata=None, contiguous=False)
    found = images.read(tmp_path / "mine.ome.tif")
    assert found.sizes["t"] == 3 and found.attrs["pixel_size"][1:] == (0.5, 0.5) and "notes" not in found.attrs


@pytest.mark.parametrize("head", ["", f' UUID="{filesets.identity(0)}"'])
@pytest.mark.parametrize("same", [False, True])
def test_files_that_all_have_one_identifier_go_by_their_names(tmp_path: Path, head: str, same: bool) -> None:
    planes = [(f"t{t}.ome.tif", 0 if same else t) for t in range(3)]
    text = filesets.OME.format(head=head, body=filesets.image_xml(0, planes, (3, 1, 1, 20, 24)))
    for t in range(3):
        tifffile.imwrite(tmp_path / f"t{t}.ome.tif", filesets.frame(t), description=text.encode(), metadata=None)
    assert grouped(tmp_path) == [["t0.ome.tif", "t1.ome.tif", "t2.ome.tif"]]
    for t in range(3):
        assert np.array_equal(frames_of(tmp_path / f"t{t}.ome.tif"), [filesets.frame(number) for number in range(3)])


def test_micro_managers_stack_in_two_files_and_its_positions(tmp_path: Path) -> None:
    planned = {"Channels": 1, "Slices": 1, "Frames": 4, "Positions": 2, "Prefix": "a"}
    for position in range(2):
        for part, frames in enumerate((range(2), range(2, 4))):
            planes = {(0, 0, t, position): filesets.frame(10 * position + t) for t in frames}
            name = f"a_MMStack_Pos{position}{'_1' if part else ''}.ome.tif"
            filesets.write_stack(tmp_path / name, planes, planned)
    assert grouped(tmp_path) == [
        ["a_MMStack_Pos0.ome.tif", "a_MMStack_Pos0_1.ome.tif"],
        ["a_MMStack_Pos1.ome.tif", "a_MMStack_Pos1_1.ome.tif"],
    ]
    for path in tmp_path.glob("*.tif"):
        first = 10 if "Pos1" in path.name else 0
        assert np.array_equal(frames_of(path), [filesets.frame(first + t) for t in range(4)])


def test_what_cannot_be_read_is_an_image_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no image")
    text = filesets.OME.format(head="", body="<Image><Pixels>").replace("</OME>", "")
    tifffile.imwrite(tmp_path / "b.ome.tif", filesets.frame(0), description=text + "</OME>", metadata=None)
    (tmp_path / "c.zarr").mkdir()
    found = sets.of([tmp_path / name for name in ("a.tif", "b.ome.tif", "c.zarr", "gone.tif")])
    assert [each.others for each in found] == [()] * 4


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (first, second) = filesets.write_set(tmp_path, 2)
    assert len(sets.of([first, second])) == 1
    tifffile.imwrite(first, filesets.frame(0))
    tifffile.imwrite(second, filesets.frame(0))
    assert sets.one_per_image([first, second]) == [first, second]


def test_the_sentence_names_the_set(tmp_path: Path) -> None:
    files = filesets.write_set(tmp_path, 6)
    found = sets.sentence(sets.of(files))
    assert found == "6 files form one image and are read as one (t0.ome.tif, t1.ome.tif, ... t5.ome.tif)."
    assert sets.sentence(sets.of(files[:1])) == ""


@pytest.mark.parametrize("name", ["/etc/movie.companion.ome", "../movie.companion.ome", ""])
def test_no_companion_of_another_folder_is_followed(tmp_path: Path, name: str) -> None:
    text = filesets.OME.format(head="", body=f'<BinaryOnly MetadataFile="{name}" UUID="urn:uuid:0"/>')
    assert ome.companion_of(tmp_path / "a.ome.tif", text) is None
