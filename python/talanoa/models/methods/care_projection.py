"""CARE that makes a plane of a stack (Weigert et al. 2018, doi:10.1038/s41592-018-0216-7, the fly wing).

A small network for volumes says how much each voxel counts; what lies above each other is summed up with these weights,
and the network of CARE for planes restores the sum. To both the slices of a stack come as channels: all slices of the
first channel, then all of the second. Tiles, patches and turns are those of planes; a stack is never cut along z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from talanoa.models.methods import care
from talanoa.models.methods.care import CareConfig, loss
from talanoa.models.methods.config import validated
from talanoa.models.methods.image_to_image import odd_side
from talanoa.models.networks.receptive_field import receptive_radii, unet_radii

if TYPE_CHECKING:
    from talanoa.models.networks.projection import ProjectionNet

__all__ = ["ProjectionConfig", "build", "config_from", "loss"]


class ProjectionConfig(CareConfig):
    """Everything that defines both networks; defaults are those of the original.

    Parameters
    ----------
    proj_n_depth, proj_n_filter, proj_n_conv, proj_kernel_size : int
        Of the network for volumes: poolings (along y and x), channels, convolutions of each level and their side.
    others
        Of the network for planes, see `CareConfig`.
    """

    projects: ClassVar[bool] = True

    proj_n_depth: int = Field(4, ge=1, le=6)
    proj_n_filter: int = Field(8, ge=1)
    proj_n_conv: int = Field(1, ge=1, le=4)
    proj_kernel_size: int = Field(3, ge=1)

    _proj_kernel_is_odd = field_validator("proj_kernel_size")(odd_side)

    @property
    def multiple(self) -> tuple[int, ...]:
        """Input sides must be multiples of this, (y, x)."""
        return (2 ** max(self.proj_n_depth, self.unet_n_depth),) * 2

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a place that can influence its output, (y, x): of one network after the other."""
        first = receptive_radii((1, 1), self.proj_n_depth, self.proj_kernel_size, n_conv=self.proj_n_conv)
        second = unet_radii(self.unet_n_depth, self.unet_kernel_size, 2)
        return tuple(one + other for one, other in zip(first, second, strict=True))


def build(config: ProjectionConfig) -> ProjectionNet:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    from talanoa.models.networks.projection import ProjectionNet, Surface

    surface = Surface(
        config.n_channel_in, config.proj_n_filter, config.proj_n_depth, config.proj_kernel_size, config.proj_n_conv
    )
    return ProjectionNet(surface, care.build(config))


def config_from(**keys: Any) -> ProjectionConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(ProjectionConfig, keys, "CARE with a projection")
