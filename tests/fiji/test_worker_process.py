"""The worker process by itself, spoken to as ImageJ does: JSON lines on its stdin and stdout."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from helpers import tiny
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.core.version import __version__
from talanoa.fiji.bridge import image_facts, shared_block
from talanoa.fiji.worker import wire
from talanoa.image.form import from_array

SECONDS = 120
NOISE = """
import os
os.write(1, b"native noise")
print("noise", end="")
nothing = os.read(0, 10)
task.outputs["read"] = len(nothing)
"""


class Process:
    """A worker and the lines that it says."""

    def __init__(self, home: Path, *arguments: str, code: str = "") -> None:
        start = [sys.executable, "-m", "talanoa.fiji.worker", *arguments]
        if code:
            start = [sys.executable, "-c", f"{code}\nfrom talanoa.fiji.worker import main\nmain()"]
        self.popen = subprocess.Popen(
            start,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TALANOA_HOME": str(home)},
        )
        self._numbers = itertools.count()

    def execute(self, script: str, **inputs: Any) -> str:
        """Send a script; return the number of its task."""
        number = str(next(self._numbers))
        self.send({"task": number, "requestType": "EXECUTE", "script": script, "inputs": inputs})
        return number

    def send(self, message: dict[str, Any]) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps(message) + "\n")
        self.popen.stdin.flush()

    def lines(self, number: str) -> Iterator[dict[str, Any]]:
        """Yield what is said of a task, to its end."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            said = json.loads(line)
            if said["task"] == number:
                yield said
                if said["responseType"] in ("COMPLETION", "FAILURE", "CANCELATION"):
                    return

    def outputs(self, script: str, **inputs: Any) -> dict[str, Any]:
        """Run a script to its end and return its outputs."""
        *_, last = self.lines(self.execute(script, **inputs))
        assert last["responseType"] == "COMPLETION", last
        return last["outputs"]

    def end(self) -> int:
        """Close the channel, as the end of ImageJ does, and return the exit code."""
        self.popen.communicate(timeout=SECONDS)
        return self.popen.returncode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    made = []

    def begin(*arguments: str, code: str = "") -> Process:
        made.append(Process(tmp_path / "home", *arguments, code=code))
        return made[-1]

    yield begin
    for process in made:
        process.popen.kill()
        process.popen.communicate()
    assert not list(shared_block.LINUX_FOLDER.glob(f"talanoa-{os.getpid()}-*"))


def request(task: str, pixels: np.ndarray | None = None, **keys: Any) -> tuple[dict[str, Any], Any]:
    """Return a request as ImageJ sends it, and the block that goes along."""
    made: dict[str, Any] = {"id": f"{task}-1", "task": task, "keys": keys, "reply": f"talanoa-{os.getpid()}-reply"}
    if pixels is None:
        return made, None
    leaving = image_facts.from_form(from_array(pixels, name="discs.tif"))
    arrays = {"pixels": leaving.values, "tables": np.repeat(np.arange(256, dtype=np.uint8)[None, None], 3, axis=1)}
    memory, made["block"] = shared_block.create(f"talanoa-{os.getpid()}-sent", arrays)
    kind = {"uint8": image_facts.GRAY8, "uint16": image_facts.GRAY16, "float32": image_facts.GRAY32}[
        leaving.facts["type"]
    ]
    arriving = {
        **leaving.facts,
        "kind": kind,
        "bits": 8 * pixels.itemsize,
        "y_unit": "pixel",
        "z_unit": "pixel",
        "origin": [0.0, 0.0],
        "time_unit": "sec",
        "density": None,
        "ranges": [[0.0, 255.0]],
        "slice_labels": [],
        "source": None,
        "selection": None,
    }
    return {**made, "image": wire(arriving)}, memory


def test_it_says_who_it_is(start: Callable[..., Process]) -> None:
    process = start()
    said = process.outputs("hello()")
    assert (said["talanoa"], said["pid"], said["done"]) == (__version__, process.popen.pid, 0)
    assert process.end() == 0
    assert "ImageJ has ended" in Path(said["log"]).read_text(encoding="utf-8")


