"""Networks of in silico labelling: sizes, parameters, initial weights, how far they look, what a discriminator sees."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models.methods import labelling
from talanoa.models.networks.labelling_unet import LabellingUNet, he_normal
from talanoa.models.networks.pix2pix import Generator, PatchDiscriminator
from talanoa.models.networks.projection_unet import Projection, ProjectionUNet
from talanoa.models.runtime import tiles
from talanoa.models.runtime.inference import planned_parts


def parameters(net: torch.nn.Module) -> int:
    return sum(each.numel() for each in net.parameters())


def expected_parameters(n_in: int, n_out: int, filters: int, depth: int) -> int:
    """Count by hand: two 3 x 3 convolutions and a normalisation a level, transposed 2 x 2 convolutions, an output."""

    def level(a: int, b: int) -> int:
        return 9 * a * b + b + 2 * b + 9 * b * b + b

    widths = [filters * 2**k for k in range(depth + 1)]
    down = level(n_in, widths[0]) + sum(level(a, b) for a, b in pairwise(widths))
    up = sum(4 * 2 * w * w + w + level(2 * w, w) for w in widths[:-1])
    return down + up + filters * n_out + n_out


@pytest.mark.parametrize(("filters", "n_in"), [(16, 1), (16, 13), (64, 1)])
def test_the_unet_has_the_parameters_of_the_source(filters: int, n_in: int) -> None:
    net = LabellingUNet(n_in, 1, filters)
    assert parameters(net) == expected_parameters(n_in, 1, filters, 4)
    assert net.eval().features(torch.zeros(1, n_in, 256, 256)).shape == (1, 16 * filters, 16, 16)


def test_the_unet_gives_stains_from_0_to_1() -> None:
    net = LabellingUNet(3, 2, 4, 2, dropout=0.1).eval()
    (stains,) = net(torch.randn(2, 3, 32, 48) * 10)
    assert stains.shape == (2, 2, 32, 48) and 0 <= stains.min() and stains.max() <= 1


def test_weights_are_normal_with_cut_tails() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(64, 128, 3)
    he_normal(conv)
    deviation = (2 / (64 * 9)) ** 0.5
    assert conv.weight.std().item() == pytest.approx(deviation, rel=0.01)
    assert conv.weight.abs().max().item() <= 2 * deviation / 0.8796
    assert not conv.bias.any()


def test_generator_and_discriminator_have_the_parameters_of_the_paper() -> None:
    assert parameters(Generator(3, 3)) == pytest.approx(54.4e6, rel=0.002)
    assert parameters(PatchDiscriminator(3, 3)) == pytest.approx(2.77e6, rel=0.002)


def test_the_generator_keeps_the_size() -> None:
    (made,) = Generator(2, 1, filters=4, depth=4)(torch.rand(2, 2, 32, 64))
    assert made.shape == (2, 1, 32, 64) and 0 <= made.min() and made.max() <= 1


def test_a_judgement_sees_70_pixels() -> None:
    net = PatchDiscriminator(1, 1, filters=4).eval()
    stains = torch.rand(1, 1, 160, 160, requires_grad=True)
    judged = net(torch.rand(1, 1, 160, 160), stains)
    assert judged.shape == (1, 1, 18, 18)
    judged[0, 0, 9, 9].backward()
    seen = stains.grad[0, 0].abs().sum(dim=1).nonzero()
    assert int(seen.max() - seen.min()) + 1 == 70


@pytest.mark.parametrize(
    "keys",
    [
        {"depth": 2},
        {"network": "projection", "depth": 2, "n_channel_in": 6, "planes": 3},
        {"network": "pix2pix", "depth": 2},
        {"network": "pix2pix", "depth": 3},
        {"network": "pix2pix", "depth": 4},
    ],
)
def test_the_halo_is_what_can_matter(keys: dict[str, Any]) -> None:
    torch.manual_seed(0)
    config = labelling.config_from(filters=4, **keys)
    net = labelling.build(config).eval()
    (radius, *_), step = config.halo, config.multiple[0]
    side = -(-(2 * radius + 2 * step) // step) * step
    image = torch.rand(1, config.n_channel_in, side, 2 * step, requires_grad=True)
    reached = 0
    for place in range(side // 2, side // 2 + step):  # every position within a cell of the coarsest level
        (gradient,) = torch.autograd.grad(net(image)[0][0, 0, place].sum(), image)
        rows = gradient[0].abs().sum(dim=(0, 2)).nonzero()[:, 0]
        reached = max(reached, int((rows - place).abs().max()))
    assert reached == radius


@pytest.mark.parametrize("network", ["unet", "encoder", "projection", "pix2pix"])
def test_tiles_of_every_network_are_mostly_core(network: str) -> None:
    config = labelling.config_from(network=network)
    shape = (2136, 2136)
    plan = tiles.plan(shape, planned_parts(shape, config), config.halo, config.multiple)
    read = sum((rows[1] - rows[0]) * (columns[1] - columns[0]) for rows, columns in (tile.read for tile in plan))
    assert len(plan) <= 16 and read < 3 * 2136**2


def test_a_projection_by_hand() -> None:
    project = Projection(2)
    with torch.no_grad():
        project.score.weight.copy_(torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1, 1))
    volume = torch.tensor([[1.0, 2.0, 3.0], [0.0, 2.0, 1.0]]).reshape(1, 2, 3, 1, 1)  # scores 1, 0, 2
    shares = torch.softmax(torch.tensor([1.0, 0.0, 2.0]), 0)
    expected = volume[0, :, :, 0, 0] @ shares
    torch.testing.assert_close(project(volume)[0, :, 0, 0], expected)
    backwards = project(volume.flip(2))  # no plane is special
    torch.testing.assert_close(backwards[0, :, 0, 0], expected)


def test_planes_are_convolved_as_a_volume_light_by_light() -> None:
    torch.manual_seed(1)
    net = ProjectionUNet(6, 2, 3, filters=4, depth=2).eval()
    first = net.down[0][0]
    assert first.weight.shape == (4, 2, 3, 3, 3)  # two lights of three planes
    seen: list[torch.Tensor] = []
    net.down[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    image = torch.rand(1, 6, 16, 24)
    (stains,) = net(image)
    assert stains.shape == (1, 2, 16, 24) and 0 <= stains.min() and stains.max() <= 1
    assert seen[0].shape == (1, 2, 3, 16, 24)
    torch.testing.assert_close(seen[0][0, 1, 0], image[0, 3])
    assert net.features(image).shape == (1, 16, 4, 6)


def test_a_projecting_unet_has_as_many_parameters_as_can_be_counted() -> None:
    def level(a: int, b: int, kernel: int) -> int:
        return kernel * a * b + b + 2 * b + kernel * b * b + b

    down = level(1, 16, 27) + level(16, 32, 27) + level(32, 64, 27) + (17 + 33 + 65)
    up = sum(4 * 2 * w * w + w + level(2 * w, w, 9) for w in (32, 16))
    assert parameters(ProjectionUNet(13, 1, 13, 16, 2)) == down + up + 17


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"network": "pix2pix", "depth": 1}, "2 halvings"),
        ({"network": "encoder", "depth": 2}, "3 to 5 halvings"),
        ({"network": "projection", "n_channel_in": 5, "planes": 2}, "does not divide the 5"),
        ({"n_channel_in": 2, "planes": 2}, "network=projection"),
        ({"network": "unett"}, "network"),
    ],
)
def test_what_does_not_fit_together_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        labelling.config_from(**keys)


def test_what_is_left_out_follows_from_the_network() -> None:
    pix2pix = labelling.config_from(network="pix2pix")
    assert (pix2pix.depth, pix2pix.loss) == (6, {"mae": 100.0})
    assert labelling.config_from(network="encoder").depth == 5
    assert labelling.config_from(network="projection", n_channel_in=13).planes == 13
    assert labelling.config_from(**pix2pix.model_dump()) == pix2pix
    assert labelling.config_from(network="pix2pix", depth=4, loss={"mse": 1}).loss == {"mse": 1.0}
