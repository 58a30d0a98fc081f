"""A dialog from the inputs of a script, for ImageJs in which SciJava has none to offer."""
from java.awt import Color, GridBagConstraints
from java.io import File
from java.lang import Boolean, Double, Integer, Number

from ij import IJ
from ij.gui import GenericDialog

from talanoa_fiji import ui

FOLDER = u"Other folder ..."
NONE_YET = u"none yet: train one first"
MORE, METHOD = u"more", u"method"  # inputs: whether the second dialog is wanted, and for which method
WRONG = Color(0xB00020)
NARROW = 8  # columns of a text field; with more, nothing fits beside it


def ask(title, inputs, last, offers, said=u""):
    """Ask for the values of the inputs; return {name: value}, or None when cancelled.

    inputs : list of org.scijava.module.ModuleItem
        Shown in their order. `style` directory, file or save adds Browse; the attribute `offer` names a list in `offers`,
        `of` which of them, `empty` a choice for none of it; `row="same"` puts a field beside the one before; `width` is
        that of a text field, the last one of its row; `joins` names an input to which the value is added after ";". Fields
        with `only` follow in a second dialog, if the input `more` asks for it and the input `method` is one of the methods
        that `only` names.
    last : dict
        Values of the last time, shown instead of the defaults.
    offers : function (kind, of) -> list of str
        What can be chosen now, for instance the models found.
    said : unicode
        What was wrong with these values, shown above the fields.
    """
    special = [item for item in inputs if item.get(u"only")]
    values = _ask(title, [item for item in inputs if item not in special], last, offers, said=said)
    if values is None or not special:
        return values
    method = values.get(METHOD)
    fitting = [item for item in special if method in item.get(u"only").split()] if values.get(MORE) else []
    alone = [item for before, item in zip(special, special[1:]) if item in fitting and before not in fitting]
    further = _ask(u"%s: %s" % (title, method), fitting, last, offers, alone) if fitting else {}
    if further is None:
        return None
    return dict(dict((item.getName(), None) for item in special), **dict(values, **further))


def _ask(title, inputs, last, offers, alone=(), said=u""):
    """Ask for the values of the inputs in one dialog; those that stand `alone` lack what they would be beside of."""
    last = _parted(inputs, last)
    while True:
        fields = _Fields(title, inputs, last, offers, alone, said)
        ui.on_events(fields.dialog.showDialog)
        if fields.dialog.wasCanceled():
            return None
        values, problems = fields.read()
        if not problems:
            return _joined(inputs, values)
        last, said = dict(last, **values), u"\n".join(problems)
        ui.message(title, said)


def _joined(inputs, values):
    """Return values in which those that join another are added to it."""
    for item in inputs:
        joins, name = item.get(u"joins"), item.getName()
        if joins and values[name]:
            values = dict(values, **{joins: u"; ".join([values[joins], values[name]]), name: u""})
    return values


def _parted(inputs, last):
    """Return the values of the last time with those that were joined in their own fields again."""
    for item in inputs:
        joins = item.get(u"joins")
        first, _, others = unicode(last.get(joins) or u"").partition(u";") if joins else (u"", u"", u"")
        if others:
            last = dict(last, **{joins: first.strip(), item.getName(): others.strip()})
    return last


class _Fields(object):
    """The fields of one dialog, and how each is read."""

    def __init__(self, title, inputs, last, offers, alone, said):
        self.dialog, self.inputs, self.offers = GenericDialog(title), inputs, offers
        if said:
            self.dialog.addMessage(u"\n".join(ui.wrapped(said)), None, WRONG)
        self.readers = []
        for item in inputs:
            value = last.get(item.getName())
            value = item.getDefaultValue() if value is None else value
            if item.get(u"row") == u"same" and item not in alone:
                self.dialog.addToSameRow()
            self.readers.append(self._add(item, item.getLabel() or item.getName(), value))

    def read(self):
        """Return {name: value} and what could not be read."""
        values, problems = {}, []
        for item, reader in zip(self.inputs, self.readers):
            name, text = item.getName(), reader()
            try:
                values[name] = convert(text, item.getType())
            except ValueError:
                values[name] = item.getDefaultValue()
                problems.append(u"%s: found %s; expected a number." % (item.getLabel() or name, text or u"nothing"))
        return values, problems

    def _add(self, item, label, value):
        """Add the field of one input and return the function that reads it."""
        kind, style = item.getType(), item.getWidgetStyle() or u""
        if issubclass(kind, Boolean):
            self.dialog.addCheckbox(label, bool(value))
            box = self.dialog.getCheckboxes().lastElement()
            return box.getState
        choices = self._choices(item)
        if choices:
            return self._choice(label, choices, value, item.get(u"offer"), item.get(u"empty"))
        text = unicode(value) if value is not None else u""
        if u"directory" in style:
            self.dialog.addDirectoryField(label, text, 24)
        elif issubclass(kind, File):
            self.dialog.addFileField(label, text, 24)
        else:
            self.dialog.addStringField(label, text, int(item.get(u"width") or NARROW))
        field = self.dialog.getStringFields().lastElement()
        if item.get(u"width"):
            self._to_the_end(field)
        return lambda: field.getText().strip()

    def _to_the_end(self, field):
        """Let a wide field reach over the columns of what stands above and below it, which else became as wide."""
        layout = self.dialog.getLayout()
        place = layout.getConstraints(field)
        place.gridwidth = GridBagConstraints.REMAINDER
        layout.setConstraints(field, place)

    def _choices(self, item):
        """Return what can be chosen, or an empty list where anything may be typed."""
        if item.get(u"offer"):
            return self.offers(item.get(u"offer"), item.get(u"of")) or [NONE_YET]
        return [unicode(choice) for choice in item.getChoices() or []]

    def _choice(self, label, choices, value, offered, empty=None):
        """Add a list of choices; of what is offered, another folder may be taken, or the one of the last time.

        empty : str or None
            A first choice that stands for the empty text.
        """
        if offered:
            value = value if not value or unicode(value) in choices or File(value).isDirectory() else choices[0]
            choices = choices + [unicode(value)] * (unicode(value) not in choices) + [FOLDER]
        choices = [empty] * (empty is not None) + choices
        self.dialog.addChoice(label, choices, unicode(value or choices[0]))
        choice = self.dialog.getChoices().lastElement()
        return lambda: self._chosen(label, choice.getSelectedItem(), empty)

    def _chosen(self, label, selected, empty):
        """Return the value that a choice stands for."""
        if selected == FOLDER:
            return IJ.getDirectory(label) or u""
        return u"" if selected in (empty, NONE_YET) else selected


def convert(text, kind):
    """Return the value that a text means for an input type; numbers may have a decimal comma.

    Raises ValueError for a text that is no number.
    """
    if issubclass(kind, Boolean):
        return text if isinstance(text, bool) else text.lower() in (u"true", u"yes", u"1")
    if issubclass(kind, File):
        return File(text) if text else None
    if issubclass(kind, Number):
        number = float(unicode(text).replace(u",", u"."))
        return Integer(int(round(number))) if issubclass(kind, Integer) else Double(number)
    return text