def test_a_job_gives_what_the_task_gives(start: Callable[..., Process]) -> None:
    pixels, _ = tiny.discs(100)
    expected = tasks.run({"task": "segment", "model": str(tiny.MODEL)}, QuietHost(), from_array(pixels))
    process = start()
    sent, memory = request("segment", pixels, model=str(tiny.MODEL))
    said = list(process.lines(process.execute("answer(task, request)", request=sent)))
    shared_block.release(memory)
    reply = said[-1]["outputs"]["reply"]
    assert reply["status"] == "ok", reply
    kinds = {line["info"]["kind"] for line in said if line["responseType"] == "UPDATE"}
    assert "progress" in kinds
    memory = shared_block.attach(reply["block"])
    view = {key: shared_block.view(memory, reply["block"], key).copy() for key in reply["block"]["arrays"]}
    shared_block.release(memory)
    np.testing.assert_array_equal(view["labels_pixels"], np.asarray(expected["labels"])[0, 0])
    assert len(view["roi_start"]) - 1 == len(expected["rois"]) == reply["rows"]
    assert reply["headings"] == [str(name) for name in expected["table"].columns]
    process.outputs("release(identity)", identity=sent["id"])
    assert process.outputs("hello()")["done"] == 1


def test_a_reply_that_nobody_read_is_given_back_at_the_end(start: Callable[..., Process]) -> None:
    process = start()
    sent, memory = request("segment", tiny.discs(100)[0], model=str(tiny.MODEL))
    reply = process.outputs("answer(task, request)", request=sent)["reply"]
    shared_block.release(memory)
    assert reply["status"] == "ok" and "block" in reply
    assert process.end() == 0


def test_errors_are_replies(start: Callable[..., Process]) -> None:
    process = start()
    reply = process.outputs("answer(task, request)", request=request("segment")[0])["reply"]
    assert reply["status"] == "error" and "No image is open" in reply["message"]
    reply = process.outputs("answer(task, request)", request=request("dance")[0])["reply"]
    assert reply["status"] == "error" and "segment" in reply["message"]
    assert process.outputs("hello()")["running"] == []


def test_what_else_is_printed_does_not_disturb(start: Callable[..., Process]) -> None:
    process = start(code='import os, sys\nsys.argv = ["worker"]')
    assert process.outputs(NOISE) == {"read": 0}
    assert process.end() == 0


def test_an_idle_worker_ends(start: Callable[..., Process]) -> None:
    process = start("--idle-minutes", "0.001")
    assert process.popen.wait(SECONDS) == 0


def test_a_job_is_stopped_while_it_waits_for_another(start: Callable[..., Process], tmp_path: Path) -> None:
    process = start()
    large = np.tile(tiny.discs(100)[0], (16, 16))
    first, memory = request("segment", large, model=str(tiny.MODEL), tiles=64)
    running = process.execute("answer(task, request)", request=first)
    lines = process.lines(running)
    assert next(lines)["responseType"] == "LAUNCH"
    while next(lines).get("info", {}).get("kind") != "progress":
        pass
    second = {**request("segment", model=str(tiny.MODEL))[0], "id": "second"}
    waiting = process.execute("answer(task, request)", request=second)
    process.send({"task": waiting, "requestType": "CANCEL"})
    *_, last = process.lines(waiting)
    assert last["outputs"]["reply"]["status"] == "cancelled"
    process.send({"task": running, "requestType": "CANCEL"})
    process.send({"task": running, "requestType": "CANCEL"})
    *_, last = process.lines(running)
    assert last["outputs"]["reply"]["status"] == "cancelled"
    shared_block.release(memory)
    sent, memory = request("segment", tiny.discs(100)[0], model=str(tiny.MODEL))
    assert process.outputs("answer(task, request)", request=sent)["reply"]["status"] == "ok"
    shared_block.release(memory)
    process.outputs("release(identity)", identity=sent["id"])


def test_the_end_of_imagej_in_mid_job_ends_the_worker(start: Callable[..., Process]) -> None:
    process = start()
    sent, memory = request("segment", np.tile(tiny.discs(100)[0], (16, 16)), model=str(tiny.MODEL), tiles=64)
    lines = process.lines(process.execute("answer(task, request)", request=sent))
    assert next(lines)["responseType"] == "LAUNCH"
    shared_block.release(memory)
    children = psutil.Process(process.popen.pid).children()
    assert process.end() == 0
    psutil.wait_procs(children, SECONDS)
    assert not [child for child in children if child.is_running()]
