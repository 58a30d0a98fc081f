"""The loss that looks through a network: by hand, by its gradient, and which networks it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models.losses import backbones, combined, names, perceptual
from talanoa.models.methods import labelling
from talanoa.training.settings import Settings

DOUBLE = torch.float64


def halves(x: torch.Tensor) -> list[torch.Tensor]:
    """Return what a simple backbone sees: the image twice as bright, and its mean."""
    return [2 * x, x.mean(dim=(2, 3), keepdim=True)]


def test_values_by_hand() -> None:
    p = torch.tensor([[0.5, 0.25]], dtype=DOUBLE).reshape(1, 1, 1, 2).repeat(1, 1, 2, 1)
    t = torch.tensor([[0.25, 0.75]], dtype=DOUBLE).reshape(1, 1, 1, 2).repeat(1, 1, 2, 1)
    first = (4 * 0.0625 + 4 * 0.25) / (4 * 0.0625 + 4 * 0.5625)
    second = (0.375 - 0.5) ** 2 / 0.25
    expected = 0.8 * (first + second) / 2 + 0.1 * (0.0625 + 0.25) / 2 + 0.1 * 0.25
    assert perceptual.through(halves)(p, t).item() == pytest.approx(expected, rel=1e-5)
    found = combined.weighted({"perceptual": 2.0, "mae": 1.0}, p, t, {"perceptual": perceptual.through(halves)})
    assert found["loss"].item() == pytest.approx(2 * expected + 0.375, rel=1e-5)


def test_the_gradient_is_that_of_the_values() -> None:
    torch.manual_seed(0)
    loss = perceptual.through(backbones.Own().double())
    predicted, target = torch.rand(2, 1, 2, 8, 8, dtype=DOUBLE)
    assert torch.autograd.gradcheck(lambda p: loss(p, target), (predicted.requires_grad_(),))


def test_each_stain_is_seen_alone() -> None:
    loss = perceptual.through(backbones.Own())
    p, t = torch.rand(2, 1, 2, 16, 16)
    assert loss(p, t) > loss(t, t)
    assert loss(p.flip(1), t.flip(1)).item() == pytest.approx(loss(p, t).item(), rel=1e-5)


def test_the_network_is_needed_and_named() -> None:
    one = torch.rand(1, 1, 8, 8)
    with pytest.raises(BadInput, match="needs a network"):
        combined.weighted({"perceptual": 1.0}, one, one)
    config = labelling.config_from(loss={"perceptual": 1.0})
    assert labelling.backbone(labelling.config_from(), Settings()) is None
    assert isinstance(labelling.backbone(config, Settings()), backbones.Own)
    with pytest.raises(BadInput, match="loss_backbone=vgg16"):
        labelling.backbone(config, Settings(backbone_weights="x.pth"))


def test_backbones_of_torchvision(tmp_path: Path) -> None:
    models = pytest.importorskip("torchvision.models")
    config = labelling.config_from(loss={"perceptual": 1.0}, backbone="squeezenet1_1")
    with pytest.raises(BadInput, match=r"squeezenet1_1-\w+\.pth"):
        labelling.backbone(config, Settings())
    torch.manual_seed(1)
    model = models.squeezenet1_1().eval()
    file = tmp_path / "weights.pth"
    torch.save(model.state_dict(), file)
    backbone = labelling.backbone(config, Settings(backbone_weights=str(file)))
    assert backbone is not None and not backbone.train().training
    grey = torch.rand(2, 1, 64, 64)
    features = backbone(grey)
    assert [each.shape[2] for each in features] == [31, 15, 7, 3]
    scaled = (grey - torch.tensor(backbones._MEAN)[:, None, None]) / torch.tensor(backbones._SD)[:, None, None]
    torch.testing.assert_close(features[1], model.features[:5](scaled))
    assert not any(each.requires_grad for each in backbone.parameters())
    for wrong, message in (("vgg99", "one of torchvision"), ("squeezenet1_0", "another network")):
        with pytest.raises(BadInput, match=message):
            backbones.of_torchvision(wrong, str(file))


@pytest.mark.parametrize("name, sides", [("resnet18", [32, 16, 8, 4]), ("densenet121", [32, 16, 8, 4])])
def test_layers_are_parted_where_they_halve(name: str, sides: list[int]) -> None:
    models = pytest.importorskip("torchvision.models")
    backbone = backbones.Torchvision(models.get_model(name, weights=None), name)
    assert [each.shape[2] for each in backbone(torch.rand(1, 1, 64, 64))] == sides


def test_a_network_without_layers_in_a_row_is_refused() -> None:
    models = pytest.importorskip("torchvision.models")
    with pytest.raises(BadInput, match="do not follow one another"):
        backbones.Torchvision(models.VisionTransformer(32, 16, 1, 2, 8, 8), "vit")


def test_texts_name_losses() -> None:
    assert names.parse("mse=1 sobel=0.1") == {"mse": 1.0, "sobel": 0.1} == names.parse("MSE: 1, sobel = .1")
    assert names.parse("mae") == names.parse("l1=1") == {"mae": 1.0}
    assert labelling.config_from(loss={"L1": 2}).loss == {"mae": 2.0}
    for wrong, message in (("mse=one", "no number"), ("mze=1", "perceptual"), ("", "above 0"), ("mse=-1", "below")):
        with pytest.raises(BadInput, match=message):
            names.parse(wrong)
