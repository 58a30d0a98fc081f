"""Text in CSV files: never a formula to a spreadsheet, always one line, and read back as it was."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from talanoa.core import csv_text, record
from talanoa.measure import tables
from talanoa.tasks import result

NAMES = [
    "cells.tif", "=1+1.tif", "+cmd|' /C calc'!A0", "-cells.tif", "@SUM(A1)", "'=quoted", "''=twice", "'quoted'", "=",
    "-1.5", "+2e3", "two\nlines.tif", "\r=1+1", "\t=1+1", "\x1b[31mred", "\x7f", "\x85\u2028", "␊ of its own", "␦000a",
    "a,b;c\"d\"", "＝wide", "caf\udce9.tif", "µm², 日本語", "C:\\new\\table", " =blank",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_text_is_harmless_and_comes_back(name: str) -> None:
    shown = csv_text.written(name)
    assert csv_text.given(shown) == name
    number = name in ("-1.5", "+2e3")
    assert number or shown[0] not in "=+-@＝\t\r\n"
    assert shown == name if number else shown.isprintable()
    shown.encode("utf-8")


def test_every_character_comes_back() -> None:
    rng = np.random.default_rng(0)
    signs = [*range(0x20, 0x2C), *range(0x100), *range(0x2400, 0x2428), 0x2028, 0xD800, 0xDFFF, ord("＝")]
    for _ in range(500):
        text = "".join(map(chr, rng.choice(signs, rng.integers(1, 9)).tolist()))
        assert csv_text.given(csv_text.written(text)) == text


def test_a_table_of_odd_names_is_one_line_a_row_and_comes_back(tmp_path: Path) -> None:
    names = [name for name in NAMES if name not in ("-1.5", "+2e3")]
    table = pd.DataFrame({"=Image": names, "Area": np.linspace(-1.5, 3, len(names)), "Message": [""] * len(names)})
    before = table.copy(deep=True)
    path = tables.write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(table, before)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) == len(names) + 2 and lines[1].split(",")[1] == "-1.5"
    with path.open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@＝") and cell[1:2] not in tuple("0123456789")]
    again = tables.read_csv(path)
    assert again["=Image"].tolist() == names
    np.testing.assert_array_equal(again["Area"], table["Area"])


def test_text_and_numbers_in_one_column(tmp_path: Path) -> None:
    table = pd.DataFrame({"value": [-1.5, "none", "=x", None, 3]})
    assert tables.write_csv(tmp_path / "t.csv", table).read_text("utf-8") == 'value\n-1.5\nnone\n\'=x\n""\n3\n'


def test_a_record_holds_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = result.write_result(tmp_path / "out", result.Outputs(), {"image": {"name": "caf\udce9.tif"}})
    assert record.read_record(folder)["image"]["name"] == "caf\udce9.tif"
    (folder / record.RECORD).read_text(encoding="utf-8")


def test_no_table_is_written_another_way() -> None:
    """Every CSV that holds text goes through `tables.write_csv`; the others hold numbers alone."""
    numbers_alone = {"training/table.py", "annotation/save.py", "measure/tables.py"}
    package = Path(tables.__file__).parent.parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and (
                node.attr == "to_csv" or (node.attr in ("writer", "DictWriter") and ast.unparse(node.value) == "csv")
            ):
                found.add(path.relative_to(package).as_posix())
    assert found == numbers_alone
