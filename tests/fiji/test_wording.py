"""Messages in ImageJ: the dialog's names of the fields, and brackets where a macro needs them."""

from __future__ import annotations

import numpy as np
import pytest

from fiji.test_jython_lib import run
from helpers import tiny
from helpers.fiji.scripts import commands
from talanoa.core.request import key_value
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.image.form import from_array

ASK = """
#@ Context context
#@ ObjectService objects
from java.io import File
from java.util import HashMap
from org.scijava.script import ScriptInfo
from org.scijava.service import Service
from talanoa_fiji import client, wording

declared = ScriptInfo(context, File(made["script"])).inputs()
inputs = [each for each in declared if not issubclass(each.getType(), Service)]
call = client.Call(made["macro"], made.get("imp"), ours=True)
call.labels = wording.labels(inputs)
if made.get("imp") is not None:
    client.set_call(call)
    reply = client.ask(objects, "segment", {"model": made["text"]}, image=True)
    client.set_call(None)
    assert call.message == reply["message"]
else:
    reply = HashMap({u"message": made["text"], u"warnings": [made["text"]]})
    wording.fit(reply, call.labels, call.macro)
    assert list(reply["warnings"]) == [reply["message"]]
made.put("labels", HashMap(call.labels))
made.put("shown", reply["message"])
"""


def shown(imagej: Runtime, command: str, text: str, macro: bool = False) -> str:
    """Return a message of the Python side as a command shows it."""
    return str(run(imagej, ASK, script=str(commands()[command]), text=text, macro=macro)["shown"])


def test_a_message_in_a_dialog_names_its_fields(imagej: Runtime) -> None:
    text = "The image is a z-stack of 5 slices; the model works in 2D. Set plane=1 to 5."
    assert shown(imagej, "Segment Objects", text) == f'{text} (In the dialog: plane is "Slice".)'
    assert shown(imagej, "Segment Objects", text, macro=True) == text
    text = "outline=star: model a draws none. Set outline=traced, or leave scale_z and prob_thresh out."
    fields = 'scale_z is "Scale the image by ... along z"; prob_thresh is "Probability/Score Threshold"'
    assert shown(imagej, "Segment Objects", text) == f"{text} (In the dialog: {fields}.)"


@pytest.mark.parametrize("text", ["Set channel=1 to 3.", "Set device=cpu.", "/tmp/no_file.tif is missing; a=b.", ""])
def test_a_message_stays_as_it_is_where_its_words_are_those_of_the_dialog(imagej: Runtime, text: str) -> None:
    assert shown(imagej, "Segment Objects", text) == text


def test_every_field_has_a_label_of_its_own(imagej: Runtime) -> None:
    for command, script in commands().items():
        labels = run(imagej, ASK, script=str(script), text="", macro=False)["labels"]
        labels = {str(key): label for key, label in labels.items()}
        labels.pop("backbone", None)  # of StarDist, whose dialog does not show the field Network of labelling
        names = [str(label) for label in labels.values()]
        assert len(set(names)) == len(names), command
        assert all(name.count("(") == name.count(")") for name in names), command


def test_a_name_with_blanks_stands_in_brackets_in_imagej(imagej: Runtime) -> None:
    text = f"Segment with {key_value('model', 'tiny cells')}."
    assert text == 'Segment with model="tiny cells".'
    for macro in (False, True):
        assert shown(imagej, "Train Model", text, macro) == "Segment with model=[tiny cells]."
    assert shown(imagej, "Train Model", f"With {key_value('model', 'nuclei')}.") == "With model=nuclei."


def test_the_reply_to_a_request_has_these_words(imagej: Runtime) -> None:
    menu.install(imagej)
    stack = np.stack([tiny.discs(seed)[0] for seed in range(3)])
    imp = convert.to_imageplus(from_array(stack, "zyx"), "stack.tif")
    given = {"script": str(commands()["Segment Objects"]), "text": tiny.MODEL, "imp": imp}
    message = str(run(imagej, ASK, macro=False, **given)["shown"])
    assert "Set plane=1 to 3" in message and '(In the dialog: plane is "Slice"' in message
    assert "dialog:" not in str(run(imagej, ASK, macro=True, **given)["shown"])
