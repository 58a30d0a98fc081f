from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers.synthetic import nuclei, write_pairs
from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.image.folder import ROI_SUFFIXES
from talanoa.image.form import from_array
from talanoa.rois import files
from talanoa.segmentation.train import annotated, dataset
from talanoa.training.augment import NONE


def test_images_and_masks_of_equal_name_are_read_together(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    items = dataset.load(images, masks, None, None)
    assert [item.name for item in items] == ["field_00", "field_01", "field_02"]
    assert items[1].image.shape == (1, 64, 64) and items[1].image.dtype == np.float32
    assert np.array_equal(items[1].labels, nuclei(64, 4, seed=1)[1])
    assert len({*items[0].hashes, *items[1].hashes}) == 4


def test_roi_zips_give_the_labels_they_were_made_from(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=4)
    folder = tmp_path / "rois"
    folder.mkdir()
    for path in masks.iterdir():
        traced = rois.from_labels(from_array(tifffile.imread(path).astype(np.int32)))
        files.write_zip(folder / f"{path.stem}.zip", traced)
    by_roi = dataset.load(images, None, folder, None)
    by_mask = dataset.load(images, masks, None, None)
    for one, other in zip(by_roi, by_mask, strict=True):
        assert np.array_equal(one.labels, other.labels)


def test_roi_zips_may_be_named_as_the_roi_manager_offers(tmp_path: Path) -> None:
    for name in ("cells.tif", "cells_RoiSet.zip", "more.tif", "more RoiSet.zip"):
        (tmp_path / name).touch()
    pairs = dataset.pair_files(tmp_path, tmp_path, ROI_SUFFIXES)
    assert [(image.name, annotation.name) for image, annotation in pairs] == [
        ("cells.tif", "cells_RoiSet.zip"),
        ("more.tif", "more RoiSet.zip"),
    ]


def test_names_without_partner_are_listed(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=2)
    (masks / "field_01.tif").unlink()
    (images / "field_02.tif").rename(images / "other.tif")
    with pytest.raises(BadInput, match="3 names .* field_01, field_02, other"):
        dataset.load(images, masks, None, None)


def test_a_mask_of_another_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=2)
    tifffile.imwrite(masks / "field_01.tif", np.arange(60 * 64, dtype=np.uint16).reshape(60, 64))
    with pytest.raises(BadInput, match="field_01.tif is 64 x 60 pixels, its image field_01.tif 64 x 64"):
        dataset.load(images, masks, None, None)


def test_stacks_nan_and_missing_channels_are_refused(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=2)
    with pytest.raises(BadInput, match="channel=2 was asked for"):
        dataset.load(images, masks, None, 2)
    tifffile.imwrite(images / "field_00.tif", np.full((64, 64), np.nan, np.float32))
    with pytest.raises(BadInput, match=r"field_00.*NaN"):
        dataset.load(images, masks, None, None)
    tifffile.imwrite(images / "field_00.tif", np.zeros((3, 64, 64), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(BadInput, match="3 slices"):
        dataset.load(images, masks, None, None)


def test_annotations_without_any_object_are_refused(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 2, size=64, count=2)
    for path in masks.iterdir():
        tifffile.imwrite(path, np.zeros((64, 64), np.uint16))
    with pytest.raises(BadInput, match="None of the 2 annotations"):
        dataset.load(images, masks, None, None)


def test_neither_or_both_kinds_of_annotation_are_refused(tmp_path: Path) -> None:
    for masks, rois_folder in ((None, None), (tmp_path, tmp_path)):
        with pytest.raises(BadInput, match="either a folder of label images"):
            dataset.load(tmp_path, masks, rois_folder, None)


def item(seed: int) -> annotated.Annotated:
    image, labels = nuclei(48, 3, seed=seed)
    return annotated.Annotated(f"i{seed}", image[None].astype(np.float32), labels.astype(np.int32))


def test_the_split_is_by_image_seeded_and_never_empty() -> None:
    items = [item(seed) for seed in range(7)]
    train, validation = dataset.split(items, 0.3, seed=1)
    assert len(validation) == 2 and not {each.name for each in train} & {each.name for each in validation}
    again = dataset.split(items, 0.3, seed=1)
    assert [each.name for each in again[1]] == [each.name for each in validation]
    assert [len(part) for part in dataset.split(items[:2], 0.01, seed=0)] == [1, 1]
    assert [len(part) for part in dataset.split(items[:2], 0.99, seed=0)] == [1, 1]


def test_one_image_cannot_be_split_and_the_message_says_how_many() -> None:
    with pytest.raises(BadInput, match="1 annotated image found; at least 2"):
        dataset.split([item(0)], 0.1, seed=0)


def test_foreground_patches_are_centred_on_an_object() -> None:
    items = [item(seed) for seed in range(3)]
    for seed in range(20):
        _, labels = dataset.draw_patch(items, (17, 17), 1.0, NONE, np.random.default_rng(seed))
        assert labels[8, 8] > 0


def test_an_image_without_objects_still_gives_patches() -> None:
    empty = annotated.Annotated("empty", np.zeros((1, 40, 40), np.float32), np.zeros((40, 40), np.int32))
    image, labels = dataset.draw_patch([empty], (32, 32), 0.9, NONE, np.random.default_rng(0))
    assert image.shape == (1, 32, 32) and not labels.any()
