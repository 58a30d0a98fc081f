"""What methods share whose network answers an image with an image of the same size, in 2D and 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from talanoa.models.networks.receptive_field import unet_radii

if TYPE_CHECKING:
    import torch


def odd_side(side: int, info: ValidationInfo) -> int:
    """Refuse an even side of a convolution."""
    if side % 2 == 0:
        raise ValueError(f"{info.field_name} must be odd, not {side}")
    return side


class ImageConfig(BaseModel):
    """What defines the network of such a method.

    Parameters
    ----------
    n_channel_in, n_channel_out : int
        Channels of the image and of the answer.
    unet_n_depth, unet_n_filter_base, unet_kernel_size : int
        Poolings, channels of the first level, side of the convolutions.
    batch_norm : bool
        Batch normalisation after each convolution.
    residual : bool
        The network answers with what is to be added to the image; None: where there are as many channels in as out.
    loss : "mae" or "mse"
        What is minimised: the mean absolute or the mean squared error.
    pad_mode : str
        How the far sides are padded to a multiple, "reflect" (without repeating the edge) or "symmetric".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ndim: ClassVar[int] = 2
    projects: ClassVar[bool] = False  # a stack becomes a plane; its slices come as channels
    isotropic: ClassVar[bool] = False  # a stack is stretched along z and restored in planes (z, x) and (z, y)
    directed: ClassVar[bool] = False  # what is learned holds along one axis: patches are not turned by 90 degrees

    n_channel_in: int = Field(1, ge=1)
    n_channel_out: int = Field(1, ge=1)
    unet_n_depth: int = Field(2, ge=1, le=6)
    unet_kernel_size: int = Field(3, ge=1)
    unet_n_filter_base: int = Field(32, ge=1)
    batch_norm: bool = False
    residual: bool | None = None
    loss: Literal["mae", "mse"] = "mae"
    pad_mode: Literal["symmetric", "reflect"] = "reflect"

    _kernel_is_odd = field_validator("unet_kernel_size")(odd_side)

    @model_validator(mode="after")
    def _channels_of_a_residual_agree(self) -> Self:
        same = self.n_channel_in == self.n_channel_out
        if self.residual is None:
            object.__setattr__(self, "residual", same)  # the record says what was built
        elif self.residual and not same:
            raise ValueError(
                f"residual needs as many channels out as in, found {self.n_channel_in} in, {self.n_channel_out} out"
            )
        return self

    @property
    def grid(self) -> tuple[int, ...]:
        """Output spacing in pixels: each pixel has its own."""
        return (1,) * self.ndim

    @property
    def multiple(self) -> tuple[int, ...]:
        """Input sides must be multiples of this, ([z], y, x)."""
        return (2**self.unet_n_depth,) * self.ndim

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a place that can influence its output, ([z], y, x)."""
        return unet_radii(self.unet_n_depth, self.unet_kernel_size, self.ndim)


def maps(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return the maps of a network that answers with images: its outputs as they are."""
    return outputs


def no_thresholds() -> dict[str, float]:
    """Return the thresholds of a method that decides nothing."""
    return {}
