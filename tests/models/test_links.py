"""A link in a stranger's model folder is refused at every door: what it leads to is neither read nor copied along."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tifffile

from helpers import restorers, tiny
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.models import folder as model_folder
from talanoa.tasks import result

SECRET = "nobody else's"


def stranger(tmp_path: Path, where: str) -> Path:
    """Return a model folder with a link to a secret, in it or in a folder of it, to a file or a folder."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text(SECRET)
    folder = Path(shutil.copytree(tiny.MODEL, tmp_path / "stranger"))
    place = folder / where
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(secrets / "key" if place.suffix else secrets)
    except OSError:
        pytest.skip("this user may not make links here (Windows)")
    return folder


def ask(task: str, **keys: Any) -> str:
    reply = tasks.run({"task": task, **keys}, QuietHost())
    assert reply["status"] == "error"
    return str(reply["message"])


@pytest.mark.parametrize("where", ["report.md", "more/notes.txt", "more/all", "weights.safetensors", "model.json"])
def test_a_link_in_a_model_folder_is_refused(where: str, tmp_path: Path) -> None:
    folder = stranger(tmp_path, where)
    tifffile.imwrite(tmp_path / "discs.tif", tiny.discs(1)[0])
    message = rf"{Path(where).name} is a link; expected plain files only"
    with pytest.raises(BadInput, match=message):
        model_folder.load(folder)
    keys = {"image": str(tmp_path / "discs.tif"), "model": str(folder), "out": str(tmp_path / "out")}
    assert "is a link" in ask("segment", **keys, copy_model=True)
    assert "is a link" in ask("models", action="import", folder=str(folder), name="taken along")
    assert not (tmp_path / "out").exists() and not (model_folder.user_models() / "taken along").exists()


def test_a_link_in_an_original_model_is_refused_too(tmp_path: Path) -> None:
    folder = tmp_path / "keras"
    shutil.copytree(Path(__file__).parent.parent / "data" / "keras" / "grid2", folder)
    (folder / "thresholds.json").unlink(missing_ok=True)
    try:
        (folder / "thresholds.json").symlink_to(tmp_path / "secret.json")
    except OSError:
        pytest.skip("this user may not make links here (Windows)")
    assert "thresholds.json is a link" in ask("models", action="import", folder=str(folder), name="linked")


def test_what_is_attached_to_a_result_holds_no_links(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a link"):
        result.attach(tmp_path, "model", stranger(tmp_path, "more/all"))
    assert not (tmp_path / "model").exists()


def test_a_link_to_a_model_folder_is_the_user_s_own(tmp_path: Path) -> None:
    folder = restorers.save(tmp_path / "model")
    try:
        (tmp_path / "short").symlink_to(folder)
    except OSError:
        pytest.skip("this user may not make links here (Windows)")
    assert model_folder.load(tmp_path / "short").method == "care"
