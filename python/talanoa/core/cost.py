"""What a training or a prediction costs: seconds, memory, energy where it can be read, and money for a price per hour.

Nothing runs meanwhile: counters that the system keeps anyway are read at the beginning, between epochs and at the end.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

POWERCAP = Path("/sys/class/powercap")  # of Linux: energy of the processors since some moment, in microjoules
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_KIB, _MICRO, _MILLI = 1024, 1e-6, 1e-3
NOT_READABLE = "not readable here"
GPU, CPU = "graphics card (NVML)", "processors of the whole machine (RAPL)"


@dataclass
class Counter:
    """A counter of energy that begins again at 0 after its largest value.

    Parameters
    ----------
    file : Path
        What it shows, microjoules as text.
    largest : int
        Its largest value.
    """

    file: Path
    largest: int
    last: int = 0
    joules: float = 0.0

    def start(self) -> None:
        """Begin to count here."""
        self.last = int(self.file.read_text())

    def lap(self) -> None:
        """Add what was used since the last time; called at least once while the counter goes round."""
        now = int(self.file.read_text())
        self.joules += _MICRO * ((now - self.last) % (self.largest + 1))
        self.last = now


def rapl(folder: Path = POWERCAP) -> list[Counter]:
    """Return the counters of the processors' packages that may be read (often only by root); none elsewhere."""
    found = []
    for each in sorted(folder.glob("*:*")) if folder.is_dir() else ():
        try:
            if not (each / "name").read_text().startswith("package"):
                continue  # a part of a package that is counted with it
            counter = Counter(each / "energy_uj", int((each / "max_energy_range_uj").read_text()))
            counter.start()
        except (OSError, ValueError):
            continue
        found.append(counter)
    return found


def gpu_joules(device: str) -> float | None:
    """Return the energy that a graphics card has used since its driver was loaded; None where NVML does not say."""
    if not device.startswith("cuda"):
        return None
    try:
        nvml: Any = importlib.import_module("pynvml")  # comes with the driver's Python packages, or not
    except ImportError:
        return None
    import torch

    try:
        nvml.nvmlInit()
        # by its identity: NVML numbers all cards, torch those that CUDA_VISIBLE_DEVICES names
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        return _MILLI * float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    except nvml.NVMLError:
        return None


@dataclass
class Meter:
    """Measures from its making on.

    Parameters
    ----------
    device : str
        Where the network runs: "cpu", "cuda:0", "mps".
    """

    device: str
    _started: float = field(default_factory=time.perf_counter)
    _counters: list[Counter] = field(default_factory=rapl)
    _gpu: float | None = None

    def __post_init__(self) -> None:
        self._gpu = gpu_joules(self.device)
        _forget_peak()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._started

    def lap(self) -> None:
        """Read the counters before they go round; once in some minutes is enough."""
        try:
            for counter in self._counters:
                counter.lap()
        except (OSError, ValueError):
            self._counters = []

    def record(self) -> dict[str, Any]:
        """Return what was used so far.

        Returns
        -------
        dict
            ``seconds``; ``peak_memory`` (bytes of the process at most, since ``peak_memory_since``), ``gpu_memory``
            (bytes that torch had on the graphics card at most, None without one), ``energy_joules`` (None where it
            cannot be read) and ``energy_of``: of what.
        """
        self.lap()
        peak, since = _peak()
        energy, of = self._energy()
        return {
            "seconds": round(self.seconds, 3),
            "peak_memory": peak,
            "peak_memory_since": since,
            "gpu_memory": _gpu_peak(self.device),
            "energy_joules": None if energy is None else round(energy, 3),
            "energy_of": of,
        }

    def _energy(self) -> tuple[float | None, str]:
        """Return the energy in joules, and of what it is."""
        now, parts, of = gpu_joules(self.device), 0.0, []
        if now is not None and self._gpu is not None:
            parts, of = parts + now - self._gpu, [GPU]
        if self._counters:
            parts, of = parts + sum(each.joules for each in self._counters), [*of, CPU]
        return (parts, " and ".join(of)) if of else (None, NOT_READABLE)


def priced(seconds: float, price: float | None, currency: str) -> dict[str, Any]:
    """Return ``price_per_hour``, ``currency`` and ``cost`` of so many seconds; nothing without a price."""
    if price is None:
        return {}
    return {"price_per_hour": price, "currency": currency, "cost": price * seconds / 3600}


def of_images(meter: Meter, images: int, pixels: int, price: float | None = None, currency: str = "") -> dict[str, Any]:
    """Return the record of a prediction: that of the meter, and for each image (frame).

    Parameters
    ----------
    meter : Meter
        Begun with the prediction.
    images, pixels : int
        Frames, and pixels of all of them.
    price : float or None
        Of an hour of this machine, in `currency`.
    """
    record = meter.record()
    seconds = record["seconds"]
    each = {
        "images": images,
        "seconds_per_image": round(seconds / images, 4),
        "pixels_per_second": round(pixels / seconds),
    }
    return {**record, **each, **priced(seconds, price, currency)}


def lines_of(record: Mapping[str, Any]) -> list[str]:
    """Return the lines of a report on the cost of a training."""
    each = [f"{record['seconds_per_epoch']:.3g} s for an epoch"] if "seconds_per_epoch" in record else []
    if record.get("waiting") is not None:
        each.append(f"{record['waiting']:.1%} of it waiting for data")
    memory = [f"{record['peak_memory'] / 1e9:.2f} GB of memory at most"]
    if record["gpu_memory"] is not None:
        memory.append(f"{record['gpu_memory'] / 1e9:.2f} GB on the graphics card")
    joules = record["energy_joules"]
    energy = f"energy {record['energy_of']}" if joules is None else f"{as_energy(joules)}, {record['energy_of']}"
    lines = [f"Cost: {', '.join(each + memory)}; {energy}."]
    if "cost" in record:
        lines.append(
            f"At {record['price_per_hour']:g} {record['currency']} an hour: {record['cost']:.3g} {record['currency']}, "
            f"an epoch {record['cost_per_epoch']:.3g} {record['currency']}."
        )
    return lines


def as_energy(joules: float) -> str:
    """Return an energy in words: 40 J, 12.5 Wh, 3.2 kWh."""
    if joules < 3600:
        return f"{joules:.3g} J"
    hours = joules / 3600
    return f"{hours:.3g} Wh" if hours < 1000 else f"{hours / 1000:.3g} kWh"


def _forget_peak() -> None:
    """Let the peak of memory begin anew, where the system can do that."""
    if sys.platform == "linux":
        try:
            _CLEAR.write_text("5")
        except OSError:
            return


def _peak() -> tuple[int, str]:
    """Return the peak of the process's memory in bytes, and since when."""
    if sys.platform == "linux":
        words = _STATUS.read_text().split("VmHWM:")[1].split()
        return int(words[0]) * _KIB, "the beginning of this job"
    elif sys.platform == "win32":  # noqa: RET505 - what another system has is only then not looked at by mypy
        import psutil

        return int(psutil.Process().memory_info().peak_wset), "the start of the process"
    else:
        import resource

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), "the start of the process"


def _gpu_peak(device: str) -> int | None:
    """Return the bytes that torch had on a graphics card at most."""
    if not device.startswith("cuda"):
        return None
    import torch

    return int(torch.cuda.max_memory_allocated(device))
