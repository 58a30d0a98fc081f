"""A network run by torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core import devices
from talanoa.models.runtime.types import Pack, Packed, Window


class TorchRunner(Generic[Packed]):
    """Runs a network on a device in full precision, in the memory layout that its convolutions like.

    Parameters
    ----------
    net : Module
        Gives a tuple of tensors. It is moved to the device.
    device : str or torch.device
        Where to run.
    maps : function (tuple of tensors (1, channels, space…)) -> tuple of tensors
        From the network's output to what it means, place by place: `talanoa.models.methods.Method.maps`.
    pack : function (tuple of arrays (channels, space…)) -> result
        The form of the result, see `talanoa.models.runtime.backends.pack_of`.
    """

    def __init__(
        self,
        net: torch.nn.Module,
        device: str | torch.device,
        maps: Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]],
        pack: Pack[Packed],
    ) -> None:
        self.torch_device = torch.device(device)
        self.net = devices.placed(net, self.torch_device).eval()
        self._maps, self._pack = maps, pack

    @property
    def backend(self) -> str:
        """Software and version."""
        return f"torch {torch.__version__}"

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self.torch_device)

    def __call__(self, part: NDArray[np.float32], window: Window, last: bool = False) -> Packed:
        """Return the output for a normalised image (channels, space…) in a window of the grid."""
        part = np.ascontiguousarray(part)
        inside = (slice(None), slice(None), *window)
        with torch.inference_mode():
            image = torch.from_numpy(part)[None].to(self.torch_device, memory_format=devices.layout(part.ndim - 1))
            found = self._maps(tuple(one[inside].float() for one in self.net(image)))
            return self._pack(tuple(one[0].cpu().numpy() for one in found))
