"""ROI files: identical with what roifile reads, every type of area, and files that are damaged, hostile or odd."""

from __future__ import annotations

import dataclasses
import logging
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
from numpy.typing import NDArray

from talanoa import image, rois
from talanoa.core.errors import BadInput
from talanoa.rois import files, zip_stored

TYPE, SUBTYPE = roifile.ROI_TYPE, roifile.ROI_SUBTYPE


@pytest.fixture(autouse=True)
def quiet_roifile(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "roifile")


@pytest.fixture
def traced() -> rois.RoiSet:
    plane = np.random.default_rng(0).integers(0, 5, (12, 14)).astype(np.int32)
    plane[:3] = 7  # one object in one piece
    return rois.from_labels(image.from_array(plane, "yx"))


@pytest.fixture
def stars() -> rois.RoiSet:
    coords = np.random.default_rng(1).uniform(-4, 900, (20, 16, 2))
    return rois.from_polygons(coords, frames=np.arange(1, 21), planes=np.arange(20, 0, -1))


def blobs(some: rois.RoiSet) -> list[bytes]:
    buffer, begin = rois.encode(some)
    return [buffer[begin[i] : begin[i + 1]].tobytes() for i in range(len(some))]


def polygon(name: str = "cell", **fields: object) -> roifile.ImagejRoi:
    """Return a 4-pixel square as roifile makes it."""
    roi = roifile.ImagejRoi.frompoints(np.array([[2, 3], [4, 3], [4, 5], [2, 5]]), name=name)
    for key, value in fields.items():
        setattr(roi, key, value)
    return roi


def area(read: files.ReadRois, size: tuple[int, int] = (20, 20)) -> NDArray[np.int32]:
    return rois.to_labels(read.rois, (1, 1, *size)).labels.values[0, 0, 0]


def write(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_roifile_reads_the_same_polygons(stars: rois.RoiSet) -> None:
    for i, data in enumerate(blobs(stars)):
        roi = roifile.ImagejRoi.frombytes(data)
        assert roi.name == stars.names[i] and roi.roitype == TYPE.POLYGON
        assert np.array_equal(roi.coordinates(), stars.paths(i)[0])
        assert (roi.c_position, roi.z_position, roi.t_position) == tuple(stars.position[i])
        low, high = stars.paths(i)[0].min(0), stars.paths(i)[0].max(0)
        assert (roi.left, roi.top) == tuple(np.floor(low)) and (roi.right, roi.bottom) == tuple(np.ceil(high))


def test_roifile_reads_the_same_traced_and_composite_rois(traced: rois.RoiSet) -> None:
    kinds = set()
    for i, data in enumerate(blobs(traced)):
        roi = roifile.ImagejRoi.frombytes(data)
        kinds.add(roi.composite)
        found = roi.coordinates(multi=True) if roi.composite else [roi.coordinates()]
        expected = traced.paths(i)
        assert len(found) == len(expected)
        for ours, theirs in zip(expected, found, strict=True):
            assert np.array_equal(theirs[: len(ours)], ours)
    assert kinds == {True, False}


def test_we_read_what_roifile_writes(tmp_path: Path, stars: rois.RoiSet) -> None:
    made = []
    for i in range(len(stars)):
        _, z, t = stars.position[i].tolist()
        made.append(roifile.ImagejRoi.frompoints(stars.paths(i)[0], name=stars.names[i], c=-1, z=z - 1, t=t - 1))
    roifile.roiwrite(tmp_path / "theirs.zip", made, mode="w")
    read = rois.read_zip(tmp_path / "theirs.zip").rois
    assert read.names == stars.names and np.array_equal(read.xy, stars.xy)
    assert np.array_equal(read.position, stars.position)


def test_a_single_roi_file(tmp_path: Path, traced: rois.RoiSet) -> None:
    rois.write_zip(tmp_path / "one.roi", traced[0])
    assert np.array_equal(rois.read_zip(tmp_path / "one.roi").rois.xy, traced[0].xy)
    with pytest.raises(BadInput, match=r"ends in \.zip"):
        rois.write_zip(tmp_path / "many.roi", traced)
    with pytest.raises(BadInput, match=r"ends in \.zip"):
        rois.write_zip(tmp_path / "many.tif", traced)


def test_an_existing_zip_is_kept_unless_asked(tmp_path: Path, traced: rois.RoiSet, stars: rois.RoiSet) -> None:
    path = tmp_path / "rois.zip"
    rois.write_zip(path, traced)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="exists already"):
        rois.write_zip(path, stars)
    assert path.read_bytes() == before
    rois.write_zip(path, stars, overwrite=True)
    assert len(rois.read_zip(path).rois) == len(stars)
    assert [p.name for p in tmp_path.iterdir()] == ["rois.zip"]


