"""The report on restored images in a real browser: no error, nothing from elsewhere, and the numbers of the CSV."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from helpers.browser import chromium
from helpers.browser.report_page import Page, needs_nothing_else, open_report, pages_of
from helpers.evaluation.cases import evaluate
from helpers.evaluation.restoration_cases import make_set
from talanoa.evaluation.report.page import number

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.find() is None, reason="no Chromium, Chrome or Edge found"),
]
COUNT = 4


@pytest.fixture(scope="module", params=["beside truth", "without truth"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    keys = make_set(place, COUNT)
    if request.param == "without truth":
        del keys["truth"]
    found = {"prediction": str(place / "blurred"), "compare": str(place / "good"), "train": keys["images"]}
    reply = evaluate(**keys, **found, out=str(place / "out"))
    assert reply["status"] == "ok", reply["message"]
    return place / "out"


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> chromium.Opened:
    return open_report(folder / "report.html", tmp_path_factory.mktemp("page"))


def test_the_page_has_no_console_error_and_needs_nothing_else(opened: chromium.Opened) -> None:
    needs_nothing_else(opened)
    assert len(Page(opened.page).tags) > 100


def test_every_picture_is_shown_and_described_and_the_page_is_not_too_wide(
    folder: Path, opened: chromium.Opened
) -> None:
    body = Page(opened.page).body
    charts = 2 if (folder / "comparison.csv").is_file() else 0
    assert body["data-broken"] == "0" and int(body["data-images"]) == charts + 2 * COUNT
    assert int(body["data-wide"]) <= 0


def test_tables_have_headings(opened: chromium.Opened) -> None:
    page = Page(opened.page)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")


def test_the_table_of_images_is_the_csv(folder: Path, opened: chromium.Opened) -> None:
    table = pd.read_csv(folder / "images.csv").query("Judged == 'blurred'").set_index("Image")
    (_, *names), *rows = [[text for text, _ in row] for row in Page(opened.page).rows]
    values = [[value for _, value in row] for row in Page(opened.page).rows[1:]]
    assert set(names) <= set(table) and len(rows) == len(table) == COUNT
    for (name, *texts), (_, *exact) in zip(rows, values, strict=True):
        for column, text, value in zip(names, texts, exact, strict=True):
            expected = table.loc[name, column]
            assert text == number(expected), (name, column)
            assert math.isclose(float(value), expected), (name, column)


def test_a_click_on_a_heading_sorts(opened: chromium.Opened) -> None:
    assert Page(opened.page).body["data-sorted"].split(",") == [f"cells{k}" for k in range(COUNT)]


def test_every_score_on_the_page_is_the_csv_s(folder: Path, opened: chromium.Opened) -> None:
    table = pd.read_csv(folder / "overall.csv").query("Judged == 'blurred'").set_index(["Level", "Metric"])["Value"]
    scores = Page(opened.page).scores
    assert len(scores) > 10
    for about, text in scores:
        expected = table[about["data-level"], about["data-metric"]]
        assert text == number(expected), about
        assert float(about["data-value"] or "nan") == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_it_prints(folder: Path, tmp_path: Path) -> None:
    assert 3 <= pages_of(folder / "report.html", tmp_path) <= 20
