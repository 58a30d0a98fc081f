"""What a generative adversarial network adds to a training step: the discriminator learns, and judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from talanoa.models.losses import adversarial as losses
from talanoa.training import optimizers
from talanoa.training.settings import Settings


class Adversary:
    """A discriminator that learns along with the network whose images it judges.

    Parameters
    ----------
    net : Module
        Takes input and stains, answers with logits.
    settings : Settings
        Its optimiser is of the same kind as the network's own.
    """

    def __init__(self, net: torch.nn.Module, settings: Settings) -> None:
        self.net = net
        self.optimizer = optimizers.of(net, settings, adversarial=True)

    def judge(
        self, given: torch.Tensor, made: torch.Tensor, true: torch.Tensor, lr: float, half: bool
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Do one step of gradient descent, then judge.

        Parameters
        ----------
        given : Tensor, (n, channels, y, x)
            Input of the network.
        made, true : Tensor, (n, stains, y, x)
            What it made of it, and the truth.
        lr : float
            Learning rate of the step.
        half : bool
            Convolutions in bfloat16.

        Returns
        -------
        loss : Tensor
            The network's loss, see `talanoa.models.losses.adversarial.of_generator`.
        curves : dict of str to float
            Both losses, by the names of their columns.
        """
        self.net.train().requires_grad_(True)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        own = losses.of_discriminator(self._logits(given, true, half), self._logits(given, made.detach(), half))
        self.optimizer.zero_grad(set_to_none=True)
        own.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.net.requires_grad_(False)  # what follows is the other's lesson
        loss = losses.of_generator(self._logits(given, made, half))
        return loss, {"adversarial": float(loss.detach()), "discriminator": float(own.detach())}

    def _logits(self, given: torch.Tensor, stains: torch.Tensor, half: bool) -> torch.Tensor:
        with torch.autocast(given.device.type, dtype=torch.bfloat16, enabled=half):
            judged: torch.Tensor = self.net(given, stains)
        return judged.float()

    def state_dict(self) -> dict[str, Any]:
        """Return weights and the optimiser's state."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take weights and the optimiser's state."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
