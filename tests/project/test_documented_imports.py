"""Imports that the documents and users' scripts name find what they name, wherever it is now."""

from __future__ import annotations

import importlib

import pytest

IMPORTS = {
    "talanoa": "annotate geometry image noise_checks overlay registration rois",
    "talanoa.annotate": "run folder import_labels propose",
    "talanoa.errors": "BadInput",
    "talanoa.fiji": "convert menu runtime",
    "talanoa.files": "next_free",
    "talanoa.methods": "classical",
    "talanoa.metrics": "frc matching overlap pixel psnr ssim",
    "talanoa.model_folder": "user_models",
    "talanoa.requests_propose": "ProposeRequest",
    "talanoa.requests_sample": "SampleRequest",
    "talanoa.samples": "noisy plate synthetic",
    "talanoa.tables": "measure read_csv",
    "talanoa.training": "ranking",
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in IMPORTS.items() for name in names.split()]
)
def test_a_documented_import_works(module: str, name: str) -> None:
    namespace: dict[str, object] = {}
    exec(f"from {module} import {name}", namespace)
    assert namespace[name]


def test_what_is_imported_is_the_thing_itself() -> None:
    from talanoa.measure.metrics import frc

    assert importlib.import_module("talanoa.metrics").frc is frc
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from talanoa.metrics import nothing")
