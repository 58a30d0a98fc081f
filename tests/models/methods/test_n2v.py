"""Blind spots of Noise2Void: how many, where, what goes in, and that nothing of the hidden value comes through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models import methods
from talanoa.models.methods.n2v import N2VConfig
from talanoa.models.methods.n2v_masking import drawn_places, mask_batch, masked_count, medians, positions, z_curve

SHAPES = [(64, 64), (24, 40), (8, 16, 20)]


def config(shape: tuple[int, ...] = (64, 64), **keys: Any) -> N2VConfig:
    return methods.get(methods.variant("n2v", len(shape))).config(**keys)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Return an image in which each value occurs once, so that a value tells where it came from."""
    return np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("percent", [0.2, 1.5, 10.0])
def test_each_channel_of_each_patch_has_the_share_asked_for(shape: tuple[int, ...], percent: float) -> None:
    patches = noise(3, 2, *shape)
    masked, mask = mask_batch(patches, config(shape, masked_percent=percent), np.random.default_rng(1))
    expected = round(np.prod(shape) * percent / 100)
    assert masked_count(shape, percent) == expected
    assert (mask.reshape(6, -1).sum(axis=1) == expected).all() and set(np.unique(mask)) == {0, 1}
    assert (masked[mask == 0] == patches[mask == 0]).all()
    assert masked_count((8, 8), 0.2) == 1
    assert len({each.tobytes() for each in mask.reshape(6, -1)}) == 6  # places of their own


