"""The notebooks run from their first cell to the last, with small settings, and are kept without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorials" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NETWORK = {"epochs": 1, "steps": 2, "depth": 1, "filters": 4, "device": "cpu"}
SMALL = {**NETWORK, "n_rays": 16, "head": 8}
PLANES = {**NETWORK, "patch": 32, "batch": 2}
STACKS = {**NETWORK, "patch": 32, "patch_z": 8, "batch": 1}
TINY: dict[str, dict[str, Any]] = {
    "stardist_2d": {"n_images": 2, "size": 64, "training": {**SMALL, "patch": 32, "batch": 2}},
    **{key: {"n_images": 2, "size": 64, "training": PLANES} for key in ("care_2d", "n2v_2d")},
    **{key: {"n_images": 2, "size": 64, "training": STACKS} for key in ("care_3d", "n2v_3d")},
    "labelling": {"wells": 3, "size": 64, "training": PLANES},
    "stardist_3d": {"n_images": 2, "size": 64, "training": {**SMALL, "patch": 32, "patch_z": 16, "batch": 1}},
}


def test_there_is_a_notebook_for_each_setting() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(TINY)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _execute(path, tmp_path, monkeypatch)
    assert (tmp_path / path.stem.replace("_", "-") / "evaluation" / "report.html").is_file()


def test_a_notebook_runs_again_in_a_new_folder_with_a_new_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        _execute(FOLDER / "n2v_2d.ipynb", tmp_path, monkeypatch)
    assert all((tmp_path / work / "evaluation" / "report.html").is_file() for work in ("n2v-2d", "n2v-2d-2"))
    assert len(list((tmp_path / "home" / "models").glob("Noise2Void*"))) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_run_of_a_notebook_has_names_of_its_own(path: Path) -> None:
    (cell,) = [cell for cell in nbformat.read(path, 4).cells if "parameters" in cell.metadata.get("tags", [])]
    assert "work = next_free(" in cell.source and "model = next_free(" in cell.source


def _execute(path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a notebook with small settings."""
    monkeypatch.setenv("TALANOA_HOME", str(place / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(place / "ipython"))
    notebook = nbformat.read(path, 4)
    (at,) = [k for k, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    given = "\n".join(f"{name} = {value!r}" for name, value in TINY[path.stem].items())
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(given))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}}).execute()
    told = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "is trained" in told and "would take about" in told
