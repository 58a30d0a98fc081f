"""What a message tells to do can be done: each key that a message names is a key of a request, at every door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from talanoa.cli import options
from talanoa.tasks import TASKS

PACKAGE = Path(__file__).resolve().parent.parent.parent / "python" / "talanoa"
SCRIPTS = PACKAGE.parent.parent / "fiji_scripts" / "Plugins" / "Talanoa"
# key=value in a text: the key stands alone, and something follows that is or stands for a value
KEY = re.compile(r"""(?<![\w<.{%/"'&?-])([a-z][a-z_0-9]*)=(?=[\w<"'{(\[])""")
# What looks like a key in a message and is one of something else, with the module that says so.
OTHER = {
    ("segmentation/classical/config.py", "key"): "placeholder",
    ("segmentation/classical/config.py", "min_area"): "settings",
    ("segmentation/classical/config.py", "max_area"): "settings",
    ("labelling/train/targets.py", "clip"): "steps of prepare",
    ("labelling/train/targets.py", "rolling_ball"): "steps of prepare",
    ("evaluation/request.py", "min_area"): "segment",
    ("annotation/request_propose.py", "min_area"): "settings",
    ("evaluation/labelling/segmenting.py", "min_area"): "segment",
    ("training/request.py", "clip"): "steps of prepare",
    ("training/request.py", "rolling_ball"): "steps of prepare",
    ("labelling/targets.py", "clip"): "steps of prepare",
    ("models/losses/names.py", "mse"): "loss",
    ("models/losses/names.py", "sobel"): "loss",
    ("training/request.py", "sobel"): "loss",
    ("tasks/study/request.py", "key"): "placeholder",
    ("evaluation/labelling/segmenting.py", "predicted"): "segment",
    ("fiji/setup/runtime.py", "mode"): "Python: talanoa.fiji.setup.runtime",
    ("models/keras/image_models.py", "means"): "file of another program",
    ("models/keras/image_models.py", "stds"): "file of another program",
    ("models/keras/image_models.py", "unet_last_activation"): "file of another program",
    ("models/methods/n2v.py", "n_channel_in"): "configuration",
    ("models/methods/n2v.py", "n_channel_out"): "configuration",
}
OF_READING = ("dims", "series", "missing_planes")
READERS = ("segment", "restore", "predict", "train", "study", "evaluate", "annotate", "rois")
MENU = {
    "segment": "Segment_Objects",
    "restore": "Restore_Image",
    "predict": "Predict_Fluorescence",
    "train": "Train_Model",
    "evaluate": "Evaluate_Model",
}
# Named in messages; in the menu they are for macros (unknown inputs of a script are handed on), or a window has them.
MACRO = {
    "segment": {"block", "scheduler"},
    "restore": {"scheduler"},
    "predict": {"scheduler"},
    "train": {"n_images", "dry_run"},
    "evaluate": set(),
}


def keys_in(source: str) -> Iterator[str]:
    """Yield the keys that texts of a module name; docstrings are left out."""
    tree = ast.parse(source)
    kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    docs |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield from KEY.findall("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield from KEY.findall(node.value)


@pytest.fixture(scope="module")
def named() -> set[tuple[str, str]]:
    """Return (module, key) of all messages."""
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    return {(name, key) for name, source in files.items() for key in keys_in(source)}


def test_keys_are_found_in_messages_and_not_in_docstrings() -> None:
    source = '"""Set a=1."""\nraise E(f"Set {b} c=<folder>, d={e}; or f=2 (g={1})." " h=tyx")\n'
    assert sorted(keys_in(source)) == ["c", "d", "f", "g", "h"]
    assert list(keys_in('E("Set image=<file>, or x = 1, y==2, <z=3> or w=.")')) == ["image"]


def test_each_key_that_a_message_names_is_a_key_of_a_request(named: set[tuple[str, str]]) -> None:
    known = {key for task in TASKS.values() for key in task.request.model_fields}
    assert len({key for _, key in named} & known) > 50
    unknown = {(module, key) for module, key in named if key not in known}
    assert unknown <= OTHER.keys(), f"no door has these keys: {sorted(unknown - OTHER.keys())}"
    assert OTHER.keys() <= named, f"no message names them any more: {sorted(OTHER.keys() - named)}"


@pytest.mark.parametrize("verb", READERS)
def test_every_task_that_reads_images_takes_the_keys_of_reading(verb: str) -> None:
    kind = TASKS[verb].request
    assert set(OF_READING) <= set(kind.model_fields)
    text = options.parser_for(verb, kind).format_help()
    assert all(f"--{key.replace('_', '-')}" in text for key in OF_READING)


@pytest.mark.parametrize("script", [*MENU.values(), "ROIs_to_Label_Image", "Label_Image_to_ROIs"])
def test_the_dialogs_have_the_keys_of_reading(script: str) -> None:
    assert set(OF_READING) <= fields(script)


@pytest.mark.parametrize("verb", MENU)
def test_the_dialogs_have_what_messages_name(verb: str, named: set[tuple[str, str]]) -> None:
    keys = {key for module, key in named if (module, key) not in OTHER} & set(TASKS[verb].request.model_fields)
    assert keys - fields(MENU[verb]) == MACRO[verb] & keys
    assert MACRO[verb] <= keys


def fields(script: str) -> set[str]:
    """Return the inputs that a menu script declares."""
    text = (SCRIPTS / f"{script}.py").read_text(encoding="ascii")
    return set(re.findall(r"^#@ .*\) (\w+)$", text, flags=re.MULTILINE))
