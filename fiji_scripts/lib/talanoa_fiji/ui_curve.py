"""The curve of a training: loss of the training and of the validation images over the epochs."""
import math

from java.awt import BasicStroke, Color, Dimension, Font, RenderingHints
from java.awt.geom import Ellipse2D, Path2D, Rectangle2D
from javax.swing import JComponent

TRAINING, VALIDATION = Color(0x0072B2), Color(0xD55E00)  # apart for every kind of colour vision, and by their lines
SOLID = BasicStroke(2.0, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
DASHED = BasicStroke(2.0, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1.0, [7.0, 4.0], 0.0)
DOTTED = BasicStroke(1.0, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1.0, [2.0, 3.0], 0.0)
THIN = BasicStroke(1.0)
GRID, INK, FAINT = Color(0xE4E4E4), Color(0x222222), Color(0x555555)
FEWEST = 10  # epochs that the axis shows at least
TOP = 26  # pixels above the frame, for the legend
WIDE = 4.0  # a wider range of losses is drawn on a logarithmic axis


class Curve(JComponent):
    """Draws the losses of the epochs so far, and marks the best one."""

    def __init__(self):
        JComponent.__init__(self)
        self.rows, self.best, self.epochs = [], 0, FEWEST
        self.setPreferredSize(Dimension(620, 230))
        self.setFont(Font(Font.SANS_SERIF, Font.PLAIN, 12))

    def add_rows(self, rows, best, epochs):
        """Add epochs: (epoch, loss, validation loss); `best` is the best one so far; event dispatch thread."""
        self.rows.extend(rows)
        self.best, self.epochs = best, epochs
        self.repaint()

    def paintComponent(self, g):
        """Draw; called by Swing."""
        g = g.create()
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
        g.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
        g.setColor(Color.WHITE)
        g.fillRect(0, 0, self.getWidth(), self.getHeight())
        if self.rows:
            _draw(g, self)
        else:
            g.setColor(FAINT)
            g.drawString(u"The curve begins after the first epoch.", 20, self.getHeight() // 2)
        g.dispose()


def _draw(g, curve):
    """Draw axes, curves and legend."""
    values = [value for row in curve.rows for value in row[1:]]
    axis = Scale(min(values), max(values))
    most = max(curve.rows[-1][0], min(curve.epochs, FEWEST), 2)
    metrics = g.getFontMetrics()
    left = 14 + max(metrics.stringWidth(text) for _, text in axis.ticks)
    box = (left, TOP, curve.getWidth() - left - 16, curve.getHeight() - TOP - 40)

    def place(epoch, value):
        x = box[0] + box[2] * (epoch - 1.0) / (most - 1.0)
        return x, box[1] + box[3] * (1.0 - axis.part(value))

    _axes(g, box, axis, most, place)
    _mark_best(g, box, curve, place)
    _line(g, [place(row[0], row[1]) for row in curve.rows], TRAINING, SOLID, Ellipse2D.Double)
    _line(g, [place(row[0], row[2]) for row in curve.rows], VALIDATION, DASHED, Rectangle2D.Double)
    _legend(g, box)


class Scale(object):
    """An axis of losses: linear, or logarithmic for a wide range; ticks at round numbers.

    low, high : float
        What is to be shown.
    """

    def __init__(self, low, high):
        self.log = low > 0 and high / low > WIDE
        if high <= low:
            low, high = low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6
        if not self.log:
            margin = 0.05 * (high - low)
            low, high = low - margin, high + margin
        else:
            low, high = low / 1.1, high * 1.1
        self.low, self.high = low, high
        self.ticks = [(value, u"%g" % value) for value in (_log_ticks(low, high) if self.log else _ticks(low, high))]

    def part(self, value):
        """Return where a value lies: 0 at the lower end, 1 at the upper one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _ticks(low, high, about=5):
    """Return round numbers from `low` to `high`."""
    raw = (high - low) / float(about)
    ten = 10.0 ** math.floor(math.log10(raw))
    step = next(ten * factor for factor in (1, 2, 5, 10) if ten * factor >= raw)
    first = int(math.ceil(low / step - 1e-9))
    return [float(u"%.10g" % (k * step)) for k in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def _log_ticks(low, high):
    """Return 1, 2 and 5 times the powers of ten from `low` to `high`."""
    powers = range(int(math.floor(math.log10(low))), int(math.ceil(math.log10(high))) + 1)
    return [factor * 10.0 ** power for power in powers for factor in (1, 2, 5) if low <= factor * 10.0 ** power <= high]


def _axes(g, box, axis, most, place):
    """Draw grid, frame and numbers."""
    metrics = g.getFontMetrics()
    g.setStroke(THIN)
    for value, text in axis.ticks:
        y = int(place(1, value)[1])
        g.setColor(GRID)
        g.drawLine(box[0], y, box[0] + box[2], y)
        g.setColor(INK)
        g.drawString(text, box[0] - 6 - metrics.stringWidth(text), y + metrics.getAscent() // 2 - 1)
    for epoch in _epoch_ticks(most):
        text = u"%d" % epoch
        g.drawString(text, int(place(epoch, axis.low)[0]) - metrics.stringWidth(text) // 2, box[1] + box[3] + 16)
    g.setColor(FAINT)
    g.drawRect(box[0], box[1], box[2], box[3])
    text = u"epoch" + (u" (loss: logarithmic)" if axis.log else u" (loss: linear)")
    g.drawString(text, box[0] + (box[2] - metrics.stringWidth(text)) // 2, box[1] + box[3] + 32)


def _epoch_ticks(most):
    """Return the epochs that get a number."""
    ticks = [int(value) for value in _ticks(1, most, 8) if value >= 1 and value == int(value)]
    return ticks if 1 in ticks else [1] + [tick for tick in ticks if tick > most * 0.1 + 1]


def _mark_best(g, box, curve, place):
    """Draw a dotted line at the best epoch, and its number."""
    rows = [row for row in curve.rows if row[0] == curve.best]
    if not rows:
        return
    x = int(place(curve.best, rows[0][2])[0])
    g.setColor(FAINT)
    g.setStroke(DOTTED)
    g.drawLine(x, box[1], x, box[1] + box[3])
    text = u"best: %d" % curve.best
    width = g.getFontMetrics().stringWidth(text)
    g.drawString(text, x + 4 if x + 8 + width < box[0] + box[2] else x - 4 - width, box[1] + box[3] - 6)


def _line(g, points, colour, stroke, kind):
    """Draw a curve; its last point is marked."""
    path = Path2D.Double()
    path.moveTo(*points[0])
    for x, y in points[1:]:
        path.lineTo(x, y)
    g.setColor(colour)
    g.setStroke(stroke)
    g.draw(path)
    x, y = points[-1]
    g.fill(kind(x - 3.5, y - 3.5, 7.0, 7.0))


def _legend(g, box):
    """Say above the frame which line is which."""
    metrics, middle = g.getFontMetrics(), TOP // 2
    x = box[0] + box[2]
    for text, colour, stroke in ((u"validation images", VALIDATION, DASHED), (u"training images", TRAINING, SOLID)):
        x -= metrics.stringWidth(text)
        g.setColor(INK)
        g.drawString(text, x, middle + metrics.getAscent() // 2 - 1)
        g.setColor(colour)
        g.setStroke(stroke)
        g.drawLine(x - 40, middle, x - 8, middle)
        x -= 64
