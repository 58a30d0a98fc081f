"""The networks of CARE, Noise2Void and N2V2: size, reach, outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models import methods
from talanoa.models.methods.care import Care3DConfig, CareConfig
from talanoa.models.networks.care_unet import MaxBlurPool, conv_of_both


def build(name: str, **keys: Any) -> tuple[torch.nn.Module, Any]:
    torch.manual_seed(0)
    method = methods.get(name)
    config = method.config(**keys)
    return method.build(config), config


@pytest.mark.parametrize(
    "name, keys, expected",
    [  # as CSBDeep 0.8.2, n2v 0.3.3 and CAREamics 0.3.5 count them, without the weights of blurs that nobody learns
        ("care", {}, 922_977),
        ("care", {"unet_kernel_size": 3}, 332_641),
        ("care3d", {}, 996_769),
        ("care", {"probabilistic": True}, 923_010),
        ("n2v", {}, 333_729 + 1088),  # and the statistics of batch normalisation
        ("n2v", {"narrow_decoder": True}, 288_577),
        ("n2v", {"blur_pool": True, "no_first_skip": True}, 326_465 - 864),
    ],
)
def test_networks_have_as_many_parameters_as_the_originals(name: str, keys: dict[str, Any], expected: int) -> None:
    net, _ = build(name, **keys)
    statistics = [each for key, each in net.named_buffers() if "running" in key]
    assert sum(each.numel() for each in (*net.parameters(), *statistics)) == expected


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", ["care", "n2v"])
def test_outputs_have_the_size_of_the_image_and_full_precision(name: str, ndim: int) -> None:
    net, _ = build(methods.variant(name, ndim), n_channel_in=2, n_channel_out=2, unet_n_filter_base=4, unet_n_depth=1)
    image = torch.rand(2, 2, *(4, 6, 8)[:ndim])
    with torch.autocast("cpu", torch.bfloat16):
        found = net(image)
    assert [(each.shape, each.dtype) for each in found] == [(image.shape, torch.float32)]


def test_a_probabilistic_network_answers_with_a_positive_scale() -> None:
    net, _ = build("care", probabilistic=True, unet_n_filter_base=4, unet_n_depth=1)
    mean, scale = net(100 * torch.rand(1, 1, 16, 16) - 50)
    assert mean.shape == scale.shape and scale.min() >= 1e-3


def alive(net: torch.nn.Module) -> None:
    """Make all weights positive: no activation of a positive image is 0, and what lies behind can be seen."""
    for each in net.parameters():
        each.data.abs_()


def test_a_residual_network_adds_its_input() -> None:
    net, config = build("care", unet_n_filter_base=4)
    plain, _ = build("care", unet_n_filter_base=4, residual=False)
    plain.load_state_dict(net.state_dict())
    image = torch.rand(1, 1, 16, 16)
    assert config.residual
    torch.testing.assert_close(net(image)[0], plain(image)[0] + image)
    assert build("care", n_channel_in=2)[1].residual is False


@pytest.mark.parametrize("n2v2", [False, True])
@pytest.mark.parametrize(
    "ndim, keys",
    [(2, {}), (2, {"unet_n_depth": 1}), (2, {"unet_kernel_size": 5, "unet_n_depth": 1}), (3, {"unet_n_depth": 1})],
)
def test_the_halo_is_what_can_matter(keys: dict[str, int], n2v2: bool, ndim: int) -> None:
    net, config = build(methods.variant("n2v", ndim), unet_n_filter_base=2, blur_pool=n2v2, no_first_skip=n2v2, **keys)
    alive(net.double().eval())
    (radius, *_), step = config.halo, config.multiple[0]
    side = -(-(2 * radius + 2 * step) // step) * step
    image = torch.rand(1, 1, side, *[2 * step] * (ndim - 1), dtype=torch.float64, requires_grad=True)
    reached = 0
    for place in range(side // 2, side // 2 + step):  # every position within a cell of the coarsest level
        (gradient,) = torch.autograd.grad(net(image)[0][0, 0, place].sum(), image)
        rows = gradient[0, 0].flatten(1).any(1).nonzero()[:, 0]
        reached = max(reached, int((rows - place).abs().max()))
    assert reached <= radius
    assert reached >= radius - 2  # nor is it wasteful: a maximum need not lie at the far side of its cell


def test_max_blur_pool_by_hand() -> None:
    row = torch.tensor([1.0, 5.0, 2.0, 0.0, 3.0, 3.0])
    highest = [5.0, 5.0, 2.0, 3.0, 3.0, 3.0, 0.0]  # of each and its right neighbour; zero beyond the border
    expected = [(highest[at] + 2 * highest[at + 1] + highest[at + 2]) / 4 for at in (0, 2, 4)]
    image = row.expand(1, 2, 4, 6)
    found = MaxBlurPool(2)(image)
    assert found.shape == (1, 2, 2, 3)
    assert found[0, 1, 0].tolist() == expected
    assert found[0, 1, 1].tolist() == [0.75 * value for value in expected]  # its third row lies beyond the border
    volume = MaxBlurPool(3)(image[:, :, None].expand(1, 2, 4, 4, 6))
    torch.testing.assert_close(volume[0, 1, 0], found[0, 1])


def test_without_the_first_skip_the_last_level_gets_nothing_of_the_first() -> None:
    net, _ = build("n2v", no_first_skip=True, unet_n_filter_base=4, unet_n_depth=1, batch_norm=False)
    seen: list[torch.Tensor] = []
    net.unet.up[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(torch.rand(1, 1, 8, 8))
    blocks = seen[0].unfold(2, 2, 2).unfold(3, 2, 2)
    assert seen[0].shape[1] == 4 and (blocks == blocks[..., :1, :1]).all()  # only what was repeated


def test_separate_channels_do_not_see_each_other() -> None:
    net, _ = build("n2v", separate_channels=True, n_channel_in=2, n_channel_out=2, unet_n_filter_base=4, unet_n_depth=1)
    alive(net.eval())
    image = torch.rand(1, 2, 8, 8)
    changed = image.clone()
    changed[:, 0] += 1
    (before,), (after,) = net(image), net(changed)
    assert (before[:, 1] == after[:, 1]).all() and not torch.allclose(before[:, 0], after[:, 0])


def test_configurations_know_sizes_and_reject_what_cannot_be() -> None:
    assert (CareConfig().grid, CareConfig().multiple, CareConfig(unet_n_depth=3).multiple) == ((1, 1), (4, 4), (8, 8))
    assert (Care3DConfig().unet_kernel_size, Care3DConfig().grid) == (3, (1, 1, 1))
    method = methods.get("care")
    with pytest.raises(BadInput, match="CARE configuration: unet_kernel_size: .*odd.*Valid keys: n_channel_in"):
        method.config(unet_kernel_size=4)
    with pytest.raises(BadInput, match="found 2 in, 1 out"):
        method.config(n_channel_in=2, residual=True)
    with pytest.raises(BadInput, match="Noise2Void configuration: n_rays"):
        methods.get("n2v").config(n_rays=3)
    again = method.config(**method.config(n_channel_in=3, probabilistic=True).model_dump(mode="json"))
    assert again == method.config(n_channel_in=3, probabilistic=True)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_the_convolution_of_both_is_that_of_the_joined_images(side: int) -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3 + 4, 5, side, padding=side // 2).double()
    below, skip = torch.rand(2, 3, 6, 8).double(), torch.rand(2, 4, 12, 16).double()
    for each in (below, skip):
        each.requires_grad_()
    plain = conv(torch.cat([below.repeat_interleave(2, 2).repeat_interleave(2, 3), skip], 1))
    found = conv_of_both(conv, below, skip)
    torch.testing.assert_close(found, plain)
    weight = torch.rand_like(plain)
    inputs = (below, skip, conv.weight, conv.bias)
    for one, other in zip(
        torch.autograd.grad(found, inputs, weight), torch.autograd.grad(plain, inputs, weight), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_network_answers_in_training_as_it_does_afterwards() -> None:
    net, config = build("care", unet_n_filter_base=4)
    assert config.unet_kernel_size == 5
    image = torch.rand(2, 1, 24, 20)
    torch.testing.assert_close(net.train()(image)[0], net.eval()(image)[0])
