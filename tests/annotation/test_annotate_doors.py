"""The same keys from the command line; the guide knows all of them; nothing heavy is loaded for the quick actions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import annotating
from helpers.annotating import refused, truth
from talanoa import cli, rois
from talanoa import image as images
from talanoa.annotation.request import AnnotateRequest
from talanoa.annotation.request_propose import ProposeRequest
from talanoa.api.annotate import run
from talanoa.cli import codes
from talanoa.core.errors import BadInput
from talanoa.core.request import parse
from talanoa.fiji.bridge.dispatch import PLAIN


def test_a_dataset_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, root = annotating.sources(tmp_path, 3), str(tmp_path / "cells")
    assert cli.main(["annotate", "new", root, "--classes", "a, b", "--who", "Anna"]) == codes.OK
    assert cli.main(["annotate", "pick", root, "--source", str(source), "--count", "2"]) == codes.OK
    assert "Next: field_" in capsys.readouterr().out
    assert cli.main(["annotate", "next", root, "--json"]) == codes.OK
    name = json.loads(capsys.readouterr().out)["next"]["name"]
    drawn = tmp_path / "drawn.zip"
    rois.write_zip(drawn, truth(tmp_path / "cells", name))
    assert cli.main(["annotate", "check", "--rois", str(drawn), "--out", str(tmp_path / "found.csv")]) == codes.OK
    assert (tmp_path / "found.csv").read_text(encoding="utf-8-sig").startswith("roi,index,kind,value,hint,fix,indices")
    fixed = tmp_path / "fixed.zip"
    words = ["--rois", str(drawn), "--fix", "split", "--index", "0", "--out", str(fixed)]
    assert cli.main(["annotate", "fix", *words]) == codes.OK
    assert len(rois.read_zip(fixed).rois) == len(rois.read_zip(drawn).rois) + 1
    assert cli.main(["annotate", "fix", *words]) == codes.BAD
    assert "exists already" in capsys.readouterr().err
    assert cli.main(["annotate", "save", root, "--image", name, "--rois", str(drawn)]) == codes.OK
    capsys.readouterr()
    assert cli.main(["annotate", "status", root]) == codes.OK
    shown = capsys.readouterr().out
    assert "cells: 1 of 2 images are done." in shown and re.search(rf"{name}\s+done\s+6", shown)
    assert cli.main(["annotate", "undo", root, "--out", str(tmp_path / "again.zip")]) == codes.OK
    assert len(rois.read_zip(tmp_path / "again.zip").rois) == 6
    assert cli.main(["annotate", "save", root, "--image", name, "--empty"]) == codes.OK


def test_what_an_action_gives_is_written_where_asked(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    reply = annotating.done("propose", root, image="field_0", out=str(tmp_path / "labels.tif"))
    np.testing.assert_array_equal(images.read_labels(tmp_path / "labels.tif"), reply["labels"])
    assert "expected a name that ends in .zip or .tif" in refused("propose", root, image="field_0", out="found.csv")
    assert "this action gives no file" in refused("skip", root, image="field_0", out=str(tmp_path / "a.csv"))


def test_the_actions_from_python(tmp_path: Path) -> None:
    run("new", tmp_path / "cells")
    run("pick", tmp_path / "cells", source=str(annotating.sources(tmp_path, 2)))
    proposed = run("propose", tmp_path / "cells", image="field_0", by="threshold", min_size=30)["rois"]
    assert len(run("check", image=annotating.plane(96), rois=proposed)["table"].columns) == 7
    rois.write_zip(tmp_path / "drawn.zip", proposed)
    for drawn in (proposed, tmp_path / "drawn.zip"):
        reply = run("save", tmp_path / "cells", image="field_0", rois=drawn)
        assert reply["status_text"] == "1 of 2" and reply["saved"]["objects"] == len(proposed)
    with pytest.raises(BadInput, match="dataset is missing"):
        run("status")


def test_text_as_macros_give_it_is_read() -> None:
    given = {"action": "Fix", "fix": "Smooth", "index": "3, 5", "smoothing": "1,5", "count": "all", "tile": "512.0"}
    request = parse(AnnotateRequest, given).request
    assert (request.action, request.fix, request.index, request.smoothing) == ("fix", "smooth", "3,5", 1.5)
    assert request.count is not None and request.count > 10**6 and request.tile == 512
    assert parse(AnnotateRequest, {"action": "fix", "fix": "fill", "index": [1, 2.0]}).request.index == "1,2"
    listed = parse(AnnotateRequest, {"action": "new", "dataset": "a", "classes": ["x", "y"]}).request
    assert listed.classes == "x,y"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"action": "save"}, "dataset is missing"),
        ({"action": "sve", "dataset": "a"}, "Did you mean"),
        ({"action": "fix", "fix": "fill", "index": "a"}, "index: found 'a'"),
        ({"action": "fix", "fix": "split", "index": 0, "line": "1,2,3"}, "line: found"),
        ({"action": "pick", "dataset": "a", "tile": 4}, "tile: found 4; expected 32 or more"),
    ],
)
def test_wrong_keys_are_explained(keys: dict[str, object], expected: str) -> None:
    assert expected in annotating.ask(**keys)["message"]  # type: ignore[arg-type]


def test_the_guide_has_every_key_and_action(root: Path) -> None:
    text = (root / "docs" / "how-to" / "annotate.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    known = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert set(AnnotateRequest.model_fields) - set(ProposeRequest.model_fields) <= known
    from typing import get_args

    from talanoa.annotation.request import Action, Fix

    assert set(get_args(Action)) | set(get_args(Fix)) <= known


def test_what_a_window_needs_of_a_reply_crosses_to_imagej(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    reply = annotating.done("save", root, image="field_0", rois=truth(root, "field_0"))
    usual = {"status", "task", "message", "warnings", "request", "labels", "rois", "table", "record", "folder", "image"}
    for part in (reply, annotating.done("undo", root), annotating.done("status", root)):
        assert set(part) - usual <= set(PLAIN)


def test_neither_torch_nor_numba_is_loaded_to_save(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    rois.write_zip(tmp_path / "drawn.zip", truth(root, "field_0"))
    code = (
        "import sys; from talanoa import cli;"
        f"words = ['annotate', 'save', {str(root)!r}, '--image=field_0', '--rois', {str(tmp_path / 'drawn.zip')!r}];"
        "assert cli.main(words) == 0;"
        "assert not {'torch', 'numba', 'jpype'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
