"""Which device a network runs on. Torch, which takes seconds to load, is asked only where there may be a GPU."""

from __future__ import annotations

import platform
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from talanoa.core.errors import BadInput

if TYPE_CHECKING:
    import torch

Net = TypeVar("Net", bound="torch.nn.Module")
GPU_FILES = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, Linux inside Windows


def may_have_gpu() -> bool:
    """Tell whether torch might find a GPU here: a driver is there. False is certain, True is not."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return find_library("nvcuda") is not None
    return sys.platform != "linux" or any(Path(file).exists() for file in GPU_FILES)


def resolve(name: str = "auto") -> str:
    """Return the device asked for as text, such as "cpu" or "cuda"; see `choose`."""
    if name == "cpu" or (name == "auto" and not may_have_gpu()):
        return "cpu"
    return str(choose(name))


def choose(name: str = "auto") -> torch.device:
    """Return the device asked for; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    BadInput
        The device does not exist here. There is no silent fallback.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "mps" if available["mps"] else "cpu")
    if not available.get(name, False):
        usable = ", ".join(device for device, there in available.items() if there)
        raise BadInput(f"Device {name!r} is not available here; available: {usable}. Choose one of them, or auto.")
    return torch.device(name)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has instructions for bfloat16: newer NVIDIA GPUs, and processors with AVX-512 BF16 or AMX.

    Others would emulate it, slower than single precision.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.11 cannot say
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def placed(net: Net, device: str | torch.device) -> Net:
    """Return a network on a device, each of its convolutions in the layout that it likes."""
    moved: Net = net.to(device)
    for weights in moved.parameters():
        if weights.dim() in (4, 5):
            weights.data = weights.data.contiguous(memory_format=layout(weights.dim() - 2))
    return moved


def layout(ndim: int) -> torch.memory_format:
    """Return the memory layout that convolutions like, for 2 or 3 spatial axes."""
    import torch

    return torch.channels_last if ndim == 2 else torch.channels_last_3d
