import pytest
import torch

from talanoa.models.networks.receptive_field import grid_steps, receptive_radius
from talanoa.models.networks.stardist import StarDistNet


def test_the_default_network_has_as_many_parameters_as_the_original() -> None:
    net = StarDistNet(n_rays=32, grid=(2, 2))
    assert sum(each.numel() for each in net.parameters()) == 1_425_185


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (4, 4), (2, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_output_lies_on_the_grid(grid: tuple[int, int], channels: int) -> None:
    net = StarDistNet(channels, 16, grid, filters=4, depth=2, head=8)
    prob, dist = net(torch.zeros(2, channels, 64, 96))
    assert prob.shape == (2, 1, 64 // grid[0], 96 // grid[1])
    assert dist.shape == (2, 16, 64 // grid[0], 96 // grid[1])


def test_grid_steps_reach_the_grid() -> None:
    assert grid_steps((1, 1)) == []
    assert grid_steps((4, 2)) == [(2, 2), (2, 1)]


@pytest.mark.parametrize("grid, depth, kernel", [((1, 1), 2, 3), ((2, 2), 2, 3), ((2, 2), 1, 5), ((4, 4), 1, 3)])
def test_nothing_beyond_the_receptive_radius_matters(grid: tuple[int, int], depth: int, kernel: int) -> None:
    torch.manual_seed(0)
    net = StarDistNet(1, 4, grid, filters=4, depth=depth, kernel=kernel, head=8)
    radius = receptive_radius(grid, depth, kernel)
    side = 2 * (radius // 16 + 2) * 16
    image = torch.rand(1, 1, side, side, requires_grad=True)
    prob, dist = net(image)
    reached = 0
    cells = side // grid[0]
    for place in range(cells // 2 - 8, cells // 2 + 8):  # every position within a cell of the coarsest level
        (gradient,) = torch.autograd.grad(
            prob[0, 0, place, place] + dist[0, :, place, place].sum(), image, retain_graph=True
        )
        rows = gradient[0, 0].nonzero()[:, 0]
        reached = max(reached, int((rows - place * grid[0]).abs().max()))
    assert reached <= radius
    assert reached > radius / 2  # the bound is not wasteful either


def test_batch_norm_is_in_every_block_of_the_unet_only() -> None:
    normed = StarDistNet(grid=(2, 2), filters=4, depth=1, head=4, batch_norm=True)
    count = sum(isinstance(each, torch.nn.BatchNorm2d) for each in normed.modules())
    assert count == sum(isinstance(each, torch.nn.ReLU) for each in normed.unet.modules())


@pytest.mark.parametrize("grid", [(2, 2), (1, 2, 2)])
def test_outputs_in_training_are_those_in_use_and_in_single_precision(grid: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = StarDistNet(1, 8, grid, filters=4, depth=1, kernel=3 if len(grid) == 2 else (3, 3, 3), head=8, n_classes=2)
    image = torch.rand(1, 1, *[16] * len(grid))
    for trained, used in zip(net.train()(image), net.eval()(image), strict=True):
        torch.testing.assert_close(trained, used)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halves = net.train()(image)
    for half, used in zip(halves, net(image), strict=True):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, used, rtol=0.05, atol=0.05)
