"""Damaged models, archives, records, datasets and arrays: read as what they say, or refused with the file's name.

300 seeded cases a reader from at least five starting files; anything else than the readers' own error is a fault.
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import annotating, fuzzing, labellers, restorers, tiny
from helpers.annotating import done, truth
from talanoa import tasks
from talanoa.annotation.importers.cellpose import read_npy
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.labelling.models import knows
from talanoa.models import archive as model_archive
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.keras import importer, weights
from talanoa.segmentation.dataset import folder as datasets
from talanoa.segmentation.dataset import form

KERAS = [Path(__file__).parent.parent / "data" / kind for kind in ("keras", "keras_images")]
CASES = 300


def json_and_bytes(documents: dict[str, Any], seed: int) -> Iterator[fuzzing.Case]:
    """Damage the values of JSON documents, and their bytes."""
    texts = {name: json.dumps(document).encode() for name, document in documents.items()}
    half = CASES // 2
    return itertools.chain(fuzzing.json_mutations(documents, half, seed), fuzzing.mutations(texts, CASES - half, seed))


def test_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {
        "u16": rng.integers(0, 9, (20, 30)).astype(np.uint16),
        "i32": rng.integers(0, 9, (3, 20, 30)).astype(np.int32),
        "u8": rng.integers(0, 9, (7, 5)).astype(np.uint8),
        "i64": np.asfortranarray(rng.integers(0, 9, (12, 9))),
        "big endian": rng.integers(0, 9, (9, 9)).astype(">u2"),
    }
    starts = {}
    for name, values in arrays.items():
        stream = io.BytesIO()
        np.save(stream, values)
        starts[name] = stream.getvalue()

    def attempt(path: Path, case: fuzzing.Case) -> None:
        labels = read_npy(path).labels
        assert labels.dtype.kind in "iu" and labels.values.nbytes < 100 * len(case.data) and int(labels.min()) >= 0

    found = fuzzing.fuzz(fuzzing.mutations(starts, CASES, 1), tmp_path / "x.npy", attempt)
    assert not found.wrong, found


def star_convex(folder: Path, method: str, **keys: Any) -> Path:
    """Save an untrained model of objects."""
    kind = methods.get(method)
    config = kind.config(**keys)
    model = Model(folder.name, method, config.model_dump(mode="json"), kind.thresholds())
    model_folder.save(folder, model, kind.build(config).state_dict())
    return folder


def test_model_folders(tmp_path: Path) -> None:
    small = {"unet_n_filter_base": 4, "unet_n_depth": 1, "net_conv_after_unet": 8, "n_rays": 8}
    folders = {
        "stardist": star_convex(tmp_path / "stardist", "stardist", grid=(2, 2), **small),
        "stardist3d": star_convex(tmp_path / "stardist3d", "stardist3d", **small),
        "segmentation": star_convex(tmp_path / "segmentation", "segmentation", filters=4, depth=1),
        "care": restorers.save(tmp_path / "care"),
        "n2v3d": restorers.save(tmp_path / "n2v3d", "n2v3d"),
        "labelling": labellers.save(tmp_path / "labelling"),
    }

    def attempt(place: Path, case: fuzzing.Case) -> None:
        model = model_folder.load(place)
        if model.labelling is not None:
            knows(model)
        assert all(values.isfinite().all() for values in model.network().state_dict().values())
        assert all(0 <= value <= 1 for value in model.thresholds.values())

    cases = fuzzing.folder_mutations(folders, CASES, 1)
    found = fuzzing.fuzz_folder(cases, folders, tmp_path / "place", attempt)
    assert not found.wrong, found


def test_models_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "read", weights.read_here)  # no process a case: none of these goes round
    folders = {}
    for source in (path for kind in KERAS for path in kind.iterdir() if path.is_dir()):
        folders[source.name] = tmp_path / source.name
        shutil.copytree(source, folders[source.name], ignore=shutil.ignore_patterns("oracle*"))

    def attempt(place: Path, case: fuzzing.Case) -> None:
        found = importer.read(place, "x")
        assert all(values.isfinite().all() for values in found.weights.values())

    cases = fuzzing.folder_mutations(folders, CASES, 1)
    found = fuzzing.fuzz_folder(cases, folders, tmp_path / "place", attempt)
    assert not found.wrong, found


def test_a_file_of_keras_that_refers_to_itself_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((KERAS[1] / "n2v_separate" / "weights_best.h5").read_bytes())
    content[2741 : 2741 + 22997] = bytes(22997)  # the library of HDF5 goes round in it for ever
    (tmp_path / "weights_best.h5").write_bytes(content)
    monkeypatch.setattr(weights, "LIMIT", 5)
    with pytest.raises(BadInput, match=r"weights_best.h5 cannot be read as Keras weights \("):
        weights.read(tmp_path / "weights_best.h5")


def test_a_process_that_reads_keras_weights_and_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(KERAS[0] / "grid2" / "weights_best.h5", tmp_path / "weights.h5")
    monkeypatch.setattr(weights.sys, "executable", str(tmp_path / "none"))
    with pytest.raises(BadInput, match="weights.h5 cannot be read as Keras weights"):
        weights.read(tmp_path / "weights.h5")


def test_archives_of_models(tmp_path: Path) -> None:
    model = restorers.save(tmp_path / "model")
    kinds = {"stored": (0, ""), "deflated": (8, ""), "inside": (8, "a/"), "bzip2": (12, "b/c/"), "lzma": (14, "")}
    starts = {}
    for name, (compression, inside) in kinds.items():
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for file in sorted(model.iterdir()):
                archive.writestr(inside + file.name, file.read_bytes())
        starts[name] = stream.getvalue()
    places = {
        name: [*range(data.rfind(b"PK\1\2"), data.rfind(b"PK\1\2") + 46), *range(len(data) - 22, len(data))]
        for name, data in starts.items()
    }

    def attempt(path: Path, case: fuzzing.Case) -> None:
        with model_archive.opened(path) as place:
            assert model_folder.load(place).method == "care"

    found = fuzzing.fuzz(fuzzing.mutations(starts, CASES, 1, places), tmp_path / "x.zip", attempt)
    assert not found.wrong, found


def perform(**request: Any) -> dict[str, Any]:
    """Do a task; errors are raised."""
    return tasks.perform(request, QuietHost())


def test_states_of_datasets(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    base = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
    first = {**base["images"][0], "status": "done", "objects": 3, "who": "Ann", "uncertainty": 0.3}
    documents = {
        "new": base,
        "classes": {**base, "classes": ["x", "y"], "pixel_size": [1.0, 0.5, 0.5], "unit": "µm"},
        "done": {**base, "images": [first, *base["images"][1:]]},
        "empty": {"version": 1, "images": []},
        "more": {**base, "extra": {"k": [1, 2]}, "pixel_size": 0.5},
    }

    def attempt(path: Path, case: fuzzing.Case) -> None:
        dataset = datasets.open_dataset(root)
        dataset.todo()
        form.as_file(dataset)
        perform(task="annotate", action="status", dataset=str(root))

    found = fuzzing.fuzz(json_and_bytes(documents, 1), root / "dataset.json", attempt)
    assert not found.wrong, found


def test_what_takes_back_saves_and_completes_them(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path / "set", 2)
    for name in ("field_0", "field_1"):
        done("save", root, image=name, rois=truth(root, name))
    done("skip", root, image="field_1")
    undos = sorted((root / ".talanoa" / "undo").glob("*/*.json"))
    plans = [json.loads(path.read_text(encoding="utf-8")) for path in undos]
    change = {"entry": plans[-1]["entry"], "moves": {}, "remove": [], "keep": "", "drop": ""}
    documents = {
        **{str(number): plan for number, plan in enumerate(plans)},
        "nothing": {**plans[0], "files": []},
        "change": change,
        "moves": {**change, "moves": {"a": "masks/field_0.tif"}, "remove": ["rois/field_0.zip"], "keep": "1"},
    }
    place, undo = tmp_path / "place", undos[-1].relative_to(root)

    def attempt(path: Path, case: fuzzing.Case) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(root, place)
        if case.start in ("change", "moves"):
            (place / ".talanoa" / "commit").mkdir()
            shutil.copyfile(path, place / ".talanoa" / "commit" / "plan.json")
            perform(task="annotate", action="status", dataset=str(place))
        else:
            shutil.copyfile(path, place / undo)
            perform(task="annotate", action="undo", dataset=str(place))

    found = fuzzing.fuzz(json_and_bytes(documents, 1), tmp_path / "plan.json", attempt)
    assert not found.wrong, found


def test_a_number_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="min_size"):
        perform(task="segment", model=tiny.MODEL, image=str(tmp_path), min_size=10**400)
    (tmp_path / "result.json").write_text(f'{{"talanoa_result": {"9" * 400}}}', encoding="utf-8")
    with pytest.raises(BadInput, match="result.json cannot be read as JSON"):
        perform(task="rerun", result=str(tmp_path))


def test_records_of_results(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", tiny.discs(1, 48, 3)[0])
    given: list[tuple[str, str, dict[str, Any]]] = [
        ("segment", tiny.MODEL, {}),
        ("segment", tiny.MODEL, {"prob_thresh": 0.3, "tiles": 1}),
        ("restore", str(restorers.save(tmp_path / "care")), {}),
        ("restore", str(restorers.save(tmp_path / "n2v", "n2v")), {"tta": True}),
        ("predict", str(labellers.save(tmp_path / "labelling")), {}),
    ]
    records = {}
    for number, (task, model, keys) in enumerate(given):
        out = tmp_path / str(number)
        perform(task=task, model=model, image=str(tmp_path / "image.tif"), out=str(out), device="cpu", **keys)
        records[str(number)] = json.loads((out / "result.json").read_text(encoding="utf-8"))

    def attempt(path: Path, case: fuzzing.Case) -> None:
        folder = tmp_path / case.start
        shutil.copyfile(path, folder / "result.json")
        reply = perform(task="rerun", result=str(folder))
        assert reply["identical"] or reply["differences"]

    found = fuzzing.fuzz(json_and_bytes(records, 1), tmp_path / "result.json", attempt)
    assert not found.wrong, found
