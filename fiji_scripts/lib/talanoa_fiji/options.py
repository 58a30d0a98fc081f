"""Macro options: read as ImageJ writes them, and written as its Recorder does."""
from ij.plugin.frame import Recorder

RENAME = u"A macro cannot pass on a name with single brackets: rename it."


class Unreadable(ValueError):
    """What is wrong with macro options, in words for the user."""


def parse(text):
    """Return the keys and values of macro options as a list of (key, value), both text.

    "model=nuclei name=[my cells] exclude_border" gives model, name and exclude_border=true. Values with blanks stand in
    [brackets], which may be nested, or in 'single quotes'. Unreadable is raised for a key that is there twice, and for
    brackets that do not pair: a name with such brackets would become keys of its own.
    """
    found, i, text = [], 0, text or u""
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        end = i
        while end < len(text) and not text[end].isspace() and text[end] != u"=":
            end += 1
        key = text[i:end]
        if end < len(text) and text[end] == u"=":
            value, i = _value(text, end + 1, key)
        else:
            value, i = u"true", end
        if key.lower() in [before.lower() for before, _ in found]:
            raise Unreadable(u"The key %s is given twice; expected it once. Is there a bracket in a name? %s" % (key, RENAME))
        found.append((key, value))
    return found


def _value(text, i, key):
    """Return the value that begins at `i`, and where the text goes on."""
    if text[i:i + 1] == u"[":
        end = _closing(text, i)
        if end == len(text) or not (text[end + 1:end + 2] or u" ").isspace():
            raise Unreadable(u"The brackets after %s= do not pair in %s; expected [value] and a blank. %s" % (key, text[i:], RENAME))
        return text[i + 1:end], end + 1
    if text[i:i + 1] == u"'" and text.find(u"'", i + 1) > 0:
        end = text.find(u"'", i + 1)
        return text[i + 1:end], end + 1
    end = i
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[i:end], end


def _closing(text, i):
    """Return where the bracket that opens at `i` is closed, or the end of the text."""
    depth = 0
    for k in xrange(i, len(text)):
        depth += {u"[": 1, u"]": -1}.get(text[k], 0)
        if depth == 0:
            return k
    return len(text)


def record(command, values):
    """Write run("command", "key=value ...") to the Recorder, if it is open.

    values : list of (key, value)
        In the order of the dialog, see `in_order`. What is empty is left out, so that the task's own default holds on replay; where
        all is empty, ImageJ's blank option says that no dialog is wanted.
    """
    if Recorder.getInstance() is None or not Recorder.record:
        return
    Recorder.setCommand(command)
    texts = in_order([(key, as_text(value)) for key, value in values])
    for key, text in texts:
        if text and (u"/" in text or u"\\" in text):
            Recorder.recordPath(key, text)
        elif text:
            Recorder.recordOption(key, text)
    if texts and not any(text for _, text in texts):
        Recorder.recordOption(u" ")
    Recorder.saveCommand()


def in_order(texts):
    """Return (key, text) pairs so that no key comes after a longer one that ends with it.

    NB: the Recorder of ImageJ 1.54p takes "planes=" for a second one after "missing_planes=", and stops with a message.
    """
    keys = [key for key, _ in texts]
    first = dict((key, min(i for i, other in enumerate(keys) if other.endswith(key))) for key in keys)
    return sorted(texts, key=lambda pair: (first[pair[0]], len(pair[0])))


def as_text(value):
    """Return a value the way SciJava's Java objects print: true, 0.5, a path; None is the empty text."""
    if value is None:
        return u""
    if isinstance(value, bool):
        return u"true" if value else u"false"
    return unicode(value)
