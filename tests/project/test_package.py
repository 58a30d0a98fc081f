"""The package as it is installed: light to import and complete in the wheel."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAVY = ("torch", "jpype", "scyjava", "imagej", "stardist", "numba", "matplotlib", "jinja2")
ELSEWHERE = ("PyObjCTools",)  # on macOS only
BESIDE = ("fiji_scripts", "macros", "models")


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=True,
    )


def imported(importtime: str) -> set[str]:
    """Return the top-level modules in what `python -X importtime` wrote."""
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in importtime.splitlines() if "|" in line}


def test_import_loads_neither_torch_nor_a_jvm() -> None:
    assert imported(run_python("-X", "importtime", "-c", "import talanoa").stderr).isdisjoint(HEAVY)


def test_only_the_bridge_and_the_commands_around_imagej_import_java(root: Path) -> None:
    folder = root / "python" / "talanoa"
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.split(".")[0] for name in names} & {"jpype", "scyjava", "imagej"}:
                found.add(path.relative_to(folder).as_posix())
    assert {name for name in found if not name.startswith("fiji/")} <= {"cli/demo.py", "cli/verbs.py"}


def test_help_loads_neither_torch_nor_a_jvm() -> None:
    done = run_python("-X", "importtime", "-m", "talanoa", "--help")
    assert imported(done.stderr).isdisjoint(HEAVY)
    for verb in ("segment", "train", "rois", "models", "doctor", "demo", "fiji", "rerun"):
        assert verb in done.stdout


def test_one_version_everywhere() -> None:
    import talanoa

    assert importlib.metadata.version("talanoa") == talanoa.__version__
    assert talanoa.__version__ in run_python("-m", "talanoa", "--version").stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Build the wheel from the checkout, without a network."""
    (built,) = WheelBuilder(str(root)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    return Path(built)


def test_wheel_carries_scripts_macros_models_and_samples(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in BESIDE:
        for file in (root / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and not file.name.endswith(".class"):
                assert f"talanoa/_{folder}/{file.relative_to(root / folder).as_posix()}" in names
    assert {"talanoa/py.typed", "talanoa/tasks/sample/nuclei.tif", "talanoa/tasks/sample/SOURCE.md"} <= names
    assert "talanoa/evaluation/report/templates/base.html" in names
    assert not [name for name in names if not name.startswith(("talanoa/", "talanoa-"))]


def test_installed_wheel_finds_its_own_folders(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "from talanoa.core import resources; from talanoa.tasks.sample import shipped as samples\n"
        "for place in (resources.fiji_scripts(), resources.macros(), resources.models(), samples.path('nuclei')):\n"
        "    print(place)"
    )
    places = run_python("-c", code, PYTHONPATH=str(tmp_path)).stdout.splitlines()
    assert [Path(place).is_relative_to(tmp_path.resolve()) for place in places] == [True] * 4


def test_source_archive_can_build_the_wheel(tmp_path: Path, root: Path) -> None:
    import tarfile

    (built,) = SdistBuilder(str(root)).build(directory=str(tmp_path))
    with tarfile.open(built) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "python", *BESIDE} <= tops
    assert tops.isdisjoint({".venv", "shared", ".git"})


def test_constraints_lie_within_the_accepted_ranges(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["encoders"], *extras["search"], *extras["dev"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), text


def third_party_imports(root: Path) -> set[str]:
    """Return the top-level modules that the package imports from other packages."""
    found: set[str] = set()
    for file in (root / "python").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"talanoa", *ELSEWHERE}


def test_what_is_imported_is_declared_and_the_other_way_round(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["encoders"], *extras["search"]]
    requirements = [Requirement(text) for text in texts]
    here = [requirement for requirement in requirements if not requirement.marker or requirement.marker.evaluate()]
    declared = {canonicalize_name(requirement.name) for requirement in here}
    providers = importlib.metadata.packages_distributions()
    imported_names = {canonicalize_name(providers[module][0]) for module in third_party_imports(root)}
    assert imported_names <= declared
    assert declared - imported_names <= {"imagecodecs", "onnx"}  # tifffile and torch import these themselves
