"""The end of a labelling training: calibration, scores on the validation images, pictures, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from talanoa.core.host import Host
from talanoa.labelling.data.field import LabelField
from talanoa.labelling.record import record_of
from talanoa.labelling.train import feed, scores
from talanoa.labelling.train.report import EXAMPLES
from talanoa.models.folder import Model
from talanoa.models.runtime.whole import predict
from talanoa.training.contact_sheets import fitted, sheet
from talanoa.training.finish import best_network, common_record, model_of
from talanoa.training.recipe import Ended
from talanoa.training.settings import Settings

SHOWN = 3  # validation images in the picture


def make_model(ended: Ended, host: Host) -> tuple[Model, torch.nn.Module]:
    """Return the model of the best weights, calibrated and scored on the validation images."""
    net, config = best_network(ended)
    net = net.to(ended.device)
    shown, judged = ended.parts
    given = record_of(ended.plan["labelling"])
    found = scores.predictions(net, judged, config, host)
    stains = scores.calibrated(found, given.stains)
    labelling = given.model_copy(update={"stains": tuple(stains)}).model_dump(mode="json")
    record = common_record(ended)
    del record["labelling"]
    contrasts = scores.usual_contrasts([*shown, *judged])
    record["validation_scores"] = scores.scores_of(found, stains, contrasts)
    record["validation"] = ended.plan["split"]
    record["crops"] = feed.faults_of(judged, Settings(**ended.plan["settings"]))
    write_examples(ended.work / EXAMPLES, net, judged, config)
    model = model_of(ended, {}, record)
    return replace(model, labelling=labelling), net.cpu()


def write_examples(path: Path, net: torch.nn.Module, items: Sequence[LabelField], config: Any) -> None:
    """Draw validation images in transmitted light with each stain, predicted and true, side by side."""
    rows = []
    for item in items[:SHOWN]:
        part = feed.brightest_part(item)
        predicted = predict(net, part.image, config)[0]
        for number, truth in enumerate(part.target):
            pictures = (
                *feed.light_pictures(part.image, part.lights),
                feed.stain_picture(predicted[number]),
                feed.stain_picture(truth),
            )
            rows.append([fitted(picture.convert("RGB")) for picture in pictures])
    sheet(rows).save(path, "PNG")
