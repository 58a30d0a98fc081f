"""What a dialog begins with: the values of the last time, without those that belonged to one run or to another image.

A script says so of its inputs: keep="run" is for one run alone (a file, a new folder, a new name), keep="image" holds as
long as the same image is shown in the same channel, preset="channel" begins with the channel that is shown.
"""
KEEP, PRESET = u"keep", u"preset"
RUN, IMAGE, CHANNEL = u"run", u"image", u"channel"


class Remembered(object):
    """The values of the last time for each command."""

    def __init__(self):
        self.last, self.filled = {}, {}

    def note(self, name, values, imp, done=True):
        """Keep the values of a run; of one that failed or was cancelled, all of them are kept for the same image.

        imp : ij.ImagePlus or None
            The active image.
        """
        self.last[name] = (values, _shown(imp), done)

    def fill(self, name, values):
        """Let the next dialog of a command begin with these values."""
        self.filled[name] = dict(self.filled.get(name, {}), **values)

    def begin(self, name, inputs, imp):
        """Return the values that the dialog of a command begins with.

        inputs : list of org.scijava.module.ModuleItem
        imp : ij.ImagePlus or None
            The active image.
        """
        values, shown, done = self.last.get(name, ({}, None, True))
        same = shown == _shown(imp)
        found = {}
        for item in inputs:
            key, keep = item.getName(), item.get(KEEP)
            if key in values and (keep is None or (same and (keep == IMAGE or not done))):
                found[key] = values[key]
            elif item.get(PRESET) == CHANNEL:
                found[key] = shown_channel(imp)
        return dict(found, **self.filled.pop(name, {}))


def shown_channel(imp):
    """Return the number of the channel that an image shows, as text; empty for an image of one channel, and for RGB."""
    return unicode(imp.getChannel()) if imp is not None and imp.getNChannels() > 1 else u""


def without_preset(values, inputs, imp, channels_of):
    """Return values without a channel that was only preset, where the model takes several channels together.

    channels_of : function (name of a model) -> int or None
    """
    for item in inputs:
        key, preset = item.getName(), shown_channel(imp)
        if item.get(PRESET) == CHANNEL and preset and values.get(key) == preset and channels_of(values.get(u"model")) > 1:
            values = dict(values, **{key: u""})
    return values


def _shown(imp):
    """Return which image is shown, and which of its channels."""
    return None if imp is None else (imp.getID(), imp.getChannel())
