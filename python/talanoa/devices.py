"""Which device a network runs on."""

from __future__ import annotations

import torch

from talanoa.errors import BadInput


def choose(name: str = "auto") -> torch.device:
    """Return the device asked for; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    BadInput
        The device does not exist here. There is no silent fallback.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "mps" if available["mps"] else "cpu")
    if not available.get(name, False):
        usable = ", ".join(device for device, there in available.items() if there)
        raise BadInput(f"Device {name!r} is not available here; available: {usable}. Choose one of them, or auto.")
    return torch.device(name)


def layout(ndim: int) -> torch.memory_format:
    """Return the memory layout that convolutions like, for 2 or 3 spatial axes."""
    return torch.channels_last if ndim == 2 else torch.channels_last_3d