def test_the_archive_is_sound_and_the_same_each_time(tmp_path: Path, stars: rois.RoiSet) -> None:
    for name in ("a.zip", "b.zip"):
        rois.write_zip(tmp_path / name, stars)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{name}.roi" for name in stars.names]


def test_very_large_archives_go_through_zipfile(
    tmp_path: Path, stars: rois.RoiSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_stored, "_MOST_BYTES", 1000)
    rois.write_zip(tmp_path / "large.zip", stars)
    assert np.array_equal(rois.read_zip(tmp_path / "large.zip").rois.xy, stars.xy)


def test_odd_names_survive(tmp_path: Path) -> None:
    names = ["a/b", "a/b", "..", "ζ🔬 cell", "", "CON:1", "x" * 300, "A/B"]
    some = rois.rename(rois.from_polygons(np.random.default_rng(0).uniform(0, 9, (8, 5, 2))), names, np.zeros((8, 3)))
    rois.write_zip(tmp_path / "odd.zip", some)
    read = rois.read_zip(tmp_path / "odd.zip")
    assert read.skipped == () and [n for n in read.rois.names if n] == [n or "ROI-1" for n in names]
    with zipfile.ZipFile(tmp_path / "odd.zip") as archive:
        entries = archive.namelist()
    assert len({entry.lower() for entry in entries}) == 8 and not any(
        "/" in entry or ".." in entry for entry in entries
    )


def test_positions_come_back_from_a_zip(tmp_path: Path) -> None:
    coords = np.random.default_rng(0).uniform(0, 9, (4, 5, 2))
    for position in ([[0, 0, 0]] * 4, [[2, 1, 1]] * 4, [[0, 3, 2], [1, 1, 5], [0, 2, 2], [0, 0, 0]]):
        some = rois.rename(rois.from_polygons(coords), list("abcd"), np.array(position))
        rois.write_zip(tmp_path / "p.zip", some, overwrite=True)
        assert rois.read_zip(tmp_path / "p.zip").rois.position.tolist() == position


def test_old_stack_positions_follow_from_the_image(tmp_path: Path) -> None:
    roifile.roiwrite(tmp_path / "old.zip", [polygon(position=k) for k in (1, 2, 4, 24)], mode="w", name=list("abcd"))
    assert rois.read_zip(tmp_path / "old.zip").rois.position[:, 1].tolist() == [1, 2, 4, 24]
    read = rois.read_zip(tmp_path / "old.zip", image_shape=(4, 2, 3, 20, 20)).rois  # t, c, z, y, x
    assert read.position.tolist() == [[1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 3, 4]]


def test_each_type_of_area_has_the_pixels_it_should() -> None:
    box = {"top": 3, "left": 2, "bottom": 9, "right": 12}
    rectangle = area(rois.decode([roifile.ImagejRoi(roitype=TYPE.RECT, **box).tobytes()]))
    assert rectangle[3:9, 2:12].all() and rectangle.sum() == 60
    rounded = area(rois.decode([roifile.ImagejRoi(roitype=TYPE.RECT, rounded_rect_arc_size=4, **box).tobytes()]))
    assert 50 < rounded.sum() < 60 and not rounded[3, 2] and rounded[3, 6]
    oval = area(rois.decode([roifile.ImagejRoi(roitype=TYPE.OVAL, **box).tobytes()]))
    y, x = np.mgrid[:20, :20]
    assert np.array_equal(oval > 0, ((x - 6.5) / 5) ** 2 + ((y - 5.5) / 3) ** 2 <= 1)
    assert area(rois.decode([polygon().tobytes()])).sum() == 4


def test_imagejs_own_file_gives_imagejs_own_masks() -> None:
    """`tests/data/README.md` says how the file was made."""
    folder = Path(__file__).parent.parent / "data"
    masks = np.unpackbits(np.load(folder / "imagej_rois_masks.npy"), axis=-1).astype(bool)
    read = rois.read_zip(folder / "imagej_rois.zip")
    assert dict(read.skipped) == {"line": "a line", "point": "a point", "text": "a text"}
    assert len(read.rois) == len(masks) == 14
    for i, mask in enumerate(masks):
        assert np.array_equal(area(rois.ReadRois(read.rois[i]), mask.shape) > 0, mask), read.rois.names[i]
    position = dict(zip(read.rois.names, read.rois.position.tolist(), strict=True))
    assert position["composite"] == [2, 3, 4] and position["oval"] == [0, 5, 0] and position["polygon"] == [0, 0, 0]


