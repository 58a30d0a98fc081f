"""The two losses of a conditional generative adversarial network."""

from __future__ import annotations

import torch
from torch.nn import functional


def of_generator(judged: torch.Tensor) -> torch.Tensor:
    """Return the non-saturating loss of a generator: how far its images are from being taken for true ones.

    Parameters
    ----------
    judged : Tensor, any shape
        Logits of the discriminator for made images.

    Notes
    -----
    ``mean(-log sigmoid(D(made)))`` (Goodfellow et al. 2014, arXiv:1406.2661).
    """
    return functional.softplus(-judged).mean()


def of_discriminator(true: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Return the loss of a discriminator, half the cross-entropy of true and made images.

    Parameters
    ----------
    true, made : Tensor, any shape
        Its logits for both.

    Notes
    -----
    Halved as in pix2pix (Isola et al. 2017, doi:10.1109/CVPR.2017.632), so that it learns more slowly than the
    generator.
    """
    return 0.5 * (functional.softplus(-true).mean() + functional.softplus(made).mean())
