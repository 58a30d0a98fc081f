"""What work costs: counters that go round, money by hand, and where the record is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny
from talanoa import tasks
from talanoa.core import cost
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.image.form import from_array
from talanoa.segmentation.request import SegmentRequest
from talanoa.training.cost import of_training
from talanoa.training.request import TrainRequest


def package(folder: Path, name: str, energy: int, largest: int = 999_999) -> Path:
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{largest}\n")
    return folder / "energy_uj"


def test_energy_of_all_packages_is_summed_and_counters_may_go_round(tmp_path: Path) -> None:
    first = package(tmp_path / "intel-rapl:0", "package-0", 900_000)
    second = package(tmp_path / "intel-rapl:1", "package-1", 100_000)
    package(tmp_path / "intel-rapl:0:0", "core", 0)  # a part of the first one
    (tmp_path / "intel-rapl:2").mkdir()  # cannot be read
    meter = cost.Meter("cpu", _counters=cost.rapl(tmp_path))
    first.write_text("150000")  # 100 000 to the largest value, 150 000 after it
    second.write_text("300000")
    meter.lap()
    second.write_text("350000")
    record = meter.record()
    assert record["energy_joules"] == pytest.approx(0.25 + 0.25, abs=1e-3) and record["energy_of"] == cost.CPU
    first.unlink()
    assert meter.record()["energy_joules"] is None


def test_energy_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert cost.rapl(tmp_path / "nothing") == []
    record = cost.Meter("cpu", _counters=[]).record()
    assert record["energy_joules"] is None and record["energy_of"] == cost.NOT_READABLE
    assert record["gpu_memory"] is None and cost.gpu_joules("cpu") is None
    lines = cost.lines_of({**record, "seconds_per_epoch": 2.0})
    assert "energy not readable here" in lines[0] and len(lines) == 1


def test_the_peak_of_memory_holds_what_is_in_use() -> None:
    meter = cost.Meter("cpu", _counters=[])
    before = meter.record()["peak_memory"]
    block = np.ones(100_000_000, np.uint8)
    assert meter.record()["peak_memory"] >= before + 50_000_000 or meter.record()["peak_memory"] >= block.nbytes


def test_a_training_costs_what_its_epochs_and_its_end_took() -> None:
    rows = [{"seconds": 10.0, "waiting": 1.0}, {"seconds": 12.0, "waiting": 3.0}, {"seconds": 14.0, "waiting": 3.2}]
    asked = parse(TrainRequest, {"images": "i", "name": "n", "price": "2,5", "currency": "USD"}).request
    record = of_training(cost.Meter("cpu", _counters=[]), rows, 4.0, asked)
    assert (record["seconds"], record["seconds_per_epoch"], record["waiting"]) == (40, 12, 0.2)
    assert record["cost"] == pytest.approx(2.5 * 40 / 3600) and record["cost_per_epoch"] == pytest.approx(
        2.5 * 12 / 3600
    )
    text = "\n".join(cost.lines_of(record))
    assert "12 s for an epoch, 20.0% of it waiting for data" in text
    assert "At 2.5 USD an hour: 0.0278 USD, an epoch 0.00833 USD." in text
    free = of_training(cost.Meter("cpu", _counters=[]), rows, 4.0, asked.model_copy(update={"price": None}))
    assert "cost" not in free and "price_per_hour" not in free


@pytest.mark.parametrize(("joules", "text"), [(40, "40 J"), (45_000, "12.5 Wh"), (1.152e7, "3.2 kWh")])
def test_energy_is_told_in_units_that_suit_it(joules: float, text: str) -> None:
    assert cost.as_energy(joules) == text


def test_a_segmentation_records_its_cost_for_each_image_and_an_hour() -> None:
    movie = from_array(np.stack([tiny.discs(seed)[0] for seed in (100, 101)]), "tyx")
    asked: dict[str, Any] = {"task": "segment", "model": tiny.MODEL, "device": "cpu", "price": 3.6}
    found = tasks.run(asked, QuietHost(), movie)["record"]["cost"]
    assert found["images"] == 2 and found["seconds_per_image"] == pytest.approx(found["seconds"] / 2, abs=1e-3)
    assert found["pixels_per_second"] == pytest.approx(2 * 96 * 96 / found["seconds"], rel=0.01)
    assert found["cost"] == pytest.approx(found["seconds"] / 1000) and found["currency"] == "EUR"
    assert parse(SegmentRequest, {}).request.price is None
