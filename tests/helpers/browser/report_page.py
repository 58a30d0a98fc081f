"""What the tests read of a report: a probe that clicks and looks at the pictures, and a parser of the page."""

from __future__ import annotations

import re
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

from helpers.browser import chromium

PROBE = """
<script>
window.addEventListener("load", function () {
  var images = Array.from(document.images), body = document.getElementById("per-image").tBodies[0];
  document.body.dataset.broken = images.filter(function (one) { return !one.naturalWidth || !one.alt; }).length;
  document.body.dataset.images = images.length;
  document.body.dataset.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.querySelectorAll("#per-image th button")[0].click();
  var names = Array.from(body.rows).map(function (row) { return row.cells[0].textContent; });
  document.body.dataset.sorted = names.join(",");
});
</script>
"""


class Page(HTMLParser):
    """What the tests read of a page: tags with their attributes, and the cells of the table of images."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[tuple[str, str]]] = []  # of the table of images: (text, value of the CSV)
        self.scores: list[tuple[dict[str, str], str]] = []
        self._cell: dict[str, str] | None = None
        self._words: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        self._inside |= given.get("id") == "per-image"
        if self._inside and tag == "tr":
            self.rows.append([])
        if (self._inside and tag in ("th", "td")) or given.get("class") == "score":
            self._cell, self._words = given, []

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._cell is not None and tag in ("th", "td", "span"):
            text = "".join(self._words).strip()
            if self._cell.get("class") == "score":
                self.scores.append((self._cell, text))
            elif self._inside:
                self.rows[-1].append((text, self._cell.get("data-value", "")))
            self._cell = None
        if tag == "table":
            self._inside = False

    @cached_property
    def body(self) -> dict[str, str]:
        return next(attributes for tag, attributes in self.tags if tag == "body")


def open_report(report: Path, place: Path) -> chromium.Opened:
    """Open a report with the probe; `place` is an empty folder."""
    probed = place / "report.html"
    text = report.read_text(encoding="utf-8")
    probed.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return chromium.open_page(probed, place / "profile")


def needs_nothing_else(opened: chromium.Opened) -> None:
    """Fail where a page has an error in its script, or asks for anything outside itself."""
    assert opened.console == []
    page = Page(opened.page)
    assert page.tags[0][1]["lang"] == "en" and page.tags[0][1]["data-script"] == "ready"
    for tag, attributes in page.tags:
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("data:", "#")), f"{tag} {attributes[key][:80]}"
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", re.sub(r"data:[^\"]*", "", opened.page))


def pages_of(report: Path, place: Path) -> int:
    """Print a report; return how many pages it has."""
    chromium.save_pdf(report, place / "report.pdf", place / "profile")
    return len(re.findall(rb"/Type\s*/Page\b", (place / "report.pdf").read_bytes()))
