"""In silico labelling: fluorescence predicted from transmitted light (Christiansen 2018, LaChance & Cohen 2020).

Sources of the networks and their defaults: H. Pankova 2022 (`unet`, `pix2pix`), M. Philbert 2020 (`encoder`).
Christiansen et al. 2018, doi:10.1016/j.cell.2018.03.040; LaChance & Cohen 2020, doi:10.1371/journal.pcbi.1008443.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.models.methods.config import Losses, validated
from talanoa.models.networks.receptive_field import pix2pix_radius, unet_radii

if TYPE_CHECKING:
    import torch


DEPTHS = {"unet": 4, "projection": 4, "encoder": 5, "pix2pix": 6}
MOST_HALO = 192  # pixels: what lies further away hardly matters, and tiles could not hold it
OWN = "own"  # the backbone that a training makes of its own targets


class Start(Protocol):
    """What a training says of the weights that a network starts from, or looks through."""

    @property
    def encoder_weights(self) -> str | None:
        """A file."""

    @property
    def backbone_weights(self) -> str | None:
        """A file."""

    @property
    def seed(self) -> int:
        """Of everything that is drawn."""


class LabellingConfig(BaseModel):
    """Everything that defines the network of in silico labelling.

    Parameters
    ----------
    n_channel_in, n_channel_out : int
        Input channels (each focal plane counts as one), stains.
    network : "unet", "encoder", "projection" or "pix2pix"
        U-Net of LaChance & Cohen; U-Net with an encoder that was made for photographs; U-Net that convolves focal
        planes as a volume; generator of a generative adversarial network.
    filters, depth : int
        Channels of the first level (16; 64 in the wide variant; an encoder has its own), halvings. A depth left out is
        4, of an encoder 5, of pix2pix 6.
    planes : int
        Focal planes that follow one another in the input channels, convolved along z (`projection`; left out: all
        input channels are planes of one light). Else 1.
    encoder : str
        Encoder (`encoder`) by its name in segmentation-models-pytorch, such as densenet121 or resnet101.
    dropout : float
        Share of features that are dropped while it learns.
    loss : dict of str to float
        Losses by name and weight, see `talanoa.models.losses.combined`. Left out: mse; of pix2pix 100 mae, to which the
        discriminator's judgement is added with weight 1 (Isola et al. 2017, doi:10.1109/CVPR.2017.632).
    backbone : str
        What the loss `perceptual` looks through: a network of torchvision by its name there, such as vgg16, whose
        weights `backbone_weights` of the settings names, or "own": an encoder that the training makes of its own
        targets.
    discriminator_filters : int
        Channels of the discriminator's first level (pix2pix).
    pad_mode : str
        How the far sides are padded to a multiple, "reflect" (without repeating the edge) or "symmetric".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ndim: ClassVar[int] = 2
    projects: ClassVar[bool] = False  # focal planes come as channels, not as slices of a stack that is cut in z
    batch_norm: ClassVar[bool] = True  # in each of the networks

    n_channel_in: int = Field(1, ge=1)
    n_channel_out: int = Field(1, ge=1)
    network: Literal["unet", "encoder", "projection", "pix2pix"] = "unet"
    filters: int = Field(16, ge=1)
    depth: int = Field(4, ge=1, le=9)
    planes: int = Field(1, ge=1)
    encoder: str = "densenet121"
    dropout: float = Field(0.0, ge=0, lt=1)
    loss: Losses = Field(default_factory=lambda: {"mse": 1.0})
    backbone: str = OWN
    discriminator_filters: int = Field(64, ge=1)
    pad_mode: Literal["symmetric", "reflect"] = "reflect"

    @model_validator(mode="before")
    @classmethod
    def _what_is_left_out_follows_from_the_network(cls, keys: Any) -> Any:
        if not isinstance(keys, Mapping):
            return keys
        network = keys.get("network", "unet")
        own: dict[str, Any] = {"depth": DEPTHS.get(network, 4)} if isinstance(network, str) else {}
        if network == "pix2pix":
            own["loss"] = {"mae": 100.0}
        if network == "projection":
            own["planes"] = keys.get("n_channel_in", 1)
        return {**own, **keys}

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.planes > 1 and self.network != "projection":
            raise ValueError(f"planes={self.planes} is for network=projection, found network={self.network}")
        if self.n_channel_in % self.planes:
            raise ValueError(f"planes={self.planes} does not divide the {self.n_channel_in} input channels")
        if self.network == "encoder" and not 3 <= self.depth <= 5:
            raise ValueError(f"depth={self.depth}, but an encoder has 3 to 5 halvings")
        if self.network == "pix2pix" and self.depth < 2:
            raise ValueError(f"depth={self.depth}, but pix2pix has 2 halvings or more")
        return self

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
        """Pixels around a place that are read with it, (y, x).

        All that can influence it, but `MOST_HALO` at most: encoders and deep generators see further, with ever less
        weight (Luo et al. 2016, arXiv:1701.04128). A tile of a U-Net with the encoder resnet18 then differs from the
        whole image by less than 2e-3 of the brightest stain (a test says so).
        """
        if self.network == "encoder":
            return (MOST_HALO,) * 2
        if self.network == "pix2pix":
            return (min(pix2pix_radius(self.depth), MOST_HALO),) * 2
        return unet_radii(self.depth, 3, 2)


