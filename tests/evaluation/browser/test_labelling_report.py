"""The report on predicted stains in a real browser: no error, nothing from elsewhere, and the numbers of the CSV."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from scipy import ndimage

from helpers.browser import chromium
from helpers.browser.report_page import Page, needs_nothing_else, open_report, pages_of
from helpers.evaluation.cases import evaluate
from helpers.evaluation.labelling_cases import NUCLEI, make_plate, predict_plate
from talanoa.evaluation.report.page import number

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.find() is None, reason="no Chromium, Chrome or Edge found"),
]
STAINS = ("nucleus", "membrane")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    plate = make_plate(place / "plate", stains=STAINS)
    made = predict_plate(plate, place / "blurred", lambda plane: ndimage.gaussian_filter(plane, 1.5), STAINS)
    same = predict_plate(plate, place / "same", lambda plane: plane + 3, STAINS)
    keys = {"prediction": str(made), "compare": str(same), "images": str(plate), "segment": NUCLEI, "cycle": "nucleus"}
    reply = evaluate(**keys, pictures=3, out=str(place / "out"))
    assert reply["status"] == "ok", reply["message"]
    return place / "out"


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> chromium.Opened:
    return open_report(folder / "report.html", tmp_path_factory.mktemp("page"))


def test_the_page_has_no_console_error_and_needs_nothing_else(opened: chromium.Opened) -> None:
    needs_nothing_else(opened)
    assert len(Page(opened.page).tags) > 100


def test_every_picture_is_shown_and_described_and_the_page_is_not_too_wide(opened: chromium.Opened) -> None:
    body = Page(opened.page).body
    assert body["data-broken"] == "0" and int(body["data-images"]) == 3 + 2 * 4  # pictures; charts of 4 measures
    assert int(body["data-wide"]) <= 0


def test_tables_have_headings(opened: chromium.Opened) -> None:
    page = Page(opened.page)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")


def test_the_table_of_images_is_the_csv(folder: Path, opened: chromium.Opened) -> None:
    table = pd.read_csv(folder / "images.csv").query("Judged == 'blurred'").set_index(["Image", "Stain"])
    (_, _, *names), *rows = [[text for text, _ in row] for row in Page(opened.page).rows]
    assert set(names) <= set(table) and len(rows) == len(table) == 2 * 20
    for name, stain, *texts in rows:
        for column, text in zip(names, texts, strict=True):
            assert text == number(table.loc[(name, stain), column]), (name, stain, column)


def test_every_score_on_the_page_is_the_csv_s(folder: Path, opened: chromium.Opened) -> None:
    table = pd.read_csv(folder / "overall.csv").query("Judged == 'blurred'")
    table = table.set_index(["Stain", "Group", "Per", "Measure", "Metric"])["Value"]
    scores = Page(opened.page).scores
    assert len(scores) > 60
    assert {about["data-group"] for about, _ in scores} == {"all", "empty", "phenotype spread", "phenotype compact"}
    for about, text in scores:
        key = tuple(about[f"data-{part}"] for part in ("stain", "group", "per", "measure", "metric"))
        assert text == number(table[key]), about
        assert math.isclose(float(about["data-value"] or "nan"), table[key], rel_tol=1e-12) or text == "–", about


def test_it_prints(folder: Path, tmp_path: Path) -> None:
    assert 3 <= pages_of(folder / "report.html", tmp_path) <= 20
