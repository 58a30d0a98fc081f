"""Measurements against values computed by hand, against scikit-image, and against ImageJ's own definitions."""

import locale
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from skimage.measure import regionprops

from talanoa import image
from talanoa.core.errors import BadInput
from talanoa.measure import tables


def labels_of(values: np.ndarray, dims: str = "yx", size: float = 1.0, unit: str = "pixel") -> xr.DataArray:
    return image.from_array(np.asarray(values, np.int32), dims, pixel_size=(size, size, size), unit=unit)


def random_objects(seed: int = 0, size: int = 96) -> np.ndarray:
    """Return about thirty blobs, some of them with holes, in several parts, or one pixel large."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for number in range(1, 31):
        y, x = rng.integers(0, size, 2)
        a, b, turn = rng.uniform(1, 12), rng.uniform(1, 12), rng.uniform(0, np.pi)
        u = (rows - y) * np.cos(turn) + (columns - x) * np.sin(turn)
        v = (columns - x) * np.cos(turn) - (rows - y) * np.sin(turn)
        labels[(u / a) ** 2 + (v / b) ** 2 < 1] = number
    labels[rng.random(labels.shape) < 0.02] = 0
    return labels


def test_a_square_by_hand() -> None:
    values = np.zeros((6, 8), int)
    values[1:4, 2:5] = 7  # 3 x 3 pixels of 0.5 µm
    grey = np.arange(48.0).reshape(6, 8)
    table = tables.measure(labels_of(values, size=0.5, unit="µm"), image.from_array(grey))
    assert len(table) == 1
    row = table.iloc[0]
    pixels = grey[1:4, 2:5]
    expected = {
        "Label": 7,
        "Frame": 1,
        "Area": 9 * 0.25,
        "Mean": pixels.mean(),
        "StdDev": pixels.std(ddof=1),
        "Min": 10,
        "Max": 28,
        "IntDen": 9 * 0.25 * pixels.mean(),
        "X": 3.5 * 0.5,
        "Y": 2.5 * 0.5,
        "BX": 1.0,
        "BY": 0.5,
        "Width": 1.5,
        "Height": 1.5,
        "Perim.": (12 - 4 * (2 - math.sqrt(2))) * 0.5,
        "Major": 2 * 1.5 / math.sqrt(math.pi),
        "Minor": 2 * 1.5 / math.sqrt(math.pi),
        "AR": 1,
        "Round": 1,
        "Solidity": 1,
        "Circ.": 1,  # 4 pi 9 / 9.657² = 1.21, which ImageJ calls 1
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["Name"] == "T0001_L00007"
    assert table.attrs["units"]["Area"] == "µm²"
    assert table.attrs["units"]["Perim."] == "µm"


def test_one_pixel_by_hand() -> None:
    table = tables.measure(labels_of([[0, 0], [0, 1]]), image.from_array(np.array([[1, 2], [3, 4]])))
    expected = {"Area": 1, "Mean": 4, "StdDev": 0, "X": 1.5, "Y": 1.5, "Perim.": math.sqrt(2), "Solidity": 1, "AR": 1}
    assert table.iloc[0][list(expected)].to_dict() == pytest.approx(expected | {"Perim.": 4 - 2 * (2 - math.sqrt(2))})


def test_a_staircase_counts_every_second_corner() -> None:
    table = tables.measure(labels_of(np.tri(4, dtype=int)))  # 16 edges around 10 pixels
    counted = 6  # of 10 corners: (0,0) (1,1) (2,2) (3,3) (4,4) (0,4)
    assert table["Perim."][0] == pytest.approx(16 - counted * (2 - math.sqrt(2)))
    assert table["Solidity"][0] == pytest.approx(10 / 11.5)  # hull: (0,0) (1,0) (4,3) (4,4) (0,4)


@pytest.mark.parametrize(
    ("values", "angle"),
    [
        (np.ones((2, 6), int), 0.0),
        (np.ones((6, 2), int), 90.0),
        (np.eye(6, dtype=int), 135.0),  # falls to the right on the screen
        (np.eye(6, dtype=int)[:, ::-1], 45.0),
        (np.ones((3, 3), int), 0.0),
    ],
)
def test_the_angle_turns_as_on_the_screen(values: np.ndarray, angle: float) -> None:
    assert tables.measure(labels_of(values))["Angle"][0] == pytest.approx(angle)


def test_agrees_with_scikit_image() -> None:
    values = random_objects()
    grey = np.random.default_rng(1).normal(100, 20, values.shape)
    table = tables.measure(labels_of(values), image.from_array(grey))
    regions = regionprops(values, intensity_image=grey)
    assert list(table["Label"]) == [region.label for region in regions]
    for column, get in {
        "Area": lambda r: r.area,
        "Mean": lambda r: r.intensity_mean,
        "Min": lambda r: r.intensity_min,
        "Max": lambda r: r.intensity_max,
        "X": lambda r: r.centroid[1] + 0.5,
        "Y": lambda r: r.centroid[0] + 0.5,
        "BX": lambda r: r.bbox[1],
        "Height": lambda r: r.bbox[2] - r.bbox[0],
    }.items():
        np.testing.assert_allclose(table[column], [get(region) for region in regions], err_msg=column)


def test_ellipses_have_the_moments_of_the_pixels() -> None:
    values = random_objects()
    table = tables.measure(labels_of(values))
    for row, region in zip(table.itertuples(), regionprops(values), strict=True):
        covariance = np.cov(region.coords.T, ddof=0) + np.eye(2) / 12 if region.area > 1 else np.eye(2) / 12
        small, large = np.linalg.eigvalsh(covariance)
        assert pytest.approx(np.sqrt(large / small)) == row.AR
        assert pytest.approx(region.area) == np.pi / 4 * row.Major * row.Minor


def test_solidity_is_that_of_the_corner_hull() -> None:
    from scipy.spatial import ConvexHull

    values = random_objects()
    table = tables.measure(labels_of(values))
    for row, region in zip(table.itertuples(), regionprops(values), strict=True):
        corners = np.concatenate([region.coords + shift for shift in ((0, 0), (0, 1), (1, 0), (1, 1))])
        assert pytest.approx(region.area / ConvexHull(corners).volume) == row.Solidity


def test_shapes_do_not_depend_on_place_or_mirroring() -> None:
    values = random_objects()
    shifted = np.pad(values, ((5, 0), (3, 0)))
    plain, moved = tables.measure(labels_of(values)), tables.measure(labels_of(shifted))
    for column in ("Area", "Perim.", "Major", "Circ.", "Solidity"):
        np.testing.assert_allclose(plain[column], moved[column])
    np.testing.assert_allclose(plain["X"] + 3, moved["X"])
    mirrored = tables.measure(labels_of(values[:, ::-1]))
    np.testing.assert_allclose(plain["Solidity"], mirrored["Solidity"])
    np.testing.assert_allclose(plain["Major"], mirrored["Major"])


def test_doubling_the_pixel_size_doubles_lengths_only() -> None:
    values = random_objects()
    plain, doubled = tables.measure(labels_of(values)), tables.measure(labels_of(values, size=2.0, unit="um"))
    for column in ("X", "BY", "Width", "Perim.", "Major", "Minor"):
        np.testing.assert_allclose(2 * plain[column], doubled[column])
    np.testing.assert_allclose(4 * plain["Area"], doubled["Area"])
    for column in ("Angle", "AR", "Round", "Circ.", "Solidity"):
        np.testing.assert_allclose(plain[column], doubled[column])


def test_frames_and_channels() -> None:
    values = np.zeros((2, 4, 4), int)
    values[0, 0, 0] = 5
    values[1, 1:3, 1] = 5
    values[1, 3, 3] = 9
    grey = np.stack([np.full((2, 4, 4), 10.0), np.full((2, 4, 4), 20.0)], axis=1)
    table = tables.measure(labels_of(values, "tyx"), image.from_array(grey, "tcyx"))
    assert list(table["Name"]) == ["T0001_L00005", "T0002_L00005", "T0002_L00009"]
    assert list(table["Area"]) == [1, 2, 1]
    assert list(table["Mean_C1"]) == [10] * 3
    assert list(table["Mean_C2"]) == [20] * 3
    assert "Mean" not in table


def test_names_are_those_of_the_rois() -> None:
    from talanoa import rois

    values = labels_of(np.stack([random_objects(0), random_objects(1)]), "tyx")
    assert tuple(tables.measure(values)["Name"]) == rois.from_labels(values).names


def test_stacks_are_measured_in_volume() -> None:
    values = np.zeros((4, 5, 6), int)
    values[1:3, 2:4, 1:4] = 3
    form = image.from_array(values.astype(np.int32), "zyx", pixel_size=(2.0, 0.5, 0.5), unit="um")
    table = tables.measure(form, image.from_array(values.astype(float), "zyx"))
    expected = {"Volume": 12 * 0.5, "Mean": 3, "X": 1.25, "Y": 1.5, "Z": 4.0, "BZ": 2.0, "Depth": 4.0, "Width": 1.5}
    assert table.iloc[0][list(expected)].to_dict() == pytest.approx(expected)
    assert "Area" not in table
    assert table.attrs["units"]["Volume"] == "µm³"


def test_no_objects_give_an_empty_table_with_all_columns() -> None:
    full = tables.measure(labels_of(np.eye(3, dtype=int)), image.from_array(np.zeros((3, 3))))
    empty = tables.measure(labels_of(np.zeros((3, 3), int)), image.from_array(np.zeros((3, 3))))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_huge_label_numbers_need_no_huge_table() -> None:
    values = np.array([[0, 2**31 - 1], [5, 2**31 - 1]])
    assert list(tables.measure(labels_of(values))["Label"]) == [5, 2**31 - 1]


def test_more_columns_are_joined_by_frame_and_label() -> None:
    values = np.array([[[1, 2]], [[1, 0]]])
    extra = pd.DataFrame({"Label": [1, 2, 1], "Frame": [2, 1, 1], "Probability": [0.3, 0.2, 0.1], "X": [9.0, 9.0, 9.0]})
    table = tables.measure(labels_of(values, "tyx"), extra=extra)
    assert list(table["Probability"]) == [0.1, 0.2, 0.3]
    assert list(table["X"]) == [0.5, 1.5, 0.5]
    with pytest.raises(BadInput, match="Label and Frame"):
        tables.measure(labels_of(values, "tyx"), extra=extra[["Label", "Probability"]])


def test_other_sizes_are_refused_with_both() -> None:
    with pytest.raises(BadInput, match=r"y 4 x x 5 .*y 3 x x 5"):
        tables.measure(labels_of(np.eye(3, 5, dtype=int)), image.from_array(np.zeros((4, 5))))


def test_csv_is_the_same_in_every_locale(tmp_path: Path) -> None:
    table = tables.measure(labels_of(random_objects()))
    plain = tables.write_csv(tmp_path / "plain.csv", table).read_bytes()
    before = locale.setlocale(locale.LC_NUMERIC)
    commas = [name for name in ("de_DE.UTF-8", "fr_FR.UTF-8") if _set_locale(name)]
    try:
        assert tables.write_csv(tmp_path / "again.csv", table).read_bytes() == plain
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    assert b";" not in plain, commas
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / "plain.csv"), table, check_dtype=False)


def _set_locale(name: str) -> bool:
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        return False
    return True


def test_csv_of_a_german_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "german.csv").write_text("\ufeffLabel;Area\n1;2,5\n2;1000,25\n", encoding="utf-8")
    assert list(tables.read_csv(tmp_path / "german.csv")["Area"]) == [2.5, 1000.25]


def test_csv_is_never_replaced_silently(tmp_path: Path) -> None:
    table = tables.measure(labels_of(np.eye(3, dtype=int)))
    tables.write_csv(tmp_path / "m.csv", table)
    with pytest.raises(BadInput, match=r"m-2\.csv"):
        tables.write_csv(tmp_path / "m.csv", table)


def test_a_file_of_objects_says_its_unit(tmp_path: Path) -> None:
    labels = image.from_array(np.eye(4, dtype=np.int32), pixel_size=(1, 0.5, 0.5), unit="µm")
    table = tables.measure(labels)
    text = tables.write_csv(tmp_path / "m.csv", table).read_text(encoding="utf-8").splitlines()
    assert text[0].endswith(",Unit") and all(line.endswith(",µm") for line in text[1:])
    again = tables.read_csv(tmp_path / "m.csv")
    assert list(again.columns) == list(table.columns)
    assert again.attrs["unit"] == "µm" and again.attrs["units"] == table.attrs["units"]
    tables.write_csv(tmp_path / "again.csv", again)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "m.csv").read_bytes()


def test_names_that_look_like_missing_numbers_stay_names(tmp_path: Path) -> None:
    table = pd.DataFrame({"Image": ["NA", "nan", "null", "x"], "Mean": [1.5, np.nan, 2.0, 3.0]})
    found = tables.read_csv(tables.write_csv(tmp_path / "t.csv", table))
    assert list(found["Image"]) == ["NA", "nan", "null", "x"] and found["Mean"].isna().tolist() == [0, 1, 0, 0]
    (tmp_path / "other.csv").write_text("Image,Mean\nNA,NaN\nb,2.5\n", encoding="utf-8")
    found = tables.read_csv(tmp_path / "other.csv")
    assert list(found["Image"]) == ["NA", "b"] and found["Mean"].tolist()[1] == 2.5 and np.isnan(found["Mean"][0])
