import json
import pickle
from pathlib import Path

import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model

SMALL = {"unet_n_filter_base": 4, "unet_n_depth": 1, "net_conv_after_unet": 8, "n_rays": 8, "grid": (2, 2)}


def made(folder: Path, **keys: object) -> Path:
    """Write a small model folder with random weights."""
    torch.manual_seed(0)
    method = methods.get("stardist")
    config = method.config(**SMALL)
    model = Model(folder.name, "stardist", config.model_dump(mode="json"), {"prob": 0.4, "nms": 0.3}, **keys)
    model_folder.save(folder, model, method.build(config).state_dict())
    return folder


def test_saved_and_loaded_models_are_equal(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", pixel_size=0.5, unit="µm", licence="CC0", training={"seed": 1})
    model = model_folder.load(folder)
    assert (model.name, model.pixel_size, model.unit, model.licence) == ("a", 0.5, "µm", "CC0")
    assert model.thresholds == {"prob": 0.4, "nms": 0.3}
    assert {key: value for key, value in model.training.items() if key != "id"} == {"seed": 1}
    copy = tmp_path / "b"
    model_folder.save(copy, model, model.network().state_dict())
    image = torch.rand(1, 1, 32, 32)
    assert torch.equal(model.network()(image)[1], model_folder.load(copy).network()(image)[1])


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    before = (folder / "model.json").read_bytes()
    with pytest.raises(BadInput, match="exists already"):
        made(folder)
    assert (folder / "model.json").read_bytes() == before


def test_own_models_are_found_by_name_and_hide_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path))
    made(tmp_path / "models" / "mine")
    assert model_folder.find("mine") == tmp_path / "models" / "mine"
    assert next(info.name for info in model_folder.available()) == "mine"
    with pytest.raises(BadInput, match=r"Unknown model 'others'; models found: mine"):
        model_folder.find("others")
    with pytest.raises(BadInput, match="mine-2"):
        model_folder.check_name("mine")


@pytest.mark.parametrize("name", ["", "a/b", "..", " a", "a:b", "con*"])
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a model name"):
        model_folder.check_name(name)


def test_pickled_weights_are_named_and_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    opened = tmp_path / "opened"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (opened,))

    (folder / "weights.pt").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BadInput, match="pickled weights"):
        model_folder.load(folder)
    made(folder / "inner")
    (folder / "inner" / "weights.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BadInput, match="damaged or no safetensors"):
        model_folder.load(folder / "inner").network()
    assert not opened.exists()


def test_models_of_the_tensorflow_packages_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "weights_best.h5").write_bytes(b"")
    with pytest.raises(BadInput, match="TensorFlow"):
        model_folder.load(tmp_path)


def damage(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"format": 99}, "format 99"),
        ({"method": "magic"}, "Unknown method 'magic'"),
        ({"config": {**SMALL, "n_ray": 8}}, "n_ray: .*Valid keys: .*n_rays"),
        ({"config": {**SMALL, "grid": [3, 3]}}, "grid must be 1, 2 or 4"),
        ({"thresholds": {"prob": 2, "nms": 0.3}}, "between 0 and 1"),
    ],
)
def test_damaged_records_say_what_is_wrong(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    folder = made(tmp_path / "a")
    damage(folder, **changes)
    with pytest.raises(BadInput, match=message):
        model_folder.load(folder)


def test_weights_that_do_not_fit_the_configuration_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    damage(folder, config={**SMALL, "n_rays": 16})
    with pytest.raises(BadInput, match="does not fit"):
        model_folder.load(folder).network()


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(BadInput, match="damaged"):
        model_folder.load(folder).network()
    (folder / "model.json").write_text('{"format": 1')
    with pytest.raises(BadInput, match="cannot be read as a model record"):
        model_folder.load(folder)
