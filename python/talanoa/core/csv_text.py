"""Text in CSV files: no cell is a formula to a spreadsheet, and each row is one line.

Names of files are the user's own: ``=1+1.tif`` would be computed, a line break would end a row. `written` marks such
text; `given` returns it unchanged.

- Text that begins with ``=``, ``+``, ``-`` or ``@`` gets a single quote before it, as a person types it into a
  spreadsheet. Text that is a number, such as ``-1.5``, stays as it is.
- A control character becomes its picture (a line break ``␊``), any other character that a text file cannot hold, or
  that ends a line, ``␦`` and four hexadecimal digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_PICTURES, _MARK = 0x2400, "\u2426"
_DELETE, _DELETE_PICTURE = "\x7f", "\u2421"
# NB: half of a surrogate pair stands for a byte of a file name that is not UTF-8.
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u2400-\u2426\ud800-\udfff]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{4}})|([\u2400-\u2421])")
_FORMULA = re.compile("'*[=+\\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def written(text: str) -> str:
    """Return text as it is written into a CSV file.

    >>> written("=1+1.tif"), written("-1.5"), written("two\\nlines")
    ("'=1+1.tif", '-1.5', 'two␊lines')
    """
    text = _ODD.sub(_marked, text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def given(text: str) -> str:
    """Return text that `written` wrote as it was given.

    >>> given("'=1+1.tif"), given("'quoted'"), given("two␊lines")
    ('=1+1.tif', "'quoted'", 'two\\nlines')
    """
    if text.startswith("'") and _FORMULA.match(text):
        text = text[1:]
    return _MARKED.sub(_unmarked, text)


def table_written(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose headings and text cells are as `written`; numbers stay as they are."""
    return _changed(table, written)


def table_given(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that was read, with its text as it was `given`."""
    return _changed(table, given)


def _changed(table: pd.DataFrame, change: Any) -> pd.DataFrame:
    """Change the text of a table."""

    def cell(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    changed = table.rename(columns=cell)
    for place, kind in enumerate(changed.dtypes):
        if kind.kind == "O":  # text, or a mixture of text and numbers; pandas' own text type is one, too
            changed.isetitem(place, changed.iloc[:, place].map(cell).array)
    return changed


def _marked(found: re.Match[str]) -> str:
    """Return what stands for a character."""
    sign = found[0]
    if sign < " ":
        return chr(_PICTURES + ord(sign))
    return _DELETE_PICTURE if sign == _DELETE else f"{_MARK}{ord(sign):04x}"


def _unmarked(found: re.Match[str]) -> str:
    """Return the character that is meant."""
    if found[1]:
        return chr(int(found[1], 16))
    return _DELETE if found[2] == _DELETE_PICTURE else chr(ord(found[2]) - _PICTURES)
