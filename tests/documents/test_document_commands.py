"""The command lines and Python examples of the documents do what they say, on small files of the names they use."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers import documents_world as world
from helpers import tiny
from talanoa import cli
from talanoa import image as images
from talanoa.cli import codes
from talanoa.core import request
from talanoa.models import folder as model_folder
from talanoa.models import geometry
from talanoa.tasks.study.request import StudyRequest

# What takes minutes, a display, a network or other machines; test_documents.py and tests of their own look at these.
ELSEWHERE = ("demo", "fiji", "install-fiji", "doctor", "study")
TRAIN = ["--epochs=1", "--steps=1", "--batch=2", "--patch=32", "--device=cpu"]
MORE: dict[str, list[str]] = {
    "evaluate": ["--bootstrap=20", "--device=cpu", "--backend=torch", "--pictures=1"],
    "segment": ["--device=cpu", "--backend=torch"],
    "restore": ["--device=cpu", "--backend=torch"],
    "predict": ["--device=cpu", "--backend=torch"],
    "nuclei": ["--size=64", "--images=2"],
    "noisy": ["--size=64", "--images=1"],
    "plate": ["--size=64", "--images=1", "--wells=1", "--planes=1"],
}


def commands(document: Path) -> list[str]:
    """Return the `talanoa ...` lines of the code blocks of a document."""
    return re.findall(r"^ {4}talanoa (.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)


def runs(words: list[str]) -> bool:
    """Return True for what can be done in seconds."""
    return (
        words[0] not in ELSEWHERE
        and not ({"--workers", "--scheduler", "FOLDER"} & set(words))
        and "import" not in words
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the documents name."""
    folder = tmp_path_factory.mktemp("documents")
    world.write(folder)
    return folder


@pytest.fixture
def here(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it, as the current folder."""
    folder = tmp_path / "here"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path / "home"))
    return folder


def made(words: list[str], before: bool = False) -> list[Path]:
    """Return the files and folders that a command makes, or that must not be there before."""
    pairs = dict(itertools.pairwise(words))
    places = [Path(pairs[key]) for key in ("--out", "--picture") if key in pairs]
    if words[0] == "train" and (before or not {"--dry-run", "--one-per-stain"} & set(words)):
        places.append(model_folder.user_models() / pairs["--name"])
    return [*places, Path(words[2])] if words[:2] == ["annotate", "new"] else places


def make_room(words: list[str]) -> None:
    """Remove what the command will make: the documents use the same names again."""
    for place in made(words, before=True):
        shutil.rmtree(place, ignore_errors=True)
        if place.is_file():
            place.unlink()


def shortened(words: list[str]) -> list[str]:
    """Return a command with what makes it short: a training of one step."""
    if words[0] != "train":
        return [*words, *MORE.get(words[1] if words[0] == "sample" else words[0], [])]
    network = [] if "--init" in words else ["--depth=2", "--filters=4"]
    return [*words, *TRAIN, *network]


def write_what_differs(words: list[str]) -> None:
    """Write what has one name in the documents, but is not alike: plates of one or two kinds of light, stacks."""
    for plate in (Path("my_plate"), Path("plate2")):
        shutil.rmtree(plate / "DIC", ignore_errors=True)
        if {"phase,DIC", "of both lights"} & set(words):
            world.negative(plate / "phase", plate / "DIC")
    if "stacks" not in words:
        return
    for number, field in enumerate(world.FIELDS):
        dims = "zyx" if {"--projection", "--isotropic"} & set(words) else "czyx"
        Path("stacks", f"{field}.tif").unlink(missing_ok=True)
        world.several("stacks", dims, Path("stacks", f"{field}.tif"))
        if not Path("planes", f"{field}.tif").exists():
            world.image("discs", number, Path("planes", f"{field}.tif"))


ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md"))) if commands(path)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_commands_of_a_document_run(
    document: Path, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restoring = ("my cells", *world.RESTORING) if document.stem == "evaluate-restored" else world.RESTORING
    world.write_models(tmp_path / "home", restoring)
    for line in commands(document):
        words = shlex.split(line)
        if not runs(words):
            continue
        make_room(words)
        write_what_differs(words)
        status = cli.main(shortened(words))
        captured = capsys.readouterr()
        assert status == codes.OK, f"{document.name}: talanoa {line}\n{captured.err}"
        for place in made(words):
            assert place.exists(), f"{document.name}: talanoa {line}: {place}"


def examples(document: Path) -> Iterator[tuple[str, str]]:
    """Yield (heading, code) of the Python examples of each section of a document, put together."""
    for section in re.split(r"^(?=## )", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
        blocks = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
        blocks += [textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.*\n|^\n)+", section, flags=re.MULTILINE)]
        code = "\n".join(block for block in blocks if is_python(block))
        if "talanoa" in code and "talanoa.fiji" not in code:
            yield section.splitlines()[0], code


def is_python(block: str) -> bool:
    """Return True for code that mentions a name and is no shell command, drawing or macro."""
    try:
        return bool(block.strip()) and any(isinstance(node, ast.Call) for node in ast.walk(ast.parse(block)))
    except SyntaxError:
        return False


def named() -> dict[str, Any]:
    """Return the arrays that the examples use without making them."""
    labels = tiny.discs(1, 64, 4)[1].astype(np.int32)
    pixels = tiny.discs(1, 64, 4)[0].astype(np.float32)
    rays = geometry.star_distances(labels, n_rays=16).reshape(-1, 16)
    points = np.argwhere(np.ones(labels.shape)).astype(np.float32)
    inside = labels.ravel() > 0
    probabilities = geometry.edge_probability(labels).ravel()[inside]
    return {
        "talanoa": talanoa, "found": SimpleNamespace(labels=images.from_array(labels)), "array": np.stack([pixels] * 2),
        **dict.fromkeys(("plane", "noisy", "truth", "low", "high"), pixels), "restored": pixels + 1,
        "true": labels, "predicted": labels, "labels": labels, "shape": labels.shape,
        "rays": rays[inside], "points": points[inside], "probabilities": probabilities,
    }  # fmt: skip


def check_study(**keys: Any) -> Any:
    """Check the keys of a study, which takes minutes."""
    return SimpleNamespace(table=request.parse(StudyRequest, keys).request)


def with_keys(function: Callable[..., Any], more: dict[str, Any]) -> Callable[..., Any]:
    """Return a function that is called with further keys."""
    return lambda *given, **keys: function(*given, **keys, **more)


EXAMPLES = [
    pytest.param(code, id=f"{path.stem}: {heading.strip('# ')}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md")))
    for heading, code in examples(path)
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_python_examples_run(code: str, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write_models(tmp_path / "home")
    tiny_keys = {"epochs": 1, "steps": 1, "batch": 2, "patch": 32, "depth": 2, "filters": 4, "device": "cpu"}
    for function in ("train", "estimate"):
        monkeypatch.setattr(talanoa, function, with_keys(getattr(talanoa, function), tiny_keys))
    monkeypatch.setattr(talanoa, "study", check_study)
    for name in re.findall(r'train\(.*name="([^"]*)"', code):
        shutil.rmtree(model_folder.user_models() / name, ignore_errors=True)
    if "rerun" in code:
        talanoa.segment("cells.tif", model="nuclei", out="results")
    if "my_cells" in code:
        assert cli.main(["annotate", "new", "my_cells"]) == codes.OK
    exec(compile(code, "example", "exec"), named())


def test_examples_and_commands_are_found() -> None:
    lines = [line for document in DOCUMENTS for line in commands(document)]
    assert sum(runs(shlex.split(line)) for line in lines) > 80
    assert len(EXAMPLES) > 8
