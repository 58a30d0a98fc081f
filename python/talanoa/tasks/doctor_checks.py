"""What Talanoa runs on: Python, torch and the device that is really used, Java, ImageJ, models, memory and disk.

Each check gives one line: in order, or with a remedy.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from talanoa.core import devices, resources
from talanoa.core.errors import TalanoaError
from talanoa.core.host import stop_if_cancelled
from talanoa.core.logs import log_path
from talanoa.core.version import __version__
from talanoa.fiji.setup import embedded, runtime
from talanoa.fiji.setup.full import check_fiji
from talanoa.fiji.setup.java import choose_java
from talanoa.models import folder as model_folder

if TYPE_CHECKING:
    import torch

    from talanoa.core.host import Host

PYTHONS = ((3, 11), (3, 14))  # from, below
PACKAGES = (
    "numpy", "scipy", "pandas", "xarray", "scikit-image", "tifffile", "zarr", "ome-zarr", "roifile", "safetensors",
    "numba", "pydantic", "scyjava", "jpype1", "jgo", "pyimagej",
)  # fmt: skip
ENOUGH_MEMORY, ENOUGH_DISK = 2.0, 2.0  # GB that a 2048 x 2048 image and its results need, with room to spare
SHARED = Path("/dev/shm")  # Linux; elsewhere shared memory has no folder
ENOUGH_SHARED = 0.5  # GB: a stack of 100 planes of 1024 x 1024 with its labels
REINSTALL = "Install Talanoa again in a fresh environment."


class Line(NamedTuple):
    """One point of the examination."""

    topic: str
    ok: bool
    text: str
    remedy: str = ""


def examine(device: str, fiji: str | None, host: Host, java: str = "", imagej: str = "") -> list[Line]:
    """Check everything.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda" or "mps": the device to try.
    fiji : str or None
        Fiji folder to look at; None: the variable TALANOA_FIJI, else the embedded ImageJ only.
    host : Host
        Progress, cancelling.
    java, imagej : str
        What the ImageJ that asks is; empty: look for the one that would run.

    Returns
    -------
    list of Line
        One per topic, in the order of the report. A check that fails becomes a line, never an exception.
    """
    folder = fiji or os.environ.get("TALANOA_FIJI")
    checks: list[tuple[str, Callable[[], Line]]] = [
        ("Talanoa", check_talanoa),
        ("Python", check_python),
        ("Packages", check_packages),
        ("Torch", check_torch),
        ("Device", lambda: check_device(device)),
        ("Java", lambda: Line("Java", True, java) if java else check_java()),
        ("ImageJ", lambda: Line("ImageJ", True, imagej) if imagej else check_imagej()),
        *([("Fiji", lambda: check_fiji_folder(folder))] if folder else []),
        ("Display", check_display),
        ("Home", check_home),
        ("Models", check_models),
        ("Log", check_log),
        ("Memory", check_memory),
        ("Shared memory", check_shared_memory),
        ("Disk", check_disk),
    ]
    lines = []
    for number, (topic, check) in enumerate(checks):
        stop_if_cancelled(host)
        host.progress(number, len(checks), topic)
        lines.append(guarded(topic, check))
    host.progress(len(checks), len(checks), "done")
    return lines


def as_text(lines: Sequence[Line]) -> str:
    """Write the lines as a report to read, or to send to somebody who helps."""
    width = max(len(line.topic) for line in lines)
    written = []
    for line in lines:
        written.append(f"{'OK  ' if line.ok else 'LOOK'}  {line.topic:<{width}}  {line.text}")
        if line.remedy:
            written.append(f"{'':<{width + 8}}{'Remedy: ' if not line.ok else ''}{line.remedy}")
    return "\n".join(written)


def guarded(topic: str, check: Callable[[], Line]) -> Line:
    """Run one check; what it raises becomes its line."""
    try:
        return check()
    except TalanoaError as error:
        return Line(topic, False, str(error), "")
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return Line(topic, False, f"{type(error).__name__}: {error}", REINSTALL)


def check_talanoa() -> Line:
    """Say which Talanoa runs, and from where."""
    missing = [name for name in ("fiji_scripts", "macros", "models") if not _there(resources.folder, name)]
    text = f"{__version__} at {resources.PACKAGE}"
    if missing:
        return Line(
            "Talanoa", False, f"{text}; {', '.join(missing)} missing", "Run: pip install --force-reinstall talanoa"
        )
    return Line("Talanoa", True, text)


def _there(find: Callable[[str], Path], name: str) -> bool:
    """Tell whether a part of the installation is found."""
    try:
        return find(name).is_dir()
    except TalanoaError:
        return False


def check_python() -> Line:
    """Check Python's version."""
    low, high = (".".join(map(str, version)) for version in PYTHONS)
    fits = PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]
    text = f"{platform.python_version()} at {sys.executable}, {platform.platform(terse=True)}"
    return Line("Python", fits, text, "" if fits else f"Make an environment with a Python from {low} to below {high}.")


def check_packages() -> Line:
    """Check that each package is there, and say the versions."""
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Line("Packages", False, f"missing: {', '.join(missing)}", f"Run: pip install {' '.join(missing)}")
    return Line("Packages", True, ", ".join(versions))