@pytest.mark.parametrize("keys", [{}, {"manipulator": "median"}, {"struct_axis": "vertical"}])
def test_equal_random_numbers_give_equal_masks(keys: dict[str, Any]) -> None:
    patches = noise(2, 1, 32, 32)
    one, again, other = (mask_batch(patches, config(**keys), np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert all((a == b).all() for a, b in zip(one, again, strict=True))
    assert (one[1] != other[1]).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_is_as_probable_as_any_other_and_none_is_crowded(shape: tuple[int, ...]) -> None:
    count = 4000
    picked = positions(count, shape, 2.0, np.random.default_rng(0))
    times = np.bincount(picked.ravel(), minlength=int(np.prod(shape)))
    expected = picked.size / len(times)
    assert abs(times - expected).max() < 5.5 * np.sqrt(expected)  # Poisson, over some thousand pixels
    assert all(len(set(each)) == len(each) for each in picked[:50].tolist())
    one = np.zeros((200, int(np.prod(shape))))
    np.put_along_axis(one, picked[:200], 1, axis=1)
    halves = one.reshape(200, shape[0], -1)[:, : shape[0] // 2].sum(axis=(1, 2))
    assert abs(halves - picked.shape[1] / 2).max() <= 0.25 * picked.shape[1] + 2


def test_the_curve_visits_every_pixel_once_and_stays_near() -> None:
    assert z_curve((4, 4)).tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
    for shape in SHAPES:
        assert sorted(z_curve(shape)) == list(range(int(np.prod(shape))))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [1, 5])
def test_values_come_from_the_neighbourhood(shape: tuple[int, ...], radius: int) -> None:
    patches = noise(2, 2, *shape)
    masked, mask = mask_batch(patches, config(shape, radius=radius, masked_percent=8), np.random.default_rng(3))
    where = {value: place for place, value in np.ndenumerate(patches)}
    reached = np.zeros(len(shape))
    kept = 0
    for place in np.argwhere(mask):
        source = np.array(where[masked[tuple(place)]])
        assert (source[:2] == place[:2]).all()  # of the same patch and channel
        distance = np.abs(source - place)[2:]
        reached = np.maximum(reached, distance)
        kept += not distance.any()
    assert (reached == radius).all()
    count = mask.sum()
    probability = 1 / (2 * radius + 1) ** len(shape)
    expected = count * probability
    assert kept <= 2 * expected + 5  # itself is one of the neighbours, more often only near the border


def test_drawn_places_cover_the_window_evenly() -> None:
    at = np.tile([[0, 5]], (20_000, 1))
    drawn = drawn_places(at, (16, 16), 2, np.random.default_rng(0))
    seen, times = np.unique(drawn, axis=0, return_counts=True)
    assert seen.tolist() == [[y, x] for y in range(3) for x in range(3, 8)]
    assert abs(times - 20_000 / 15).max() < 5 * np.sqrt(20_000 / 15)
    elsewhere = drawn_places(at, (16, 16), 2, np.random.default_rng(0), avoid=1)
    assert set(elsewhere[:, 1]) == {3, 4, 6, 7} and set(elsewhere[:, 0]) == {0, 1, 2}


def test_medians_by_hand_and_at_the_border() -> None:
    patch = np.array([[9, 1, 2, 0], [3, 100, 4, 0], [5, 6, 7, 0], [0, 0, 0, 0]], np.float32)[None]
    places = np.array([[1, 1], [0, 0], [3, 3]])
    found = medians(patch, np.zeros(3, int), places, 1)
    assert found.tolist() == [4.5, 3.0, 0.0]  # of 1 2 3 4 5 6 7 9, of 1 3 100, of 7 0 0
    without_row = medians(patch, np.zeros(1, int), places[:1], 1, line=1)
    assert without_row.tolist() == [5.5]  # of 9 1 2 5 6 7
    without_column = medians(patch, np.zeros(1, int), places[:1], 1, line=0)
    assert without_column.tolist() == [4.5]  # of 9 3 5 2 4 7


def net_of(keys: dict[str, Any]) -> tuple[Any, N2VConfig]:
    torch.manual_seed(0)
    method, small = methods.get("n2v"), config(unet_n_filter_base=4, unet_n_depth=1, **keys)
    return method.build(small).eval(), small


@pytest.mark.parametrize("keys", [{}, {"manipulator": "median"}, {"struct_axis": "horizontal"}])
def test_the_blind_spot_is_blind(keys: dict[str, Any]) -> None:
    """Nothing of a masked pixel's own value reaches the answer there, as long as no draw falls on that very pixel.

    One pixel of each patch is masked, so that no neighbour can hand its value on.
    """
    net, settings = net_of({**keys, "masked_percent": 1e-3})
    patches = noise(24, 1, 16, 16) / 1000
    checked = 0
    for seed in range(3):
        masked, mask = mask_batch(patches, settings, np.random.default_rng(seed))
        changed = patches + 5 * mask
        masked_again, mask_again = mask_batch(changed, settings, np.random.default_rng(seed))
        assert (mask_again == mask).all()
        itself = (mask * (masked == patches)).any(axis=(1, 2, 3))  # uniform_withCP has drawn the pixel itself
        answers, again = (net(torch.from_numpy(each))[0].detach().numpy() for each in (masked, masked_again))
        assert (answers[~itself] == again[~itself]).all()
        assert all((answers != again)[index].any() for index in np.flatnonzero(itself))
        checked += (~itself).sum()
    assert checked >= 60
    assert np.abs(net(torch.from_numpy(patches))[0].detach().numpy() - answers).max() > 0  # it does look at its input


def test_a_line_is_hidden_with_its_centre() -> None:
    settings = config(struct_axis="horizontal", struct_radius=3, masked_percent=1e-3)
    patches = noise(40, 1, 16, 16)
    masked, mask = mask_batch(patches, settings, np.random.default_rng(0))
    where = {value: place for place, value in np.ndenumerate(patches)}
    for number, _, y, x in np.argwhere(mask):
        hidden = np.argwhere(masked[number, 0] != patches[number, 0])
        assert hidden.tolist() == [[y, each] for each in range(max(0, x - 3), min(16, x + 4))]
        sources = [where[masked[number, 0, y, each]] for _, each in hidden]
        assert all(source[0] == number and source[2] != y for source in sources)  # from other lines only


def test_only_masked_pixels_count_in_the_loss() -> None:
    method, settings = methods.get("n2v"), config()
    output, original = torch.tensor([[[[1.0, 2.0, 7.0]]]]), torch.tensor([[[[3.0, 2.5, 0.0]]]])
    mask = torch.tensor([[[[1.0, 1.0, 0.0]]]])
    assert method.loss((output,), (original, mask), settings)["loss"].item() == pytest.approx((4 + 0.25) / 2)
    absolute = settings.model_copy(update={"loss": "mae"})
    assert method.loss((output,), (original, mask), absolute)["loss"].item() == pytest.approx((2 + 0.5) / 2)
    output.requires_grad_()
    method.loss((output,), (original, mask), settings)["loss"].backward()
    assert output.grad is not None and output.grad[0, 0, 0, 2] == 0


def test_channels_that_come_in_go_out() -> None:
    assert methods.get("n2v").config(n_channel_in=3).n_channel_out == 3
    with pytest.raises(BadInput, match="found n_channel_in=3, n_channel_out=1"):
        methods.get("n2v").config(n_channel_in=3, n_channel_out=1)


def test_a_small_network_learns_to_denoise_without_a_clean_image() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] / 64
    clean = (np.sin(12 * x) * np.cos(9 * y)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.5, clean.shape).astype(np.float32)
    torch.manual_seed(0)
    method, settings = methods.get("n2v"), config(unet_n_filter_base=8, unet_n_depth=2, masked_percent=2)
    net = method.build(settings)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(150):
        corners = rng.integers(0, 33, (8, 2))
        patches = np.stack([noisy[None, a : a + 32, b : b + 32] for a, b in corners])
        masked, mask = mask_batch(patches, settings, rng)
        answers = (torch.from_numpy(patches), torch.from_numpy(mask))
        loss = method.loss(net(torch.from_numpy(masked)), answers, settings)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    restored = net(torch.from_numpy(noisy)[None, None])[0][0, 0].detach().numpy()
    gain = 10 * np.log10(np.mean((noisy - clean) ** 2) / np.mean((restored - clean) ** 2))
    assert gain > 6  # decibels
