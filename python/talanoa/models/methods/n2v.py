"""Noise2Void (Krull et al. 2019, doi:10.1109/CVPR.2019.00223): denoising learned from the noisy images alone.

Some pixels of each patch get a value from nearby, and the network has to say what was there: it cannot know the noise
of a pixel that it does not see, so that it answers with the expected signal. N2V2 (Höck et al. 2022,
doi:10.48550/arXiv.2211.08512) changes poolings and the first skip connection against checkerboards; structN2V (Broaddus
et al. 2020, doi:10.1109/ISBIWorkshops50223.2020.9153336) hides the neighbours that share the noise along a line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from talanoa.models.methods.config import validated
from talanoa.models.methods.image_to_image import ImageConfig
from talanoa.models.networks.receptive_field import unet_radii

if TYPE_CHECKING:
    import torch

    from talanoa.models.networks.care_unet import CareNet, SeparateNets


class N2VConfig(ImageConfig):
    """Everything that defines network and masks of Noise2Void for planes; defaults are those of the original.

    But for the side of the convolutions, 3 instead of 5, and the squared error: as in the paper and its notebooks.

    Parameters
    ----------
    masked_percent : float
        Share of the pixels that are masked in each patch, in percent.
    radius : int
        How far away, along each axis, the values come from that masked pixels get.
    manipulator : "uniform_withCP" or "median"
        A masked pixel gets the value of a pixel drawn from its neighbourhood (which may be itself), or the median of
        its neighbours.
    struct_axis : "none", "horizontal" or "vertical"
        Along which axis, x or y, the noise is correlated; what lies along it around a masked pixel is hidden, too.
    struct_radius : int
        How many pixels on each side.
    blur_pool, no_first_skip : bool
        What N2V2 changes in the network; it goes with the median.
    narrow_decoder : bool
        Fewer channels in the decoder, as in models of `n2v` 0.3 without N2V2.
    separate_channels : bool
        A network for each channel, which sees no other one: for noise that channels share.
    others
        See `ImageConfig`.
    """

    batch_norm: bool = True
    residual: bool | None = False
    loss: Literal["mae", "mse"] = "mse"
    masked_percent: float = Field(1.5, gt=0, le=50)
    radius: int = Field(5, ge=1, le=20)
    manipulator: Literal["uniform_withCP", "median"] = "uniform_withCP"
    struct_axis: Literal["none", "horizontal", "vertical"] = "none"
    struct_radius: int = Field(5, ge=1, le=50)
    blur_pool: bool = False
    no_first_skip: bool = False
    narrow_decoder: bool = False
    separate_channels: bool = False

    @model_validator(mode="before")
    @classmethod
    def _what_comes_in_goes_out(cls, keys: Any) -> Any:
        channels = keys.get("n_channel_in", 1)
        if keys.get("n_channel_out", channels) != channels:
            raise ValueError(
                f"Noise2Void answers with the channels that it gets: found n_channel_in={channels}, "
                f"n_channel_out={keys['n_channel_out']}"
            )
        return {**keys, "n_channel_out": channels}

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a place that can influence its output, ([z], y, x)."""
        return unet_radii(self.unet_n_depth, self.unet_kernel_size, self.ndim, self.blur_pool)


class N2V3DConfig(N2VConfig):
    """The same for volumes, axes z, y, x."""

    ndim: ClassVar[int] = 3


def build(config: N2VConfig) -> CareNet | SeparateNets:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    from talanoa.models.networks.care_unet import CareNet, SeparateNets
    from talanoa.models.networks.unet import start_as_torch

    def net(n_in: int, n_out: int) -> CareNet:
        """Return a network of so many channels."""
        levels = (config.unet_n_filter_base, config.unet_n_depth, config.unet_kernel_size, config.ndim)
        made = CareNet(
            n_in,
            n_out,
            *levels,
            bool(config.residual),
            batch_norm=config.batch_norm,
            blur_pool=config.blur_pool,
            no_first_skip=config.no_first_skip,
            narrow_decoder=config.narrow_decoder,
        )
        if config.batch_norm:
            start_as_torch(made)
        return made

    if config.separate_channels and config.n_channel_in > 1:
        return SeparateNets(*(net(1, 1) for _ in range(config.n_channel_in)))
    return net(config.n_channel_in, config.n_channel_out)


def loss(
    outputs: tuple[torch.Tensor, ...], answers: tuple[torch.Tensor, ...], config: N2VConfig
) -> dict[str, torch.Tensor]:
    """Return the loss of a batch.

    Parameters
    ----------
    outputs : (Tensor,), (n, channels, space…)
        What the network made of the masked patches.
    answers : (Tensor, Tensor)
        The patches before the masking, and the mask: 1 where a pixel was masked. Other pixels do not count.
    """
    from talanoa.models.losses import basic

    return {"loss": basic.IMAGE[config.loss](outputs[0], answers[0], answers[1])}


def config_from(**keys: Any) -> N2VConfig:
    """Return a validated configuration for planes; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(N2VConfig, keys, "Noise2Void")


def config_from_3d(**keys: Any) -> N2V3DConfig:
    """Return a validated configuration for volumes; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(N2V3DConfig, keys, "Noise2Void")