def check_torch() -> Line:
    """Say torch's version and the devices it finds."""
    import torch

    found = ["cpu"]
    found += [f"cuda ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    found += ["mps"] if torch.backends.mps.is_available() else []
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    nvidia = shutil.which("nvidia-smi") is not None
    text = f"{torch.__version__} (built with {built}), {torch.get_num_threads()} threads; devices: {', '.join(found)}"
    if nvidia and not torch.cuda.is_available():
        remedy = "There is an NVIDIA card, but torch cannot use it: update the driver, or install torch built for CUDA."
        return Line("Torch", False, text, remedy)
    return Line("Torch", True, text)


def check_device(name: str) -> Line:
    """Run a small convolution on the device that would be used, compare it with the CPU's, and time it."""
    import torch

    device = devices.choose(name)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 8, 256, 256, generator=generator)
    kernel = torch.rand(16, 8, 3, 3, generator=generator)
    expected = torch.nn.functional.conv2d(image.double(), kernel.double(), padding=1).float()
    milliseconds, found = _time_convolution(image.to(device), kernel.to(device))
    used = f"{found.device}" + (f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "")
    text = f"{used} ran a convolution (8 to 16 channels, 256 x 256) in {milliseconds:.2f} ms"
    worst = float((found.cpu() - expected).abs().max() / expected.abs().max())
    if found.device.type != device.type or worst > 0.01:
        remedy = "Set device=cpu, and update the graphics driver and torch."
        return Line("Device", False, f"{text}, but its result is wrong by {worst:.1%}", remedy)
    hint = "A GPU would be faster; nothing needs one." if device.type == "cpu" else ""
    return Line("Device", True, text, hint)


def _time_convolution(image: torch.Tensor, kernel: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Return the median milliseconds of a convolution with its result, after two runs for warming up."""
    import torch

    times = []
    for _ in range(7):
        started = time.perf_counter()
        found = torch.nn.functional.conv2d(image, kernel, padding=1)
        float(found[0, 0, 0, 0])  # waits for a GPU, which runs beside Python
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[2:]), found


def check_java() -> Line:
    """Say which Java runs ImageJ, or would."""
    running = runtime.running()
    return Line("Java", True, running.java if running else str(choose_java()))


def check_imagej() -> Line:
    """Say which ImageJ is there: the one this process runs in, or the embedded one."""
    running = runtime.running()
    if running:
        return Line("ImageJ", True, f"{running.imagej} ({running.kind}, {running.mode}) runs in this process")
    jars = embedded.class_path()
    version = next((jar.stem.removeprefix("ij-") for jar in jars if jar.name.startswith("ij-1")), "of unknown version")
    return Line("ImageJ", True, f"embedded ImageJ {version}, {len(jars)} jars in {jars[0].parent}")


def check_fiji_folder(folder: str) -> Line:
    """Check a Fiji folder."""
    return Line("Fiji", True, check_fiji(folder))


def check_display() -> Line:
    """Say whether windows can be opened."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY"):
        return Line("Display", True, os.environ.get("DISPLAY") or "the desktop")
    return Line("Display", True, "none: ImageJ's window cannot open here; everything else works without")


def check_home() -> Line:
    """Say where models and log are kept, and who said so."""
    home = os.environ.get("TALANOA_HOME")
    return Line(
        "Home", True, f"{home} (TALANOA_HOME)" if home else f"{Path.home() / 'talanoa'} (TALANOA_HOME is not set)"
    )


def check_models() -> Line:
    """Check that there are models, that they are whole, and that the user's folder can be written."""
    home = model_folder.user_models()
    found = model_folder.available()
    damaged = [str(one.folder) for one in found if one.method == "damaged"]
    text = f"{', '.join(one.name for one in found) or 'none'}; yours are in {home}"
    if damaged:
        return Line(
            "Models", False, f"{text}; damaged: {', '.join(damaged)}", "Copy these folders again, or move them."
        )
    if not found:
        return Line("Models", False, text, "Install Talanoa again, or train a model.")
    try:
        with tempfile.TemporaryFile(dir=_existing(home)):
            pass
    except OSError as error:
        remedy = "Set TALANOA_HOME to a folder you may write to."
        return Line("Models", False, f"{text}, which cannot be written ({error.strerror})", remedy)
    return Line("Models", True, text)


def check_log() -> Line:
    """Say where the log file is."""
    path = log_path()
    return Line("Log", True, str(path) if path.is_file() else f"{path} (not written yet)")


def check_memory() -> Line:
    """Check the free memory."""
    import psutil

    memory = psutil.virtual_memory()
    free = memory.available / 1e9
    text = f"{free:.1f} of {memory.total / 1e9:.1f} GB free"
    remedy = "" if free >= ENOUGH_MEMORY else "Close other programs and images; large images may not fit."
    return Line("Memory", free >= ENOUGH_MEMORY, text, remedy)


def check_shared_memory() -> Line:
    """Check the free shared memory, through which images go to a worker, where the system sets a limit of its own."""
    if not SHARED.is_dir():
        return Line("Shared memory", True, "limited by the memory only")
    free = shutil.disk_usage(SHARED).free / 1e9
    enough = free >= ENOUGH_SHARED
    remedy = "" if enough else "Close other programs, or give the system (or container) a larger /dev/shm."
    return Line("Shared memory", enough, f"{free:.1f} GB free", remedy)


def check_disk() -> Line:
    """Check the free disk at the user's models and in the folder for temporary files."""
    places = {"your models": _existing(model_folder.user_models()), "temporary files": Path(tempfile.gettempdir())}
    free = {what: shutil.disk_usage(place).free / 1e9 for what, place in places.items()}
    text = ", ".join(f"{size:.1f} GB free for {what} ({places[what]})" for what, size in free.items())
    enough = min(free.values()) >= ENOUGH_DISK
    return Line(
        "Disk", enough, text, "" if enough else "Free some space, or set TALANOA_HOME or TMPDIR to another disk."
    )


def _existing(path: Path) -> Path:
    """Return the nearest folder that exists."""
    while not path.is_dir():
        path = path.parent
    return path
