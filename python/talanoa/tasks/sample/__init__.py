"""The task `sample`: drawn images to try things out with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talanoa.rois.given import Given
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.tasks.sample import noisy, plate, synthetic

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.tasks.sample.request import SampleRequest


def run(request: SampleRequest, given: Given, host: Host) -> dict[str, Any]:
    """Write the dataset and say what is in it."""
    return {"noisy": _noisy, "nuclei": _nuclei, "plate": _plate}[request.kind](request, host)


def _plate(request: SampleRequest, host: Host) -> dict[str, Any]:
    """Write a plate of stained cells in phase contrast."""
    made = plate.write(request, host)
    folders = ", ".join((plate.TRANSMITTED, *plate.STAINS))
    empty = sum(well.empty for well in plate.wells(request.wells))
    return {
        "folder": str(made),
        "message": f"{request.wells} wells ({empty} empty) of {request.count} fields in {folders}; "
        f"what is in them is in {plate.TRUTH}: {made}",
    }


def _noisy(request: SampleRequest, host: Host) -> dict[str, Any]:
    """Write noisy images with clean partners."""
    made = noisy.write(request, host)
    kind = ("stack" if request.volume else "image") + " pair" + "s" * (request.count != 1)
    more = "a stack without partner" if request.volume else "a movie without partner"
    return {"folder": str(made), "message": f"{request.count} {kind} in low and high, repeats, and {more}: {made}"}


def _nuclei(request: SampleRequest, host: Host) -> dict[str, Any]:
    """Write annotated nuclei."""
    made = synthetic.write(request, host)
    dataset = open_dataset(made)
    done = dataset.annotated()
    objects = sum(entry.objects or 0 for entry in done)
    kind = "stack" if request.volume else "image"
    kind += "s" * (len(dataset.entries) != 1)
    return {
        "folder": str(made),
        "dataset": str(made),
        "message": f"{len(dataset.entries)} {kind}, {len(done)} of them annotated with {objects} objects: {made}",
    }
