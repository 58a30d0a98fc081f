"""Networks that the perceptual loss looks through: of torchvision, from a file, or one that learns here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from talanoa.core.errors import BadInput
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.models.networks import pretrained
from talanoa.models.networks.labelling_unet import he_normal

RESOLUTIONS = 4  # of which features are compared: for vgg16 relu1_2, 2_2, 3_3 and 4_3
_MEAN, _SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the photographs that torchvision's networks learned from
_ENDS = ("avgpool", "dropout", "fc", "classifier", "heads", "head", "AuxLogits", "aux1", "aux2")  # of a classifier
_PROBED = 64  # pixels a side of the image that shows where a network halves
OWN_WIDTHS, OWN_STEPS, OWN_NOISE = (16, 32, 64), 200, 0.2


class Torchvision(nn.Module):
    """The layers of a network of torchvision up to its fourth resolution; it does not learn.

    Parameters
    ----------
    model : Module
        With its weights.
    name : str
        As torchvision calls it, for messages.

    Raises
    ------
    BadInput
        Its layers do not follow one another.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        super().__init__()
        stages = _stages(model, name)
        self.stages = nn.ModuleList(nn.Sequential(*layers) for layers in stages[:RESOLUTIONS])
        self.scaled = _Scaled()
        self.requires_grad_(False).eval()

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of grey images (n, 1, y, x), values 0 to 1, at each resolution."""
        x = self.scaled(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    def train(self, mode: bool = True) -> Torchvision:
        """Stay as it is: normalisations keep the statistics of the photographs."""
        return super().train(False)


class _Scaled(nn.Module):
    """Grey images as the photographs were scaled, in three channels."""

    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("sd", torch.tensor(_SD)[:, None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.sd


def of_torchvision(name: str, file: str | None) -> Torchvision:
    """Return a backbone of torchvision with the weights of a file.

    Parameters
    ----------
    name : str
        As torchvision calls it: vgg16, resnet50, densenet121, ….
    file : str or None
        ``.pth`` or ``.safetensors``; its classifier is not needed.

    Raises
    ------
    BadInput
        torchvision is not installed or has no such network; there is no file, or it is of another network; the
        network's layers do not follow one another.
    """
    try:
        from torchvision import models
    except ImportError as problem:
        raise pretrained.missing_package(f"loss_backbone={name}", "torchvision") from problem
    known = models.list_models(module=models)
    if name not in known:
        raise BadInput(f"loss_backbone={name!r} is unknown; expected own, or one of torchvision: {', '.join(known)}.")
    if file is None:
        raise BadInput(
            f"loss_backbone={name} needs its weights (backbone_weights). {pretrained.where_from(name)} Or set "
            "loss_backbone=own, which needs none."
        )
    found = pretrained.read(file, "backbone_weights", name)
    model = models.get_model(name, weights=None)
    for end in _ENDS:
        if hasattr(model, end):
            setattr(model, end, nn.Identity())
    model.load_state_dict(pretrained.fitted(found, model, "backbone_weights", name))
    return Torchvision(model, name)


def _stages(model: nn.Module, name: str) -> list[list[nn.Module]]:
    """Return a network's layers by resolution, found with an image that goes through them."""
    layers = [layer for key, layer in (getattr(model, "features", model)).named_children() if key not in _ENDS]
    stages: list[list[nn.Module]] = []
    x, side = torch.zeros(1, 3, _PROBED, _PROBED), 0
    model.eval()
    try:
        with torch.no_grad():
            for layer in layers:
                x = layer(x)
                if x.shape[2] != side:
                    stages.append([])
                    side = x.shape[2]
                stages[-1].append(layer)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError) as problem:
        raise BadInput(
            f"loss_backbone={name}: its layers do not follow one another ({problem}). Take vgg16, resnet50 or "
            "densenet121."
        ) from problem
    return stages


class Own(nn.Module):
    """An encoder of three resolutions that learns from the targets of a training, see `learn`."""

    def __init__(self) -> None:
        super().__init__()
        ends = zip((1, *OWN_WIDTHS[:-1]), OWN_WIDTHS, strict=True)
        self.stages = nn.ModuleList(_pair(a, b) for a, b in ends)
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of images (n, 1, y, x) at each resolution."""
        features = []
        for number, stage in enumerate(self.stages):
            x = stage(functional.avg_pool2d(x, 2) if number else x)
            features.append(x)
        return features


def learn(backbone: Own, draw: Callable[[int], torch.Tensor], seed: int, host: Host) -> float:
    """Let a backbone learn what the stains look like, by taking noise out of them.

    Parameters
    ----------
    backbone : Own
        Changed in place.
    draw : function (number) -> Tensor (n, stains, y, x)
        Targets of the training, 0 to 1.
    seed : int
        Of its weights and of the noise.
    host : Host
        Progress and cancelling.

    Returns
    -------
    float
        Mean squared error of the last images.

    Notes
    -----
    A denoising autoencoder (Vincent et al. 2008, doi:10.1145/1390156.1390294): `OWN_STEPS` steps of Adam on images with
    Gaussian noise and a quarter of their pixels set to 0. No other network's weights are needed; that what a network
    sees makes a loss without these, too, show Liu et al. 2021, arXiv:2103.10571.
    """
    device = next(backbone.parameters()).device
    torch.manual_seed(seed)
    backbone.load_state_dict(Own().state_dict())
    decoder = _Decoder().to(device)
    loss = torch.zeros(())
    backbone.requires_grad_(True)
    optimizer = torch.optim.Adam([*backbone.parameters(), *decoder.parameters()], lr=1e-3)
    for step in range(OWN_STEPS):
        stop_if_cancelled(host)
        clean = draw(step).to(device).flatten(0, 1)[:, None]
        kept = torch.rand_like(clean) >= 0.25
        noisy = (clean + OWN_NOISE * torch.randn_like(clean)) * kept
        loss = (decoder(backbone(noisy)) - clean).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        host.progress(step + 1, OWN_STEPS, "Learning what the stains look like")
    backbone.requires_grad_(False)
    return float(loss.detach())


class _Decoder(nn.Module):
    """Images from the features of `Own`, coarse to fine; without skips the deepest ones would learn nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in OWN_WIDTHS)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        image = self.out[-1](features[-1])
        for feature, out in zip(reversed(features[:-1]), reversed(self.out[:-1]), strict=True):
            image = functional.interpolate(image, size=feature.shape[-2:], mode="bilinear") + out(feature)
        return image


def _pair(n_in: int, n_out: int) -> nn.Sequential:
    """Return two convolutions with their activations."""
    layers = nn.Conv2d(n_in, n_out, 3, padding=1), nn.Conv2d(n_out, n_out, 3, padding=1)
    for each in layers:
        he_normal(each)
    return nn.Sequential(layers[0], nn.ELU(), layers[1], nn.ELU())
