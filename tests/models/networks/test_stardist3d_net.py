import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models.methods import stardist3d
from talanoa.models.networks.receptive_field import block_strides
from talanoa.models.networks.resnet import SameConv


def parameters(**keys: object) -> int:
    return sum(each.numel() for each in stardist3d.build(stardist3d.config_from(**keys)).parameters())


# counted in the original (stardist 0.9.2, Config3D with these keys)
@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, 1_119_969),
        ({"grid": (1, 2, 2)}, 1_175_329),
        ({"n_classes": 3, "train_loss_weights": (1, 0.2, 1)}, 1_231_205),
        ({"backbone": "resnet"}, 494_081),
        ({"backbone": "resnet", "grid": (1, 2, 2)}, 1_547_201),
        ({"backbone": "resnet", "grid": (1, 4, 4)}, 4_542_081),
        ({"backbone": "resnet", "n_classes": 3, "train_loss_weights": (1, 0.2, 1)}, 605_317),
    ],
)
def test_networks_have_as_many_parameters_as_the_original(keys: dict[str, object], expected: int) -> None:
    assert parameters(**keys) == expected


SMALL = {
    "n_rays": 8, "unet_n_filter_base": 6, "net_conv_after_unet": 8,
    "resnet_n_filter_base": 6, "net_conv_after_resnet": 8,
}  # fmt: skip


@pytest.mark.parametrize("backbone", ["unet", "resnet"])
@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 2, 2), (2, 2, 4)])
def test_output_lies_on_the_grid(backbone: str, grid: tuple[int, int, int]) -> None:
    config = stardist3d.config_from(backbone=backbone, grid=grid, n_channel_in=2, n_classes=2, **SMALL)
    prob, dist, classes = stardist3d.build(config)(torch.zeros(1, 2, 8, 32, 16))
    places = (8 // grid[0], 32 // grid[1], 16 // grid[2])
    assert prob.shape == (1, 1, *places) and dist.shape == (1, 8, *places) and classes.shape == (1, 3, *places)


@pytest.mark.parametrize(
    "keys",
    [
        {"unet_n_depth": 1},
        {"unet_n_depth": 1, "grid": (1, 2, 2)},
        {"unet_n_depth": 2, "unet_pool": (1, 2, 2), "unet_n_conv_per_depth": 1},
        {"backbone": "resnet", "resnet_n_blocks": 2, "grid": (1, 2, 2)},
        {"backbone": "resnet", "resnet_n_blocks": 3, "resnet_n_conv_per_block": 2, "grid": (1, 2, 4)},
    ],
)
def test_nothing_beyond_the_halo_matters(keys: dict[str, object]) -> None:
    torch.manual_seed(0)
    config = stardist3d.config_from(**{**SMALL, **keys})
    net = stardist3d.build(config)
    for weights in net.parameters():
        weights.data.abs_()  # no ReLU is closed, so that everything that can matter does
    sides = [2 * (radius // 16 + 1) * 16 for radius in config.halo]
    volume = torch.rand(1, 1, *sides, requires_grad=True)
    prob, dist = net(volume)
    middle = [side // step // 2 for side, step in zip(sides, config.grid, strict=True)]
    reached = [0, 0, 0]
    for shift in range(4):  # places of one cell of the coarsest level
        place = [each + shift for each in middle]
        (gradient,) = torch.autograd.grad(
            prob[(0, 0, *place)] + dist[(0, slice(None), *place)].sum(), volume, retain_graph=True
        )
        for axis, where in enumerate(gradient[0, 0].nonzero().T):
            reached[axis] = max(reached[axis], int((where - place[axis] * config.grid[axis]).abs().max()))
    assert all(here <= radius for here, radius in zip(reached, config.halo, strict=True))
    assert all(here > radius / 2 for here, radius in zip(reached, config.halo, strict=True))


def test_the_first_blocks_step_towards_the_grid() -> None:
    assert block_strides((1, 4, 2), 4) == [(1, 2, 2), (1, 2, 1), (1, 1, 1), (1, 1, 1)]


def test_a_stride_looks_ahead_as_in_the_original() -> None:
    conv = SameConv(1, 1, (1, 1, 3), (1, 1, 2))
    torch.nn.init.ones_(conv.conv.weight)
    out = conv(torch.arange(6.0).reshape(1, 1, 1, 1, 6))
    assert out.ravel().tolist() == [0 + 1 + 2, 2 + 3 + 4, 4 + 5]


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"grid": (3, 1, 1)}, "grid must be 1, 2 or 4"),
        ({"anisotropy": (0, 1, 1)}, "anisotropy must be positive"),
        ({"backbone": "vit"}, "backbone"),
        ({"unet_depth": 2}, "Valid keys: n_rays, grid, anisotropy, backbone"),
    ],
)
def test_wrong_configurations_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        stardist3d.config_from(**keys)