def test_ellipse_and_rotated_rectangle() -> None:
    def special(subtype: roifile.ROI_SUBTYPE, parameter: float) -> NDArray[np.int32]:
        roi = polygon(roitype=TYPE.FREEHAND, subtype=subtype, x1=2.0, y1=10.0, x2=18.0, y2=10.0)
        data = bytearray(roi.tobytes())
        data[52:56] = struct.pack(">f", parameter)
        return area(rois.decode([bytes(data)]))

    assert special(SUBTYPE.ROTATED_RECT, 4.0)[8:12, 2:18].all() and special(SUBTYPE.ROTATED_RECT, 4.0).sum() == 64
    assert abs(special(SUBTYPE.ELLIPSE, 0.5).sum() - np.pi * 8 * 4) < 6


def test_a_composite_of_lines_and_curves() -> None:
    segments = [0, 2, 2, 1, 12, 2, 3, 16, 2, 16, 12, 12, 12, 1, 2, 12, 4, 0, 4, 4, 1, 8, 4, 1, 8, 8, 1, 4, 8, 4]
    roi = roifile.ImagejRoi(roitype=TYPE.RECT, shape_roi_size=len(segments), top=2, left=2, bottom=12, right=15)
    roi.multi_coordinates = np.array(segments, np.float32)
    plane = area(rois.decode([roi.tobytes()]))
    assert plane[2:12, 2:4].all() and not plane[4:8, 4:8].any() and plane[7, 13] and not plane[2, 14]


def test_what_is_no_area_is_skipped_and_named(tmp_path: Path) -> None:
    kinds = {"l": TYPE.LINE, "p": TYPE.POINT, "a": TYPE.ANGLE, "f": TYPE.FREELINE, "s": TYPE.POLYLINE}
    entries = {f"{name}.roi": polygon(name, roitype=kind).tobytes() for name, kind in kinds.items()}
    entries["cell.roi"] = polygon().tobytes()
    entries["text.roi"] = polygon("text", subtype=SUBTYPE.TEXT, roitype=TYPE.RECT).tobytes()
    read = rois.read_zip(write(tmp_path / "mixed.zip", entries))
    assert read.rois.names == ("cell",)
    assert dict(read.skipped) == {
        "l": "a line", "p": "a point", "a": "an angle", "f": "a freehand line", "s": "a polyline", "text": "a text"
    }  # fmt: skip
    assert any("p (1 x a point)" in warning for warning in read.warnings)
    del entries["cell.roi"]
    with pytest.raises(BadInput, match="holds no area, only"):
        rois.read_zip(write(tmp_path / "lines.zip", entries))


def test_entries_that_point_outside_the_zip_are_not_read(tmp_path: Path) -> None:
    good = polygon().tobytes()
    names = ["../evil.roi", "/etc/evil.roi", "C:\\evil.roi", "a\\..\\..\\evil.roi", "fine/cell.roi"]
    folder = tmp_path / "in"
    folder.mkdir()
    read = rois.read_zip(write(folder / "evil.zip", dict.fromkeys(names, good)))
    assert len(read.rois) == 1 and len(read.skipped) == 4
    assert all(reason == "a name that points outside the zip" for _, reason in read.skipped)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["evil.zip"]


def test_other_files_in_the_zip_are_skipped_with_a_word(tmp_path: Path) -> None:
    entries = {"readme.txt": b"hello", "__MACOSX/._cell.roi": b"junk", "cell.roi": polygon().tobytes(), "folder/": b""}
    read = rois.read_zip(write(tmp_path / "more.zip", entries))
    assert len(read.rois) == 1 and {name for name, _ in read.skipped} == {"readme.txt", "__MACOSX/._cell.roi"}
    with pytest.raises(BadInput, match=r"no \.roi entries"):
        rois.read_zip(write(tmp_path / "none.zip", {"readme.txt": b"hello"}))


def test_duplicate_entries_are_both_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("cell.roi", polygon().tobytes())
        archive.writestr("cell.roi", polygon(left=9, right=12).tobytes())
    assert len(rois.read_zip(tmp_path / "twice.zip").rois) == 2


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = write(tmp_path / "bomb.zip", {f"{k}.roi": bytes(files.MAX_ENTRY + 1) for k in range(2)})
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(BadInput, match="would unpack to"):
        rois.read_zip(bomb)
    monkeypatch.setattr(files, "MAX_TOTAL", 20_000)  # bytes; the file has fewer, its 40 entries more
    with pytest.raises(BadInput, match="would unpack to"):
        rois.read_zip(write(tmp_path / "many.zip", {f"{k}.roi": bytes(1000) for k in range(40)}))


