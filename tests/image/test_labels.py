"""What counts as a label image, and how ImageJ gets it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from talanoa import image, tasks
from talanoa.annotation.importers.labels import import_labels
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.labels import as_labels, display_form
from talanoa.image.lut import glasbey

SMALL = np.array([[0, 1, 1], [0, 0, 2], [3, 3, 2]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "int64", "float32", "float64"])
def test_whole_numbers_of_any_type_are_labels(dtype: str) -> None:
    labels = as_labels(image.from_array(SMALL.astype(dtype)))
    assert labels.dtype == np.int32
    assert labels.shape == (1, 1, 1, 3, 3)
    np.testing.assert_array_equal(np.asarray(labels)[0, 0, 0], SMALL)


@pytest.mark.parametrize(
    ("values", "dims", "message"),
    [
        (np.array([[0.0, 1.5]]), "yx", "fractions such as 1.5"),
        (np.array([[0.0, np.nan]]), "yx", "NaN"),
        (np.array([[0, -1]]), "yx", "from -1"),
        (np.array([[0, 2**31]]), "yx", "2147483648"),
        (np.zeros((2, 3, 4), np.uint16), "cyx", "2 channels"),
        (np.zeros((3, 4, 3), np.uint8), "yxs", "colour"),
    ],
)
def test_what_is_no_label_image_is_refused(values: np.ndarray, dims: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        as_labels(image.from_array(values, dims))


MASK = np.array([[255, 255, 0, 0], [0, 0, 0, 255]], np.uint8)


def test_a_mask_is_refused_unless_asked_for() -> None:
    form = image.from_array(MASK)
    with pytest.raises(BadInput, match='value 255.*mask="split"'):
        as_labels(form)
    np.testing.assert_array_equal(np.asarray(as_labels(form, "keep"))[0, 0, 0], MASK)
    np.testing.assert_array_equal(np.asarray(as_labels(form, "split"))[0, 0, 0], [[1, 1, 0, 0], [0, 0, 0, 2]])


def test_one_object_is_no_mask() -> None:
    one = np.zeros((3, 4, 4), np.uint8)
    one[:, 1:3, 1:3] = 1
    np.testing.assert_array_equal(np.asarray(as_labels(image.from_array(one, "tyx")))[:, 0, 0], one)


def test_splitting_a_mask_keeps_parts_of_a_stack_together() -> None:
    mask = np.zeros((2, 3, 8), np.uint8)
    mask[:, 1, 1] = 255
    mask[1, 1, 5] = 255
    found = np.asarray(as_labels(image.from_array(mask, "zyx"), "split"))[0, 0]
    assert found[0, 1, 1] == found[1, 1, 1] != found[1, 1, 5]


@pytest.mark.parametrize(
    ("largest", "dtype"), [(3, "uint16"), (65_535, "uint16"), (65_536, "float32"), (1 << 24, "float32")]
)
def test_imagej_gets_16_bit_and_above_it_float(tmp_path: Path, largest: int, dtype: str) -> None:
    values = np.array([[0, 1, largest]])
    path = image.write_labels(tmp_path / "labels.tif", image.from_array(values, pixel_size=(0.5, 0.5), unit="um"))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_imagej
        assert tif.series[0].dtype == dtype
        assert (tif.imagej_metadata["min"], tif.imagej_metadata["max"]) == (0, largest)
        np.testing.assert_array_equal(tif.pages.first.colormap.T >> 8, glasbey())
    back = image.read_labels(path)
    np.testing.assert_array_equal(np.asarray(back)[0, 0, 0], values)
    assert back.attrs["unit"] == "µm"


def test_more_labels_than_float_can_tell_apart_are_refused_for_imagej_only(tmp_path: Path) -> None:
    labels = as_labels(image.from_array(np.array([[0, (1 << 24) + 1]])))
    with pytest.raises(BadInput, match=r"16,777,217.*zarr"):
        image.write_labels(tmp_path / "labels.tif", labels)
    back = image.read_labels(image.write_labels(tmp_path / "labels.ome.zarr", labels))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(labels))


def test_label_pictures_with_a_palette_are_read(tmp_path: Path) -> None:
    picture = Image.fromarray(SMALL.astype(np.uint8), mode="P")
    picture.putpalette(glasbey().ravel().tolist())
    picture.save(tmp_path / "labels.png")
    np.testing.assert_array_equal(np.asarray(image.read_labels(tmp_path / "labels.png"))[0, 0, 0], SMALL)


def test_display_form_of_nothing_is_still_an_image() -> None:
    shown = display_form(image.from_array(np.zeros((4, 4), np.uint8)))
    assert shown.dtype == np.uint16
    assert shown.attrs["display"] == ((0.0, 1.0),)


def field(dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """Return a microscope image: bright discs on a dark background, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :160]
    bright = ((y % 40 - 20) ** 2 + (x % 40 - 20) ** 2 < 121) * 90
    return (rng.normal(20, 3, y.shape) + bright).clip(0, 255).astype(dtype)


