"""What the documents say exists: links, commands, options, keys, messages."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from talanoa import cli
from talanoa.annotation.request import AnnotateRequest
from talanoa.cli import options
from talanoa.core import request as core_request
from talanoa.evaluation.request import EvaluateRequest
from talanoa.labelling.request import PredictRequest
from talanoa.labelling.train import presets as label_presets
from talanoa.restoration.request import RestoreRequest
from talanoa.restoration.train import presets as restore_presets
from talanoa.segmentation import request
from talanoa.segmentation.train import star_recipe, volumes
from talanoa.tasks import request as tasks_request
from talanoa.tasks.sample.request import SampleRequest
from talanoa.tasks.study.request import StudyRequest
from talanoa.training import request as training_request

REQUESTS = {
    "segment": request.SegmentRequest,
    "restore": RestoreRequest,
    "predict": PredictRequest,
    "train": training_request.TrainRequest,
    "rois": tasks_request.RoisRequest,
    "annotate": AnnotateRequest,
    "evaluate": EvaluateRequest,
    "sample": SampleRequest,
    "study": StudyRequest,
    "models": tasks_request.ModelsRequest,
    "rerun": tasks_request.RerunRequest,
    "doctor": tasks_request.DoctorRequest,
}
COMMAND = r"(?:^ {4}|`)(?:\.venv/bin/)?(?:python -m )?talanoa ([^`\n]*)"
OWN_OPTIONS = {
    "demo": {"out", "headless", "verbose"},
    "fiji": {"fiji", "verbose"},
    "install-fiji": {"check", "uninstall", "python"},
}


def documents(root: Path) -> list[Path]:
    """Return the Markdown files of the repository."""
    folders = (root / "docs", root / "models", root / "macros", root / "benchmarks", root / "python")
    return [*root.glob("*.md"), *(file for folder in folders for file in folder.rglob("*.md"))]


def anchors(text: str) -> set[str]:
    """Return the anchors that a reader's browser makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_of_the_documents_lead_somewhere(root: Path) -> None:
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            file = document.parent / path if path else document
            assert file.exists(), f"{document.name}: {target}"
            if anchor and file.suffix == ".md":
                assert anchor in anchors(file.read_text(encoding="utf-8")), f"{document.name}: {target}"


def test_make_targets_of_the_documents_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", text, flags=re.MULTILINE))
        assert named <= targets, f"{document.name}: {named - targets}"


