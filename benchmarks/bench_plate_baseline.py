"""How hard are the drawn plates? Classical segmentation of the true stains against what was drawn: counts and areas.

    python benchmarks/bench_plate_baseline.py [--wells 24] [--seed 7]

Nothing is predicted here: the figures are what the way of measuring itself reaches, and so the ceiling for a prediction
that is judged by it. The stains are on one scale for all images, as `talanoa evaluate` puts them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from talanoa import image as images
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.evaluation.labelling import segmenting
from talanoa.evaluation.labelling.measures import Objects, objects_of
from talanoa.evaluation.labelling.store import Channel
from talanoa.evaluation.request import EvaluateRequest
from talanoa.measure.metrics.bland_altman import bland_altman
from talanoa.measure.metrics.correlation import pearson
from talanoa.tasks.sample import plate
from talanoa.tasks.sample.request import SampleRequest

SEGMENT = "nucleus: nuclei min_area=40; er: er offset=0.05; golgi: golgi clip=98 radius=20"
# stain, what is measured on it, what truth/fields.csv has of it
ROWS = (
    ("nucleus", "count", "cells"),
    ("nucleus", "area", "nuclei_area"),
    ("er", "area", "er_area"),
    ("golgi", "total above background", "golgi_total"),
)


def measured(folder: Path, names: list[str], stain: str) -> list[Objects]:
    """Return what is measured on one stain of all fields; intensities above the background."""
    planes = [images.read(folder / stain / name).values[0, 0, 0].astype(np.float32) for name in names]
    channel = Channel()
    for plane in planes:
        channel.add(plane, None)
    (low, high), empty = channel.levels(), channel.empty()
    how = segmenting.read(SEGMENT, plate.STAINS, (), str)[stain]  # type: ignore[arg-type]
    request = parse(EvaluateRequest, {"prediction": str(folder)}).request
    pixel = float(np.prod(images.read(folder / stain / names[0]).attrs["pixel_size"][1:]))
    found = []
    for plane, nothing in zip(planes, empty, strict=True):
        scaled = np.clip((plane - low) / (high - low), 0, 1)
        labels = np.zeros(plane.shape, np.int32) if nothing else how.objects(scaled, plane, request, QuietHost())
        found.append(objects_of(labels, plane - np.median(plane), pixel))
    return found


def main() -> None:
    """Draw a plate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        keys = {"kind": "plate", "out": str(Path(place) / "plate"), "wells": given.wells, "seed": given.seed}
        folder = plate.write(parse(SampleRequest, keys).request)
        truth = pd.read_csv(folder / plate.TRUTH / "fields.csv")
        truth["nuclei_area"] = truth["nucleus_area"] * truth["cells"]
        full = ~truth["empty"].to_numpy()
        made = {stain: measured(folder, list(truth["image"]), stain) for stain in plate.STAINS}
    params = {"wells": given.wells, "seed": given.seed, "fields": int(full.sum()), "empty fields": int((~full).sum())}
    for stain, measure, column in ROWS:
        key = measure.split()[0]
        values = np.array([float(getattr(each, key)) for each in made[stain]])
        true = truth[column].to_numpy(float)[full]
        bias = bland_altman(true, values[full]).bias / true.mean() if key != "total" else None
        row = {"bench": f"plate, {stain}: {measure}", "impl": "classical segmentation", "params": params}
        row["Pearson r"] = round(float(pearson(true, values[full])), 4)
        row["bias / mean"] = None if bias is None else round(float(bias), 4)
        row["objects in empty fields"] = sum(
            each.count for each, there in zip(made[stain], full, strict=True) if not there
        )
        print(json.dumps(row))


if __name__ == "__main__":
    main()