def build(config: LabellingConfig) -> torch.nn.Module:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    n_in, n_out, filters = config.n_channel_in, config.n_channel_out, config.filters
    if config.network == "pix2pix":
        from talanoa.models.networks.pix2pix import Generator

        return Generator(n_in, n_out, filters, config.depth, config.dropout)
    if config.network == "encoder":
        from talanoa.models.networks.encoder_unet import EncoderUNet

        return EncoderUNet(config.encoder, n_in, n_out, config.depth, config.dropout)
    if config.network == "projection":
        from talanoa.models.networks.projection_unet import ProjectionUNet

        return ProjectionUNet(n_in, n_out, config.planes, filters, config.depth, config.dropout)
    from talanoa.models.networks.labelling_unet import LabellingUNet

    return LabellingUNet(n_in, n_out, filters, config.depth, config.dropout)


def begin(net: Any, config: LabellingConfig, settings: Start) -> None:
    """Give an encoder the weights of the file that the settings name.

    Raises
    ------
    BadInput
        The network has no such encoder; the file is not there, or of another network.
    """
    if settings.encoder_weights is None:
        return
    if config.network != "encoder":
        raise BadInput(
            f"encoder_weights={settings.encoder_weights} is for network=encoder, found network={config.network}. "
            "Leave it out, or set network=encoder."
        )
    from talanoa.models.networks import pretrained

    pretrained.load_encoder(net.net.encoder, settings.encoder_weights, config.encoder)


def opponent(config: LabellingConfig) -> torch.nn.Module | None:
    """Return the discriminator of pix2pix; the other networks have none."""
    if config.network != "pix2pix":
        return None
    from talanoa.models.networks.pix2pix import PatchDiscriminator

    return PatchDiscriminator(config.n_channel_in, config.n_channel_out, config.discriminator_filters)


def backbone(config: LabellingConfig, settings: Start) -> torch.nn.Module | None:
    """Return what the loss `perceptual` looks through, where it is asked for.

    Raises
    ------
    BadInput
        A file of weights without a backbone that takes them, or the other way round; see
        `talanoa.models.losses.backbones.of_torchvision`.
    """
    if "perceptual" not in config.loss:
        return None
    from talanoa.models.losses import backbones

    file = settings.backbone_weights
    if config.backbone != OWN:
        return backbones.of_torchvision(config.backbone, file)
    if file is not None:
        raise BadInput(
            f"backbone_weights={file}, but loss_backbone={OWN}, which is trained here. Name the network of the file, "
            "such as loss_backbone=vgg16, or leave the file out."
        )
    return backbones.Own()


def acquaint(found: Any, draw: Callable[[int], Any], settings: Start, host: Any) -> None:
    """Let a backbone of the training's own learn from its targets, see `talanoa.models.losses.backbones.learn`."""
    from talanoa.models.losses import backbones

    if isinstance(found, backbones.Own):
        backbones.learn(found, lambda number: draw(2**30 + number)[1][0], settings.seed, host)


def loss(
    outputs: tuple[torch.Tensor, ...],
    answers: tuple[torch.Tensor, ...],
    config: LabellingConfig,
    through: torch.nn.Module | None = None,
) -> dict[str, torch.Tensor]:
    """Return the weighted sum of losses as ``loss``, and each of them by its name.

    Parameters
    ----------
    outputs, answers : (Tensor,), (n, stains, y, x)
        Predicted and true stains, 0 to 1.
    config : LabellingConfig
        Which losses.
    through : Module, optional
        What the loss `perceptual` looks through.
    """
    from talanoa.models.losses import combined, perceptual

    more = {} if through is None else {"perceptual": perceptual.through(through)}
    return combined.weighted(config.loss, outputs[0], answers[0], more)


def config_from(**keys: Any) -> LabellingConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(LabellingConfig, keys, "In silico labelling")
