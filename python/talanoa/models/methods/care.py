"""CARE (Weigert et al. 2018, doi:10.1038/s41592-018-0216-7): a U-Net learns the high-SNR image from the low-SNR one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from talanoa.models.methods.config import validated
from talanoa.models.methods.image_to_image import ImageConfig

if TYPE_CHECKING:
    import torch

    from talanoa.models.networks.care_unet import CareNet


class CareConfig(ImageConfig):
    """Everything that defines the network of CARE for planes; defaults are those of the original.

    Parameters
    ----------
    probabilistic : bool
        The network answers with mean and scale of a Laplace distribution for each pixel; the loss is then its
        negative log-likelihood, whatever `loss` says.
    others
        See `ImageConfig`.
    """

    unet_kernel_size: int = Field(5, ge=1)
    probabilistic: bool = False


class Care3DConfig(CareConfig):
    """The same for volumes, axes z, y, x."""

    ndim: ClassVar[int] = 3
    unet_kernel_size: int = Field(3, ge=1)


def build(config: CareConfig) -> CareNet:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    from talanoa.models.networks.care_unet import CareNet

    return CareNet(
        config.n_channel_in,
        config.n_channel_out,
        config.unet_n_filter_base,
        config.unet_n_depth,
        config.unet_kernel_size,
        config.ndim,
        bool(config.residual),
        config.probabilistic,
        batch_norm=config.batch_norm,
    )


def loss(
    outputs: tuple[torch.Tensor, ...], answers: tuple[torch.Tensor, ...], config: CareConfig
) -> dict[str, torch.Tensor]:
    """Return the loss of a batch.

    Parameters
    ----------
    outputs : (Tensor,) or (Tensor, Tensor), (n, channels, space…)
        Mean and, if probabilistic, scale.
    answers : (Tensor,)
        The target image.
    """
    from talanoa.models.losses import basic

    if config.probabilistic:
        likelihood = basic.laplace(outputs[0], outputs[1], answers[0])
        return {"loss": likelihood, "mae": basic.mae(outputs[0].detach(), answers[0])}
    return {"loss": basic.IMAGE[config.loss](outputs[0], answers[0])}


def config_from(**keys: Any) -> CareConfig:
    """Return a validated configuration for planes; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(CareConfig, keys, "CARE")


def config_from_3d(**keys: Any) -> Care3DConfig:
    """Return a validated configuration for volumes; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(Care3DConfig, keys, "CARE")
