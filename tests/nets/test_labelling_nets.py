"""Networks of in silico labelling: sizes, parameters, initial weights, what a discriminator sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from talanoa.nets.labelling_unet import LabellingUNet, he_normal
from talanoa.nets.pix2pix import Generator, PatchDiscriminator


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
