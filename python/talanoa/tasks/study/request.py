"""The request of a study: trainings over a grid of parameters or a search, judged on images of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from talanoa.core.errors import BadInput
from talanoa.core.request import Folders, PathText, Whole, closest, read_word
from talanoa.evaluation.request import read_factors
from talanoa.training.request import TrainRequest

UNVARIED = (
    "images", "targets", "rois", "dims", "series", "missing_planes", "name", "method", "seed", "resume", "dry_run",
    "picture", "device", "one_per_stain",
)  # fmt: skip
UNUSED = ("resume", "dry_run", "picture", "one_per_stain")
RANGE = ".."  # between the ends of a range that a search draws from


def read_vary(value: Any) -> Any:
    """Keep a grid as text, "patch=64,128; lr=1e-3,3e-4"; a mapping of keys to lists is read, too."""
    if isinstance(value, Mapping):
        lists = {key: values if isinstance(values, list | tuple) else [values] for key, values in value.items()}
        return "; ".join(f"{key}={','.join(str(one) for one in values)}" for key, values in lists.items())
    if not isinstance(value, str):
        return value
    parts = (part.partition("=") for part in value.split(";") if part.strip())
    cleaned = []
    for key, equals, values in parts:
        if not equals:
            raise BadInput(f'vary: found "{key.strip()}"; expected key=value,value, such as patch=64,128.')
        cleaned.append(f"{key.strip().replace('-', '_')}={','.join(one.strip() for one in values.split(','))}")
    return "; ".join(cleaned)


def range_of(text: str) -> tuple[float, float] | tuple[int, int] | None:
    """Return the ends of a range, whole numbers where both are; None where it is none.

    >>> range_of("8..32"), range_of("1e-4..1e-2"), range_of("5..2"), range_of("a..b")
    ((8, 32), (0.0001, 0.01), None, None)
    """
    low, _, high = text.partition(RANGE)
    for kind in (int, float):
        try:
            ends = kind(low), kind(high)
        except ValueError:
            continue
        return ends if ends[0] < ends[1] else None
    return None


class StudyRequest(TrainRequest):
    """Train with parameters of a grid or a search, judge each model on test images: table and plot of what came out."""

    several: ClassVar[tuple[str, ...]] = (*TrainRequest.several, "test", "test_targets", "test_rois")

    name: str = Field("study", min_length=1, description="Name of the study; its models are named after it")
    vary: Annotated[str, BeforeValidator(read_vary)] = Field(
        "",
        description='What differs: keys of train with their values, such as "patch=64,128; n_images=2,5,all"; for a '
        'search also ranges, such as "lr=1e-4..1e-2"; with across it may be left out',
    )
    across: Annotated[Literal["none", "phenotype", "plate", "scale"], BeforeValidator(read_word)] = Field(
        "none",
        description="Train on each part of the plates and test on each (labelling): by phenotype, by plate, or "
        "enlarged by the factors of scales",
    )
    scales: str = Field("1,1.3", description="across=scale: factors by which images are enlarged, such as 0.7,1,1.3")
    segment: str = Field("", description="across: how stains are segmented, as in evaluate")
    search: Annotated[Literal["grid", "optuna"], BeforeValidator(read_word)] = Field(
        "grid", description="All combinations (grid), or as many as trials, each chosen by what is known (optuna: TPE)"
    )
    trials: Whole = Field(20, ge=1, le=10_000, description="Combinations that a search tries")
    repeats: Whole = Field(1, ge=1, le=100, description="Trainings of each combination, with seed, seed + 1, ...")
    test: Folders = Field(description="Dataset folder, or folder of images, on which the models are judged")
    test_targets: Folders | None = Field(None, description="Folder of label images of the test images")
    test_rois: Folders | None = Field(None, description="Folder of ROI zips of the test images")
    out: PathText = Field(description="Folder of the study; one that was interrupted is gone on with")

    @model_validator(mode="after")
    def _can_be_varied(self) -> StudyRequest:
        if self.across != "none" and self.method != "labelling":
            raise BadInput(f"across={self.across}: found method={self.method}; expected labelling. Leave across out.")
        if self.across != "none" and self.search != "grid":
            raise BadInput(f"across={self.across}: found search={self.search}; expected one of them. Leave one out.")
        if not self.vary and (self.across == "none" or self.search != "grid"):
            raise BadInput("vary is missing; expected keys of train with values, such as patch=64,128; or across.")
        keys = [key for key, _ in self.grid_axes()]
        known = [key for key in TrainRequest.model_fields if key not in UNVARIED]
        for key in keys:
            if key not in known:
                raise BadInput(f'vary: found "{key}"; expected one of {", ".join(known)}.{closest(key, known)}')
            if keys.count(key) > 1:
                raise BadInput(f"vary: {key} is given twice; expected it once, with all of its values.")
        self._check_ranges()
        if given := [key for key in UNUSED if getattr(self, key)]:
            raise BadInput(f"{', '.join(given)}: a study has no use for it. Leave it out; the same out= goes on.")
        return self

    def _check_ranges(self) -> None:
        """Refuse ranges without a search, and what are no ranges."""
        for key, values in self.grid_axes():
            if not values:
                raise BadInput(f"vary: {key} has no value; expected {key}=value,value.")
            for value in values:
                if RANGE not in value:
                    continue
                if self.search == "grid":
                    raise BadInput(f"vary: found the range {key}={value}; expected values, or search=optuna.")
                if len(values) > 1 or range_of(value) is None:
                    raise BadInput(
                        f"vary: found {key}={','.join(values)}; expected one range such as {key}=1e-4..1e-2."
                    )

    def starts_from_a_model(self) -> bool:
        """Tell whether there is a model to start from, in some of the trainings."""
        return self.init is not None or any(key == "init" for key, _ in self.grid_axes())

    @property
    def factors(self) -> tuple[float, ...]:
        """Factors of across=scale."""
        found = read_factors("scales", self.scales)
        if len(set(found)) < 2:
            raise BadInput(f'scales: found "{self.scales}"; expected two different factors or more, such as 1,1.3.')
        return found

    def grid_axes(self) -> list[tuple[str, list[str]]]:
        """Return the keys that differ and the texts of their values, in the order given."""
        parts = (part.partition("=") for part in self.vary.split("; ") if part)
        return [(key, [value for value in values.split(",") if value]) for key, _, values in parts]
