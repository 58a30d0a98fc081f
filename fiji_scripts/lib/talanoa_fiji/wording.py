"""Puts messages of the Python side into the words of ImageJ: brackets for macros, the names of fields for dialogs."""
import re

from java.util import ArrayList

QUOTED = re.compile(u'(?<![-\\w])(\\w+)="([^"]*)"')
NAMED = re.compile(u"(?<![-\\w])([a-z]\\w*)(?==)|(?<![-\\w])([a-z]+_\\w+)(?!\\w)")


def labels(inputs):
    """Return {name of an input: label of its field}, without the explanation in parentheses at the end.

    inputs : list of org.scijava.module.ModuleItem
        A field that goes on with the one before it in the row ("Size from" ... "to") has both labels.
    """
    found, first = {}, u""
    for item in inputs:
        label = re.sub(u"\\s*\\([^()]*\\)$", u"", item.getLabel() or item.getName())
        if item.get(u"row") == u"same" and first and label[:1].islower():
            label = u"%s ... %s" % (first, label)
        else:
            first = label
        found[item.getName()] = label
    return found


def fit(reply, fields, macro):
    """Put the message and the warnings of a reply into words for a macro, or for the dialog with these fields.

    reply : java.util.Map
    fields : dict of the name of an input -> label
    """
    if reply.get("message"):
        reply.put("message", told(reply["message"], fields, macro))
    if reply.get("warnings"):
        reply.put("warnings", ArrayList([told(each, fields, macro) for each in reply["warnings"]]))


def told(text, fields, macro):
    """Return a message as a macro needs it (name="my cells" is name=[my cells]), or with the names of the dialog's fields."""
    text = QUOTED.sub(u"\\1=[\\2]", text)
    named = [] if macro else [one or other for one, other in NAMED.findall(text)]
    shown = []
    for key in named:
        label = fields.get(key)
        if label and label.lower() != key.replace(u"_", u" ") and (key, label) not in shown:
            shown.append((key, label))
    if not shown:
        return text
    return u"%s (In the dialog: %s.)" % (text, u"; ".join(u'%s is "%s"' % each for each in shown))
