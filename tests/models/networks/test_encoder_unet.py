"""U-Nets with the encoders of others: their size, weights from files, and what tiles of them cost in accuracy."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from helpers import tiny
from talanoa.core.errors import BadInput
from talanoa.models.methods import labelling
from talanoa.models.networks import pretrained
from talanoa.models.networks.encoder_unet import EncoderUNet
from talanoa.training.settings import Settings

models = pytest.importorskip("torchvision.models")


def parameters(net: torch.nn.Module) -> int:
    return sum(each.numel() for each in net.parameters())


@pytest.fixture(scope="module")
def resnet() -> Any:
    torch.manual_seed(3)
    return models.resnet18()


@pytest.mark.parametrize(
    "name, whole, classifier",  # of torchvision's documentation, and 1000 classes
    [("densenet121", 7_978_856, 1025 * 1000), ("resnet101", 44_549_160, 2049 * 1000)],
)
def test_encoders_have_the_parameters_of_the_source(name: str, whole: int, classifier: int) -> None:
    net = EncoderUNet(name, 3, 2)
    assert parameters(net.net.encoder) == whole - classifier
    (stains,) = net.eval()(torch.randn(1, 3, 32, 64))
    assert stains.shape == (1, 2, 32, 64) and 0 <= stains.min() and stains.max() <= 1


@pytest.mark.parametrize(
    "name, n_in, depth", [("efficientnet-b0", 1, 5), ("mit_b0", 2, 4), ("tu-mobilenetv3_small_100", 5, 3)]
)
def test_encoders_of_other_kinds_keep_the_size(name: str, n_in: int, depth: int) -> None:
    config = labelling.config_from(network="encoder", encoder=name, n_channel_in=n_in, depth=depth, dropout=0.1)
    net = labelling.build(config).eval()
    (stains,) = net(torch.randn(1, n_in, 64, 96))
    assert stains.shape == (1, 1, 64, 96)


@pytest.mark.parametrize("channels", [1, 2, 3, 13])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_encoder_starts_from_the_weights_of_a_file(channels: int, suffix: str, resnet: Any, tmp_path: Path) -> None:
    file = tmp_path / f"weights{suffix}"
    state = resnet.state_dict()
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    config = labelling.config_from(network="encoder", encoder="resnet18", n_channel_in=channels)
    net = labelling.build(config)
    labelling.begin(net, config, Settings(encoder_weights=str(file)))
    grey = torch.rand(1, 1, 64, 64)
    resnet.eval()
    x = resnet.layer1(resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(grey.expand(-1, 3, -1, -1))))))
    found = net.net.encoder.eval()(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found[2], x)  # the answer to a grey photograph
    torch.testing.assert_close(found[-1], resnet.layer4(resnet.layer3(resnet.layer2(x))))


def test_older_names_and_those_of_timm_are_understood() -> None:
    timm = pytest.importorskip("timm")
    net = EncoderUNet("densenet121", 3).net.encoder
    older = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in net.state_dict().items()
    }
    assert set(older) != set(net.state_dict())
    assert set(pretrained.fitted(older, net, "encoder_weights", "densenet121")) == set(net.state_dict())
    small = EncoderUNet("tu-mobilenetv3_small_100", 3, depth=5).net.encoder
    theirs = timm.create_model("mobilenetv3_small_100").state_dict()
    fitted = pretrained.fitted(theirs, small, "encoder_weights", "tu-mobilenetv3_small_100")
    assert torch.equal(fitted["model.conv_stem.weight"], theirs["conv_stem.weight"])


def test_a_wrong_file_is_refused(resnet: Any, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "harm",))

    config = labelling.config_from(network="encoder", encoder="resnet18")
    net = labelling.build(config)
    kept = {key: value.clone() for key, value in net.state_dict().items()}
    torch.save(models.resnet34().state_dict(), tmp_path / "deeper.pth")
    torch.save(Harmful(), tmp_path / "harmful.pth")
    torch.save(resnet.state_dict() | {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}, tmp_path / "odd.pth")
    for name, message in [
        ("absent.pth", "is no file.*resnet18-[0-9a-f]+.pth"),
        ("deeper.pth", "another network than resnet18"),
        ("harmful.pth", "read safely"),
        ("odd.pth", r"layer1_0_conv1_weight has the shape \(64, 64, 1, 1\), expected \(64, 64, 3, 3\)"),
    ]:
        with pytest.raises(BadInput, match=message):
            labelling.begin(net, config, Settings(encoder_weights=str(tmp_path / name)))
    assert not (tmp_path / "harm").exists()
    assert all(torch.equal(value, kept[key]) for key, value in net.state_dict().items())
    with pytest.raises(BadInput, match="network=encoder"):
        labelling.begin(net, labelling.config_from(), Settings(encoder_weights="x.pth"))


def test_what_cannot_be_built_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("densenet1210", "tu-no_such_network"):
        with pytest.raises(BadInput, match="densenet121"):
            EncoderUNet(name)
    whole = builtins.__import__

    def without(name: str, *more: Any, **keys: Any) -> Any:
        if name == "segmentation_models_pytorch":
            raise ImportError(name)
        return whole(name, *more, **keys)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadInput, match=r"talanoa\[encoders\]"):
        EncoderUNet("densenet121")


def test_a_tile_with_its_halo_gives_nearly_what_the_whole_image_gives() -> None:
    torch.manual_seed(0)
    config = labelling.config_from(network="encoder", encoder="resnet18")
    net = labelling.build(config)
    drawn = [tiny.discs(number, size=64, count=2) for number in range(6)]
    images, truth = (np.stack(each).astype(np.float32)[:, None] for each in zip(*drawn, strict=True))
    mean, sd = images.mean(), images.std()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(15):
        (made,) = net(torch.from_numpy((images - mean) / sd))
        optimizer.zero_grad()
        (made - torch.from_numpy(truth > 0).float()).square().mean().backward()
        optimizer.step()
    net.eval()
    large = torch.from_numpy((tiny.discs(9, size=512, count=60)[0].astype(np.float32) - mean) / sd)[None, None]
    halo, core = config.halo[0], slice(224, 288)
    with torch.no_grad():
        whole = net(large)[0][0, 0, core, core]
        read = slice(core.start - halo, core.stop + halo)
        tile = net(large[..., read, read])[0][0, 0, halo:-halo, halo:-halo]
    assert whole.std() > 0.1  # it has learned to tell them apart
    assert (tile - whole).abs().max() < 2e-3  # of 1; the whole image sees beyond the halo
