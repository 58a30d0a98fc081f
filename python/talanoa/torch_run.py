"""A network run by torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa import devices
from talanoa.backends import Maps, Window


class TorchRunner:
    """Runs a network on a device in full precision, in the memory layout that its convolutions like.

    Parameters
    ----------
    net : Module
        Gives logits, distances and, with classes, their logits. It is moved to the device.
    device : str or torch.device
        Where to run.
    """

    def __init__(self, net: torch.nn.Module, device: str | torch.device = "cpu") -> None:
        self.torch_device = torch.device(device)
        axes = max((each.dim() - 2 for each in net.parameters()), default=2)
        self.layout = devices.layout(axes)
        self.net = net.to(device=self.torch_device, memory_format=self.layout).eval()  # type: ignore[call-overload]

    @property
    def backend(self) -> str:
        """Software and version."""
        return f"torch {torch.__version__}"

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self.torch_device)

    def __call__(self, part: NDArray[np.float32], window: Window, last: bool = False) -> Maps:
        """Return the maps of a normalised image (channels, space…) in a window of the grid."""
        part = np.ascontiguousarray(part)
        with torch.inference_mode():
            image = torch.from_numpy(part)[None].to(self.torch_device, memory_format=self.layout)
            logit, dist, *classes = self.net(image)
            inside = (slice(None), *window)
            prob = torch.sigmoid(logit[0, 0][window].float())
            likely = [torch.softmax(one[0][inside].float(), 0).cpu().numpy() for one in classes]
            return Maps(prob.cpu().numpy(), dist[0][inside].float().cpu().numpy(), *likely)
