"""Tables of results: one for each kind and unit, so that no column holds two things, and no cell is 0 that is empty.

Objects go to ImageJ's Results, as its users expect, where these are empty or hold objects with the same unit; else to a
table of their own. Scores, and what was done of a folder, have tables of their own. Rows of others stay as they are.
"""
import jarray

from java.lang import Double

from ij import IJ, WindowManager
from ij.macro import Interpreter
from ij.measure import ResultsTable

from talanoa_fiji import ui

RESULTS, OURS = u"Results", u"Talanoa "
IMAGE, UNIT, RUN = u"Image", u"Unit", u"Run"  # columns that are added
OBJECTS, SCORES, IMAGES = u"objects", u"scores", u"images"
EMPTY = (None, u"", u"NaN", u"null")
FULL = u"%d rows of %s were not added to the table Results, which holds %s. Clear it first (Analyze > Clear Results), or name a result folder."


def kind_of(reply):
    """Return what the rows of a reply are: objects, scores of an evaluation, or images of a folder."""
    if reply.get("task") == u"evaluate":
        return SCORES
    return IMAGES if u"Status" in list(reply["table"]["headings"]) else OBJECTS


def put(packed, kind, imp, run, replaced=()):
    """Append rows to the table of their kind and unit.

    packed : java.util.Map
        headings (String[]), columns (a double[] or String[] for each), optional unit (of lengths).
    kind : unicode
        OBJECTS, SCORES or IMAGES.
    imp : ij.ImagePlus or None
        Its title becomes the column Image of objects.
    run : unicode
        The run that made the rows.
    replaced : collection of unicode
        Rows of these runs are removed.
    """
    if replaced:
        remove(replaced)
    columns = list(packed["columns"])
    rows, unit = len(columns[0]) if columns else 0, packed.get("unit")
    found = zip(list(packed["headings"]), columns)
    if imp is not None and kind == OBJECTS:
        found = [(IMAGE, [imp.getTitle()] * rows)] + found
    found += [(UNIT, [unit] * rows)] * bool(unit) + [(RUN, [run] * rows)]
    table, title = _table(kind, unit, [heading for heading, _ in found])
    if table is None:
        return IJ.log(FULL % (rows, kind, u"other rows"))
    _append(table, found, rows)
    if ui.has_window() and (title != RESULTS or not Interpreter.isBatchMode()):
        table.show(title)


def remove(runs):
    """Remove the rows that some runs made, from Results and from our own tables."""
    for title, table in _open_tables():
        column = _texts(table, RUN)
        kept = [row for row, run in enumerate(column) if run not in runs]
        if len(kept) < len(column):
            _keep(table, kept)
            if ui.has_window() and not Interpreter.isBatchMode():
                table.show(title)


def _table(kind, unit, headings):
    """Return the table for rows of a kind and its title; None where Results hold something else and no other can be shown."""
    results = ResultsTable.getResultsTable()
    if kind == OBJECTS and _fits(results, unit):
        return results, RESULTS
    if not ui.has_window():  # a table of another name is a window: here macros reach Results alone
        fits = not results.size() or list(results.getHeadings()) == headings
        return (results if fits and kind != OBJECTS else None), RESULTS
    title = OURS + (u"%s (%s)" % (kind, unit) if unit else kind)
    return ResultsTable.getResultsTable(title) or ResultsTable(), title


def _fits(table, unit):
    """Return True for a table that is empty, or has only objects with this unit."""
    if not table.size():
        table.reset()  # columns of rows that were deleted
        return True
    return set(_texts(table, UNIT)) == set([unit]) and bool(_texts(table, RUN))


def _open_tables():
    """Return (title, table) of Results and of every open table of ours."""
    found = [(RESULTS, ResultsTable.getResultsTable())]
    for title in (WindowManager.getNonImageTitles() or []) if ui.has_window() else []:
        table = ResultsTable.getResultsTable(title) if title.startswith(OURS) else None
        if table is not None:
            found.append((title, table))
    return found


def _append(table, found, rows):
    """Write columns into new rows; cells that a row lacks are NaN, not 0."""
    table.setNaNEmptyCells(True)
    before = table.size()
    for _ in xrange(rows):
        table.addRow()
    for heading, column in found:
        _write(table, heading, before, column)
    for heading in set(table.getHeadings()) - set(heading for heading, _ in found):
        for row in xrange(before, table.size()):
            table.setValue(heading, row, Double.NaN)
    table.showRowNumbers(True)


def _write(table, heading, before, column):
    """Write a column into the rows from `before` on; numbers of a new table in one piece."""
    if before == 0 and len(column) and not isinstance(column[0], basestring):
        table.setValues(heading, column)
        return
    put = table.setValue
    for k in xrange(len(column)):
        put(heading, before + k, column[k])


def _keep(table, rows):
    """Remove all rows but these.

    NB: ResultsTable.deleteRows of ImageJ 1.54p leaves texts where they were, so that they stand in the rows of others.
    """
    labels = [table.getLabel(row) for row in rows]
    columns = [(heading, _values(table, heading)) for heading in table.getHeadings() if table.columnExists(heading)]
    table.reset()
    table.setNaNEmptyCells(True)
    for _ in rows:
        table.addRow()
    for heading, column in columns:
        kept = [column[row] for row in rows]
        _write(table, heading, 0, jarray.array(kept, "d") if kept and not isinstance(kept[0], basestring) else kept)
    for row, label in enumerate(labels):
        if label is not None:
            table.setLabel(label, row)


def _values(table, heading):
    """Return a column: numbers, or text where any cell has some."""
    numbers = table.getColumnAsDoubles(table.getColumnIndex(heading))
    if not any(number != number for number in numbers):
        return numbers
    texts = _texts(table, heading)
    return numbers if all(text in EMPTY for number, text in zip(numbers, texts) if number != number) else texts


def _texts(table, heading):
    """Return a column as texts; an empty list where there is none."""
    if not table.size() or not table.columnExists(heading):
        return []
    return [table.getStringValue(heading, row) for row in xrange(table.size())]