def cells(pieces: int = 1) -> np.ndarray:
    """Return dense tissue: squares without background between them, each label in some pieces."""
    number = 1 + (np.arange(96) // 8)[:, None] * 12 + (np.arange(96) // 8)[None]
    return (number - 1) % (144 // pieces) + 1


def as_grey(values: np.ndarray) -> np.ndarray:
    return np.where(values < 18, 0, values)  # its background removed


def photons(rate: float, factor: int = 1) -> np.ndarray:
    """Return counted photons of a dark image, each pixel enlarged to a square."""
    return np.kron(np.random.default_rng(2).poisson(rate, (128, 128)), np.ones((factor, factor), int))


def filaments(count: int = 900, length: int = 80, side: int = 256) -> np.ndarray:
    """Return thin labelled curves that cut each other in pieces."""
    rng = np.random.default_rng(0)
    found = np.zeros((side, side), int)
    place, turn = rng.uniform(0, side, (count, 2)), rng.uniform(0, 2 * np.pi, count)
    for _ in range(length):
        y, x = place.T.astype(int)
        inside = (y >= 0) & (y < side) & (x >= 0) & (x < side)
        found[y[inside], x[inside]] = np.arange(1, count + 1)[inside]
        turn = turn + rng.normal(0, 0.1, count)
        place = place + np.stack([np.sin(turn), np.cos(turn)], 1)
    return found


@pytest.mark.parametrize(
    "values",
    [
        field(),
        field("uint8"),
        np.stack([field(), field(seed=1)]),
        field() * 200,
        as_grey(field()),
        np.random.default_rng(0).integers(1, 60000, (64, 64)),
        np.random.default_rng(0).poisson(3, (64, 64)) + 1,
        photons(0.03),
        photons(0.1),
        photons(0.1, 3),
        np.kron(as_grey(field()), np.ones((4, 4), int)),
    ],
    ids=[
        "16 bit",
        "8 bit",
        "stack",
        "wide range",
        "background removed",
        "each pixel another",
        "few values",
        "few photons",
        "photons",
        "photons enlarged",
        "background removed, enlarged",
    ],
)
def test_the_image_itself_is_no_label_image(values: np.ndarray) -> None:
    with pytest.raises(BadInput, match="Is this the image itself"):
        as_labels(image.from_array(values, "zyx" if values.ndim == 3 else "yx"))


@pytest.mark.parametrize(
    "values",
    [
        cells(),
        cells(pieces=4),
        np.stack([cells(), cells(pieces=2)]),
        np.kron(np.random.default_rng(0).integers(0, 9, (30, 30)), np.ones((7, 7), int)),
        (np.random.default_rng(0).random((90, 90)) > 0.998) * np.arange(8100).reshape(90, 90),
        np.where(field() > 60, 255, 0) * (np.arange(160) < 40),
        np.zeros((40, 40), int),
        filaments(),
        (photons(0.02) > 0) * 255,
    ],
    ids=[
        "dense",
        "in pieces",
        "stack",
        "scattered blocks",
        "points",
        "mask of one object",
        "empty",
        "filaments",
        "mask of points",
    ],
)
def test_labels_without_background_or_in_pieces_stay_labels(values: np.ndarray) -> None:
    labels = as_labels(image.from_array(values, "zyx" if values.ndim == 3 else "yx"), mask="keep")
    np.testing.assert_array_equal(np.asarray(labels).squeeze(), values.squeeze())


def test_no_door_takes_the_image_itself_for_labels(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for seed in range(2):
            tifffile.imwrite(tmp_path / folder / f"c{seed}.tif", field(seed=seed))
    images, masks = (str(tmp_path / folder) for folder in ("images", "masks"))
    requests = [
        {"task": "rois", "action": "from_labels", "image": f"{masks}/c0.tif"},
        {"task": "evaluate", "kind": "objects", "truth": masks, "prediction": images, "out": str(tmp_path / "report")},
        {"task": "train", "images": images, "targets": masks, "name": "raw", "dry_run": True},
    ]
    for request in requests:
        reply = tasks.run(request, QuietHost())
        assert reply["status"] == "error"
        assert "c0.tif" in reply["message"] and "Is this the image itself" in reply["message"], reply["message"]
    with pytest.raises(BadInput, match=r"c0.tif: .*Is this the image itself"):
        import_labels(tmp_path / "masks" / "c0.tif", image.from_array(field()))


def test_a_negative_number_names_the_remedy() -> None:
    with pytest.raises(BadInput, match="marks the background.*set it to 0"):
        as_labels(image.from_array(SMALL - 1))