def test_damaged_zips_are_refused(tmp_path: Path, stars: rois.RoiSet) -> None:
    rois.write_zip(tmp_path / "good.zip", stars)
    whole = (tmp_path / "good.zip").read_bytes()
    bad = tmp_path / "bad.zip"
    for data in (b"", b"no zip at all", whole[: len(whole) // 2], whole[:200] + b"\xff" * 40 + whole[240:]):
        bad.write_bytes(data)
        with pytest.raises(BadInput, match="damaged"):
            rois.read_zip(bad)
    with pytest.raises(BadInput, match="no file"):
        rois.read_zip(tmp_path / "missing.zip")


def test_a_password_is_said(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "p.zip", {"cell.roi": polygon().tobytes()}).read_bytes())
    data[6] |= 1  # the flag for encryption, in the local header and in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(BadInput, match="password"):
        rois.read_zip(tmp_path / "p.zip")


def test_a_damaged_entry_costs_only_itself(tmp_path: Path) -> None:
    entries = {"good.roi": polygon("good").tobytes(), "junk.roi": b"Iout" + bytes(200), "short.roi": b"I"}
    entries["cut.roi"] = polygon("cut").tobytes()[:70]
    with np.errstate(invalid="ignore"):
        not_finite = roifile.ImagejRoi.frompoints(np.array([[1.5, 2], [np.nan, 3], [4, 5]]), name="nan")
    entries["nan.roi"] = not_finite.tobytes()
    read = rois.read_zip(write(tmp_path / "some.zip", entries))
    assert read.rois.names == ("good",)
    assert {name for name, _ in read.skipped} == {"junk", "short", "cut", "nan"}


def test_any_bytes_are_either_a_roi_or_skipped(traced: rois.RoiSet, stars: rois.RoiSet) -> None:
    """Random bytes changed in every kind of ROI: no exception, no hang, and what is read can be painted."""
    rng = np.random.default_rng(5)
    oval = roifile.ImagejRoi(roitype=TYPE.OVAL, top=1, left=2, bottom=9, right=12).tobytes()
    sources = [*blobs(traced), *blobs(stars)[:3], oval]
    changed = []
    for _ in range(400):
        data = bytearray(sources[rng.integers(len(sources))])
        for place in rng.integers(0, min(len(data), int(rng.choice([64, 130, 4000]))), rng.integers(1, 4)):
            data[place] = rng.integers(256)
        changed.append(bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data))
    read = rois.decode(changed)
    assert len(read.rois) + len(read.skipped) == 400 and len(read.rois) > 100
    rois.to_labels(read.rois, (1, 1, 20, 20))


def test_what_the_format_cannot_hold_is_refused() -> None:
    bare = rois.pack(np.zeros((0, 2)), np.zeros(1), np.zeros(2), ["bare"])
    with pytest.raises(BadInput, match="bare has no vertices"):
        rois.encode(bare)


def test_coordinates_beyond_two_bytes(tmp_path: Path) -> None:
    """Traced outlines of very large images go into composites, whose coordinates are floats."""
    corners = np.array([[70000, 5], [70003, 5], [70003, 9], [70000, 9]], np.float32)
    far = rois.pack(corners, np.array([0, 4]), np.array([0, 1]), ["far"], kind=8)
    rois.write_zip(tmp_path / "far.zip", far)
    read = rois.read_zip(tmp_path / "far.zip").rois
    assert np.array_equal(read.xy, corners) and read.traced


def test_more_vertices_than_two_bytes_can_count(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 70000, endpoint=False)
    round_one = np.column_stack([np.cos(angle), np.sin(angle)])[None] * 300 + 400
    made = rois.from_polygons(round_one)
    rois.write_zip(tmp_path / "round.zip", made)
    assert np.array_equal(rois.read_zip(tmp_path / "round.zip").rois.xy, made.xy)


def test_groups_come_back_and_roifile_reads_them(tmp_path: Path, traced: rois.RoiSet, stars: rois.RoiSet) -> None:
    for number, some in enumerate((traced, stars)):
        group = (np.arange(len(some)) % 4).astype(np.uint8)
        grouped = dataclasses.replace(some, group=group)
        rois.write_zip(tmp_path / f"{number}.zip", grouped)
        assert np.array_equal(rois.read_zip(tmp_path / f"{number}.zip").rois.group, group)
        assert [roifile.ImagejRoi.frombytes(blob).group for blob in blobs(grouped)] == group.tolist()
        assert np.array_equal(rois.concatenate([grouped[::2], some]).group, [*group[::2], *(0 for _ in group)])
