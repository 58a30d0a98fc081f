"""In silico labelling: fluorescence predicted from transmitted light (Christiansen 2018, LaChance & Cohen 2020).

Sources of the networks and their defaults: H. Pankova 2022 (`unet`, `pix2pix`), M. Philbert 2020 (`encoder`).
Christiansen et al. 2018, doi:10.1016/j.cell.2018.03.040; LaChance & Cohen 2020, doi:10.1371/journal.pcbi.1008443.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from talanoa.methods.validation import validated
from talanoa.nets.reach import unet_radii

if TYPE_CHECKING:
    import torch

PIX2PIX_REACH = 3  # pixels of its own resolution that a 4 x 4 convolution looks at, going down and up


class LabellingConfig(BaseModel):
    """Everything that defines the network of in silico labelling.

    Parameters
    ----------
    n_channel_in, n_channel_out : int
        Input channels (each focal plane counts as one), stains.
    network : "unet" or "pix2pix"
        Which network.
    filters, depth : int
        Channels of the first level (16; 64 in the wide variant), poolings.
    dropout : float
        Share of features that are dropped while it learns.
    loss : dict of str to float
        Losses by name and weight, see `talanoa.image_losses.combined`.
    pad_mode : str
        How the far sides are padded to a multiple, "reflect" (without repeating the edge) or "symmetric".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ndim: ClassVar[int] = 2

    n_channel_in: int = Field(1, ge=1)
    n_channel_out: int = Field(1, ge=1)
    network: Literal["unet", "pix2pix"] = "unet"
    filters: int = Field(16, ge=1)
    depth: int = Field(4, ge=1, le=9)
    dropout: float = Field(0.0, ge=0, lt=1)
    loss: dict[str, float] = Field(default_factory=lambda: {"mse": 1.0})
    pad_mode: Literal["symmetric", "reflect"] = "reflect"

    @field_validator("loss")
    @classmethod
    def _losses_are_known(cls, weights: dict[str, float]) -> dict[str, float]:
        from talanoa.errors import BadInput
        from talanoa.image_losses import names

        try:
            names.check(weights)
        except BadInput as problem:
            raise ValueError(str(problem)) from problem
        return weights

    @property
    def grid(self) -> tuple[int, ...]:
        """Output spacing in pixels: each pixel has its own."""
        return (1, 1)

    @property
    def multiple(self) -> tuple[int, ...]:
        """Input sides must be multiples of this, (y, x)."""
        return (2**self.depth,) * 2

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a place that can influence its output, (y, x)."""
        if self.network == "pix2pix":
            return (PIX2PIX_REACH * 2**self.depth,) * 2
        return unet_radii(self.depth, 3, 2)


def build(config: LabellingConfig) -> torch.nn.Module:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    if config.network == "pix2pix":
        from talanoa.nets.pix2pix import Generator

        return Generator(config.n_channel_in, config.n_channel_out, config.filters, config.depth, config.dropout)
    from talanoa.nets.labelling_unet import LabellingUNet

    return LabellingUNet(config.n_channel_in, config.n_channel_out, config.filters, config.depth, config.dropout)


def loss(
    outputs: tuple[torch.Tensor, ...], answers: tuple[torch.Tensor, ...], config: LabellingConfig
) -> dict[str, torch.Tensor]:
    """Return the weighted sum of losses as ``loss``, and each of them by its name.

    Parameters
    ----------
    outputs, answers : (Tensor,), (n, stains, y, x)
        Predicted and true stains, 0 to 1.
    """
    from talanoa.image_losses import combined

    return combined.weighted(config.loss, outputs[0], answers[0])


def config_from(**keys: Any) -> LabellingConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(LabellingConfig, keys, "In silico labelling")