def shell_commands(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (document, words) of each `talanoa ...` in a code block or between backticks."""
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        for line in re.findall(
            r"(?:^ {4}|`)(?:\.venv/bin/)?(?:python -m )?talanoa ([^`\n]*)", text, flags=re.MULTILINE
        ):
            yield document.name, shlex.split(line)


def test_commands_of_the_documents_exist_with_their_options(root: Path) -> None:
    found = list(shell_commands(root))
    assert len(found) > 20
    for document, words in found:
        if words[0].startswith("--") or words[0] == "COMMAND":
            continue
        verb, known = words[0], {"json", "quiet", "verbose"}
        assert verb in cli.VERBS, f"{document}: talanoa {verb}"
        known |= OWN_OPTIONS.get(verb) or set(REQUESTS[verb].model_fields)
        given = {word[2:].partition("=")[0].replace("-", "_") for word in words if word.startswith("--")}
        assert given <= known | {"help"}, f"{document}: talanoa {verb} has no {given - known}"


def test_commands_of_the_documents_are_valid_requests(root: Path) -> None:
    for document, words in shell_commands(root):
        kind = REQUESTS.get(words[0])
        if kind is None or "FOLDER" in words or (len(words) == 1 and words[0] in ("train", "evaluate")):
            continue
        if words == [words[0]] and any(field.is_required() for field in kind.model_fields.values()):
            continue  # only the name of the command
        keys, _ = options.read(options.parser_for(words[0], kind), words[0], kind, words[1:])
        assert core_request.parse(kind, keys), document


@pytest.mark.parametrize("verb", ["segment", "restore", "predict", "train", "rois", "evaluate", "sample"])
def test_the_tables_of_keys_are_complete(root: Path, verb: str) -> None:
    text = (root / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text.split(f"\n## {verb}\n")[1], flags=re.MULTILINE)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(REQUESTS[verb].model_fields)


def test_defaults_in_the_documents_are_those_of_the_requests(root: Path) -> None:
    text = (root / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    fields = request.SegmentRequest.model_fields
    assert f"({fields['norm_low'].default:g} and {fields['norm_high'].default:g})" in text
    assert f"(default `{fields['model'].default}`)" in text
    assert f"({training_request.TrainRequest.model_fields['validation'].default:g})" in text
    assert f"({training_request.TrainRequest.model_fields['seed'].default})" in text


def test_recorded_lines_of_the_documents_have_valid_keys(root: Path) -> None:
    texts = [file.read_text(encoding="utf-8") for file in [*documents(root), *(root / "macros").rglob("*.ijm")]]
    lines = [line for text in texts for line in re.findall(r'run\("Segment Objects", "([^"]*)"', text)]
    assert lines
    for line in lines:
        keys = dict(re.findall(r"(\w+)=(\[[^\]]*\]|\S+)", line))
        assert core_request.parse(request.SegmentRequest, {key: value.strip("[]") for key, value in keys.items()})


@pytest.mark.parametrize("command", ["Segment_Objects", "Restore_Image", "Predict_Fluorescence"])
def test_the_guide_to_the_menu_shows_every_field_and_key_of_the_dialog(root: Path, command: str) -> None:
    script = (root / "fiji_scripts" / "Plugins" / "Talanoa" / f"{command}.py").read_text(encoding="utf-8")
    guide = (root / "docs" / "reference" / "fiji.md").read_text(encoding="utf-8")
    declared = re.findall(r'^#@ \w+ \(label="([^"(]*).*\) (\w+)$', script, flags=re.MULTILINE)
    assert len(declared) > 15
    for label, key in declared:
        assert label.strip() in guide, label
        assert f"`{key}`" in guide, key


def test_the_readme_names_every_menu_entry(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    entries = [file.stem.replace("_", " ") for file in (root / "fiji_scripts" / "Plugins" / "Talanoa").glob("*.py")]
    assert set(re.findall(r"^\| ([A-Z][\w ]+) \|", text, flags=re.MULTILINE)) == set(entries)


def test_files_that_the_readme_and_contributing_name_exist(root: Path) -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (root / document).read_text(encoding="utf-8").split("## How it is built")[-1]
        named = set(re.findall(r"(?<![\w/])[\w/]+(?:\.py|/(?=[\s`]))", text))
        assert len(named) > 4
        for name in named:
            assert any((base / name).exists() for base in (root, root / "python" / "talanoa")), f"{document}: {name}"


def python_calls(root: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (module, function, names of keyword arguments) of each call in the Python examples of the documents."""
    for document in (root / "README.md", root / "docs" / "how-to" / "python.md"):
        blocks = re.findall(r"(?:^ {4}.*\n|^\n)+", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
        examples = [textwrap.dedent(block) for block in blocks if re.search(r"import |= talanoa\.", block)]
        modules = {"talanoa": "talanoa"}
        for node in (node for example in examples for node in ast.walk(ast.parse(example))):
            if isinstance(node, ast.ImportFrom):
                modules |= {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id in modules:
                yield modules[called.value.id], called.attr, [str(keyword.arg) for keyword in node.keywords]


def test_python_examples_call_what_exists(root: Path) -> None:
    found = list(python_calls(root))
    assert len(found) > 10
    for module, name, keywords in found:
        function = getattr(importlib.import_module(module), name)
        parameters = inspect.signature(function).parameters
        free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        assert free or set(keywords) <= set(parameters), f"{module}.{name}"


def test_quoted_messages_exist_in_the_code(root: Path) -> None:
    text = (root / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| \u201c(.+?)\u201d \|", text, flags=re.MULTILINE)
    assert len(quoted) > 20
    files = [*(root / "python").rglob("*.py"), *(root / "fiji_scripts").rglob("*.py")]
    code = "\n".join(joined(file.read_text(encoding="utf-8")) for file in files)
    for message in quoted:
        for piece in message.split("\u2026"):
            assert piece.strip() in code, message


def test_menu_entries_that_the_documents_name_exist(root: Path) -> None:
    entries = {file.stem.replace("_", " ") for file in (root / "fiji_scripts" / "Plugins" / "Talanoa").glob("*.py")}
    found = 0
    for document in documents(root):
        text = document.read_text(encoding="utf-8") if document.name != "CHANGELOG.md" else ""
        for named in re.findall(r"Plugins > Talanoa > ([A-Z].{40})", text.replace("\n", " ")):
            found += 1
            assert any(named.startswith(entry) for entry in entries), f"{document.name}: {named}"
        for name in re.findall(r'run\("([A-Z][^"]*)", "(?:[a-z_]+=|")', text) if document.name == "fiji.md" else []:
            assert name in entries, f"{document.name}: {name}"
    assert found > 8


def test_presets_in_the_guide_to_training_are_those_of_the_methods(root: Path) -> None:
    text = (root / "docs" / "how-to" / "training.md").read_text(encoding="utf-8")
    rows = [
        re.split(r"\s*\|\s*", line)[1:-1]
        for line in text.splitlines()
        if re.match(r"\| `(quick|standard|long|pub)", line)
    ]
    objects, restoration, stains = (rows[start : start + 4] for start in (0, 4, 8))

    def lengths(row: str, *presets: Mapping[str, Mapping[str, Any]]) -> None:
        for each in presets:
            name = next(key for key in each if f"`{key}`" in row)
            assert f"{each[name]['epochs']} x {each[name]['steps']}" in row, row

    for row in objects:
        lengths(" ".join(row), star_recipe.PRESETS, volumes.PRESETS)
    for row in restoration:
        for cell, ndim in ((row[1], 2), (row[2], 3)):
            shown = row[1] if cell.startswith("the same") else cell
            for method in ("care", "n2v"):
                lengths(f"{row[0]} {shown}", restore_presets.PRESETS[method, ndim])
    for row in stains:
        lengths(" ".join(row), label_presets.PRESETS)


def test_pictures_have_a_text_that_says_what_they_show(root: Path) -> None:
    found = 0
    for document in documents(root):
        for text, file in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            found += 1
            assert len(text.split()) >= 3, f"{document.name}: {file}: found the text {text!r}; expected what it shows"
    assert found > 40


def test_lines_of_prose_are_wrapped(root: Path) -> None:
    written = [*(root / "docs").glob("*/*.md"), *(root / name for name in ("README.md", "CONTRIBUTING.md"))]
    assert len(written) > 20
    for document in written:
        text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for line in text.splitlines():
            kept = line.startswith(("|", "    ", "#")) or "![" in line or "`" in line  # code is not broken
            assert kept or len(line) <= 120, f"{document.name}: {line}"


def test_tables_are_whole(root: Path) -> None:
    for document in documents(root):
        lines = ["", *document.read_text(encoding="utf-8").splitlines(), ""]
        for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
            if line.startswith("|") and not before.startswith("|"):
                assert after.startswith("|---"), f"{document.name}: a table begins without a heading: {line[:60]}"


def joined(code: str) -> str:
    """Return code with texts that are split over lines put together, and the places of values dropped."""
    code = re.sub(r"[\"\']\s*\n\s*[uf]*[\"\']", "", code)
    return code.replace('\\"', '"').replace("\\'", "'")
