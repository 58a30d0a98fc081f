"""The window of the check: what looks doubtful, one line each; a double click shows it."""
from java.awt import BorderLayout, Dimension, FlowLayout, Point
from java.awt.event import MouseAdapter
from javax.swing import BorderFactory, JButton, JFrame, JLabel, JPanel, JScrollPane, JTable, ListSelectionModel
from javax.swing.table import DefaultTableModel

from ij import IJ
from ij.gui import GUI

from talanoa_fiji import ui
from talanoa_fiji.ui_annotate_propose import plain

TITLE = u"Findings"
SHOWN = (u"roi", u"kind", u"value", u"hint")
HEADINGS = (u"ROI", u"Finding", u"Value", u"What to look at")
WIDTHS = (135, 80, 60, 375)
FIXES = ((u"split", u"Split"), (u"merge", u"Merge"), (u"fill", u"Fill holes"), (u"smooth", u"Smooth"), (u"delete", u"Delete"))
NONE = u"Nothing doubtful was found in %s; a check sees only what can be measured."
HINT = u"Double click: shows it."


class Findings(JFrame):
    """A table of findings, and the fixes for the line chosen; event dispatch thread.

    show : function (list of ij.gui.Roi)
        Shows outlines on the image.
    fix : function (name, list of ij.gui.Roi)
    again : function ()
        Checks once more.
    whole : function ()
        Shows the whole image again.
    """

    def __init__(self, show, fix, again, whole):
        JFrame.__init__(self, TITLE)
        self.show_outlines, self.fix_outlines, self.rows = show, fix, []
        self.told = JLabel(u" ")
        self.table = _Table(DefaultTableModel(HEADINGS, 0))
        self.table.setSelectionMode(ListSelectionModel.SINGLE_SELECTION)
        self.table.setFillsViewportHeight(True)
        self.table.addMouseListener(_DoubleClick(self.show_chosen))
        for k, width in enumerate(WIDTHS):
            self.table.getColumnModel().getColumn(k).setPreferredWidth(width)
        content = JPanel(BorderLayout(4, 4))
        content.setBorder(BorderFactory.createEmptyBorder(8, 8, 8, 8))
        content.add(self.told, BorderLayout.NORTH)
        content.add(JScrollPane(self.table), BorderLayout.CENTER)
        content.add(self._buttons(again, whole), BorderLayout.SOUTH)
        plain(content)
        self.setContentPane(content)
        self.setDefaultCloseOperation(JFrame.HIDE_ON_CLOSE)
        self.setPreferredSize(Dimension(740, 260))
        self.setAutoRequestFocus(False)
        self.pack()
        room = GUI.getMaxWindowBounds(IJ.getInstance())
        self.setLocation(Point(room.x + 8, room.y + room.height - self.getHeight()))

    def show_table(self, image, packed, outlines):
        """Show findings.

        packed : java.util.Map
            A table with the columns roi, kind, value, hint, indices (of all ROIs meant, with commas between).
        outlines : list of ij.gui.Roi
            Those that were checked, in their order.
        """
        columns = dict(zip(packed["headings"], packed["columns"])) if packed is not None else {}
        count = len(columns[u"kind"]) if columns else 0
        model = self.table.getModel()
        model.setRowCount(0)
        self.rows = []
        for k in range(count):
            self.rows.append([outlines[n] for n in _indices(columns[u"indices"][k]) if n < len(outlines)])
            model.addRow([_shown(columns[name][k]) for name in SHOWN])
        self.setTitle(u"%s: %s" % (TITLE, image))
        self.told.setText(u"%d findings in %s. %s" % (count, image, HINT) if count else NONE % image)
        self.setVisible(True)

    def chosen(self):
        """Return the outlines of the line chosen."""
        row = self.table.getSelectedRow()
        return self.rows[row] if 0 <= row < len(self.rows) else []

    def show_chosen(self):
        """Show the outlines of the line chosen."""
        self.show_outlines(self.chosen())

    def _buttons(self, again, whole):
        """Return the line of buttons."""
        line = JPanel(FlowLayout(FlowLayout.LEFT, 4, 0))
        fixes = [(label, _Fix(self, name)) for name, label in FIXES]
        for label, act in [(u"Show", self.show_chosen), (u"Whole image", whole)] + fixes + [(u"Check again", again)]:
            button = JButton(label)
            button.setFocusable(False)
            button.addActionListener(ui.Do(act))
            line.add(button)
        return line


class _Table(JTable):
    """A table in which nothing is typed; the mouse shows what does not fit into a cell."""

    def isCellEditable(self, row, column):
        return False

    def getToolTipText(self, event):
        row, column = self.rowAtPoint(event.getPoint()), self.columnAtPoint(event.getPoint())
        return unicode(self.getValueAt(row, column)) if row >= 0 and column >= 0 else None


class _Fix(object):
    """A fix of the line chosen, as a function without parameters."""

    def __init__(self, window, name):
        self.window, self.name = window, name

    def __call__(self):
        self.window.fix_outlines(self.name, self.window.chosen())


class _DoubleClick(MouseAdapter):
    """Calls a function at a double click."""

    def __init__(self, function):
        self.function = function

    def mouseClicked(self, event):
        if event.getClickCount() == 2:
            self.function()


def _indices(text):
    """Return the indices of the outlines that a finding is about."""
    return [int(one) for one in unicode(text).split(u",") if one.strip()]


def _shown(value):
    """Return a value of the table as it is read."""
    return value if isinstance(value, basestring) else (u"" if value != value else u"%.4g" % value)
