"""The report in a real browser: no error, nothing from elsewhere, and the numbers of the CSV."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from helpers import tiny
from helpers.browser import chromium
from helpers.browser.report_page import Page, needs_nothing_else, open_report, pages_of
from helpers.evaluation.cases import evaluate, make_set
from talanoa.training.report import draw_curve

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.find() is None, reason="no Chromium, Chrome or Edge found"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluate once, with everything that a report can have but classes."""
    place = tmp_path_factory.mktemp("report")
    keys = {**make_set(place, 7), "compare": str(place / "found"), "train": str(place / "images")}
    shutil.copytree(tiny.MODEL, place / "discs")
    losses = [{"epoch": float(k), "loss": 1 / k, "val_loss": 1.2 / k} for k in range(1, 21)]
    pd.DataFrame(losses).to_csv(place / "discs" / "loss.csv", index=False)
    draw_curve(place / "discs" / "loss.png", losses)
    reply = evaluate(model=str(place / "discs"), device="cpu", out=str(place / "out"), **keys)
    assert reply["status"] == "ok", reply["message"]
    return place / "out"


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> chromium.Opened:
    """Open the report with a probe that clicks and looks at the pictures."""
    return open_report(folder / "report.html", tmp_path_factory.mktemp("page"))


def shown(value: float) -> str:
    """Return how the report shows a number of the CSV."""
    from talanoa.evaluation.report.page import number

    return number(value)


def test_an_error_in_a_page_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<!DOCTYPE html><html><body><script>nothingOfThisName();</script></body></html>", encoding="utf-8")
    assert "nothingOfThisName is not defined" in chromium.open_page(page, tmp_path / "profile").console[0]


def test_the_page_has_no_console_error_and_needs_nothing_else(opened: chromium.Opened) -> None:
    needs_nothing_else(opened)
    assert len(Page(opened.page).tags) > 100


def test_every_picture_is_shown_and_described_and_the_page_is_not_too_wide(opened: chromium.Opened) -> None:
    body = Page(opened.page).body
    assert body["data-broken"] == "0" and int(body["data-images"]) == 4 + 7 + 1  # charts, overlays, learning curve
    assert int(body["data-wide"]) <= 0


def test_tables_have_headings(opened: chromium.Opened) -> None:
    page = Page(opened.page)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    assert sum(tag == "table" for tag, _ in page.tags) >= 8


def test_the_table_of_images_is_the_csv(folder: Path, opened: chromium.Opened) -> None:
    table = pd.read_csv(folder / "images.csv").query("Judged == 'discs'").drop(columns="Judged")
    heading, *rows = Page(opened.page).rows
    assert [text for text, _ in heading] == list(table)
    by_name = table.set_index("Image")
    assert len(rows) == len(table) == 7
    for (name, _), *cells in rows:
        for column, (text, value) in zip(by_name, cells, strict=True):
            expected = by_name.loc[name, column]
            assert math.isclose(float(value), expected), (name, column)
            assert text == shown(expected), (name, column)


def test_a_click_on_a_heading_sorts(opened: chromium.Opened) -> None:
    page = Page(opened.page)
    assert page.body["data-sorted"].split(",") == [f"field{k}" for k in range(7)]
    assert [row[0][0] for row in page.rows[1:]] == [f"field{k}" for k in range(7)]


def test_every_score_on_the_page_is_the_csv_s(folder: Path, opened: chromium.Opened) -> None:
    keys = ["Level", "Metric", "IoU", "How"]
    texts = dict.fromkeys(keys, str)
    table = pd.read_csv(folder / "overall.csv", dtype=texts, keep_default_na=False, na_values={"Value": ""})
    values = table.query("Judged == 'discs'").set_index(keys)["Value"]
    scores = Page(opened.page).scores
    assert len(scores) > 90
    for about, text in scores:
        expected = values[tuple(about[f"data-{key.lower()}"] for key in keys)]
        assert text == shown(expected), about
        assert float(about["data-value"] or "nan") == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_it_prints(folder: Path, tmp_path: Path) -> None:
    assert 3 <= pages_of(folder / "report.html", tmp_path) <= 20
