"""U-Net whose encoder was made for photographs, from segmentation-models-pytorch (Philbert 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from talanoa.core.errors import BadInput
from talanoa.models.networks.pretrained import missing_package

WIDTHS = (256, 128, 64, 32, 16)  # channels of the decoder


class EncoderUNet(nn.Module):
    """Stains from transmitted light.

    Parameters
    ----------
    encoder : str
        Name in segmentation-models-pytorch: densenet121, resnet101, …; ``tu-`` and a name of timm.
    n_in, n_out : int
        Input channels, stains.
    depth : int
        Halvings, 3 to 5.
    dropout : float
        Share of the last features that are dropped while it learns.

    Raises
    ------
    BadInput
        There is no such encoder; the package is not installed.
    """

    def __init__(self, encoder: str, n_in: int = 1, n_out: int = 1, depth: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = _unet(encoder, n_in, n_out, depth)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """Map (n, n_in, y, x), sides multiples of 2 ** depth, to stains (n, n_out, y, x) from 0 to 1."""
        x = self.drop(self.net.decoder(self.net.encoder(x)))
        with torch.autocast(x.device.type, enabled=False):
            return (torch.sigmoid(self.net.segmentation_head(x.float())),)


def _unet(encoder: str, n_in: int, n_out: int, depth: int) -> Any:
    try:
        import segmentation_models_pytorch as smp
    except ImportError as problem:
        raise missing_package("network=encoder", "segmentation-models-pytorch") from problem
    known = smp.encoders.get_encoder_names()
    if encoder not in known and not encoder.startswith("tu-"):
        raise BadInput(
            f"encoder={encoder!r} is unknown; expected one of {', '.join(known)}, or tu- and a name of timm, such as "
            "tu-convnext_tiny."
        )
    try:
        return smp.Unet(encoder, depth, None, decoder_channels=WIDTHS[-depth:], in_channels=n_in, classes=n_out)
    except (RuntimeError, ValueError, KeyError, AssertionError) as problem:
        raise BadInput(
            f"encoder={encoder!r} cannot be built with {n_in} input channels and depth={depth} ({problem}). Take "
            "another encoder, such as densenet121 or resnet101."
        ) from problem
