"""CARE that makes a stack isotropic (Weigert et al. 2018, doi:10.1038/s41592-018-0216-7, section "isotropic").

Planes (y, x) are sharp, the same structures seen from the side are not. So planes are made as bad along y as the stack
is along z (`talanoa.image.ops.anisotropy`), and the network for planes learns the way back. Applied to all planes (z,
x) and
(z, y) of the stack stretched along z, it restores what was lost along z.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from talanoa.models.methods.care import CareConfig, build, loss
from talanoa.models.methods.config import validated

__all__ = ["IsotropicConfig", "build", "config_from", "loss"]


class IsotropicConfig(CareConfig):
    """Everything that defines the network and what it was trained for.

    Parameters
    ----------
    anisotropy : float
        How many pixels wide the distance of two slices is.
    axial_sigma : float
        Standard deviation in pixels of the Gaussian that stands for the blur along z.
    others
        See `CareConfig`.
    """

    isotropic: ClassVar[bool] = True
    directed: ClassVar[bool] = True

    anisotropy: float = Field(gt=1, le=100)
    axial_sigma: float = Field(ge=0, le=100)


def config_from(**keys: Any) -> IsotropicConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(IsotropicConfig, keys, "isotropic CARE")
