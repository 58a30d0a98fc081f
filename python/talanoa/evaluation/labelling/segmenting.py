"""How a stain is segmented, truth and prediction alike: a classical recipe or a model, with one set of parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.evaluation.candidates import find_objects
from talanoa.segmentation.classical import objects as classical_objects
from talanoa.segmentation.classical import recipes as classical
from talanoa.segmentation.classical.config import GfpConfig, config_from, read_parameters

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest
    from talanoa.models.folder import Model

Labels = NDArray[np.int32]
NONE = "none"
WATERSHED = "watershed"  # parameter of every recipe here: touching objects are split where their necks are so deep
DEPTH = 0.75  # pixels; of GFP, whose counts need it
# Words in the name of a stain, and the recipe of methods.md that belongs to it; the first that fits.
WORDS = (
    (r"nucle|dapi|hoechst|dna|h2b|sytox", "nuclei"),
    (r"golgi", "golgi"),
    (r"gfp|cy3|rfp|mcherry", "gfp"),
    (r"(^|[^a-z])er([^a-z]|$)|endoplasm|calnexin|concanavalin|con_?a$", "er"),
)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """How one stain is segmented.

    Parameters
    ----------
    words : str
        As the report tells it.
    recipe : str
        Name of a classical recipe; empty for a model.
    config : Config or None
        Parameters of the recipe.
    depth : float or None
        Watershed: depth of the necks, see `talanoa.segmentation.classical.objects.split_touching`; None: no splitting.
    model : Model or None
        A model that finds objects.
    """

    words: str
    recipe: str = ""
    config: Any = None
    depth: float | None = None
    model: Model | None = None

    @property
    def mask(self) -> bool:
        """True where what is judged is a mask from 0 to 1, which is only cut: there are no intensities."""
        return isinstance(self.config, GfpConfig) and self.config.predicted

    def cut(self, values: NDArray) -> NDArray[np.bool_]:
        """Return a mask's foreground."""
        return np.asarray(values) > self.config.cut

    def objects(self, plane: NDArray[np.float32], raw: NDArray, request: EvaluateRequest, host: Host) -> Labels:
        """Return the objects of a plane, int32 (y, x).

        Parameters
        ----------
        plane : ndarray of float32, (y, x)
            On the scale 0..1 that all images of the stain share.
        raw : ndarray, (y, x)
            The same as intensities; a model normalises them as it does.
        """
        if self.model is not None:
            form = images.from_array(np.asarray(raw, np.float32), "yx", name="stain")
            return np.asarray(find_objects(self.model, form, request, host).labels[0, 0], np.int32)
        found = classical.RECIPES[self.recipe](raw if self.mask else plane, self.config).labels
        if self.depth is None:
            return found
        limits = classical_objects.Limits(min_size=float(getattr(self.config, "min_area", 0)))
        return classical_objects.keep(classical_objects.split_touching(found > 0, self.depth), limits).labels


def read(text: str, stains: Sequence[str], masks: Sequence[str], load: Callable[[str], Model]) -> dict[str, Any]:
    """Return how each stain is segmented; None for one that is judged by its pixels only.

    Parameters
    ----------
    text : str
        Such as "nucleus: nuclei min_area=40; er: none; membrane: my model".
    stains, masks : sequence of str
        Names of all stains, and of those that are predicted as masks.
    load : function (name) -> Model
        Reads a model.

    Returns
    -------
    dict of str to Segmentation or None

    Raises
    ------
    BadInput
        A stain that there is not, an unknown recipe or parameter, no such model.
    """
    given = _given(text, stains)
    return {name: _one(given.get(name, default_for(name, name in masks)), load) for name in stains}


def magnified(text: str, stains: Sequence[str], masks: Sequence[str], factor: float) -> str:
    """Return the same segmentation for images enlarged by a factor: lengths and areas of classical recipes follow.

    >>> magnified("nucleus: nuclei min_area=40; er: none", ["nucleus", "er"], [], 1.3)
    'nucleus: nuclei min_area=40 scale=1.3; er: none'
    """
    given, parts = _given(text, stains), []
    for stain in stains:
        how = given.get(stain, default_for(stain, stain in masks))
        classic = how.split()[0].lower() in classical.RECIPES and "scale=" not in how
        parts.append(f"{stain}: {how}{f' scale={factor:g}' if classic else ''}")
    return "; ".join(parts)


def default_for(stain: str, mask: bool) -> str:
    """Return the recipe that the name of a stain suggests; "none" where it suggests nothing."""
    if mask:
        return f"gfp predicted=true {WATERSHED}={DEPTH}"
    for words, recipe in WORDS:
        if re.search(words, stain.lower()):
            return f"gfp {WATERSHED}={DEPTH}" if recipe == "gfp" else recipe
    return NONE


def _given(text: str, stains: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(";") if part.strip()):
        name, colon, how = (each.strip() for each in part.partition(":"))
        if not colon or not how:
            raise BadInput(f'segment: found "{part}"; expected stain: recipe, such as "nucleus: nuclei min_area=40".')
        known = [stain for stain in stains if stain.lower() == name.lower()]
        if not known:
            raise BadInput(f'segment: found the stain "{name}"; expected one of {", ".join(stains)}.')
        found[known[0]] = how
    return found


def _one(text: str, load: Callable[[str], Model]) -> Segmentation | None:
    recipe, _, rest = text.partition(" ")
    if recipe.lower() == NONE:
        return None
    if recipe.lower() not in classical.RECIPES:
        return Segmentation(f"the model {text}", model=_model(text, load))
    recipe, parameters = recipe.lower(), read_parameters(rest)
    depth = parameters.pop(WATERSHED, None)
    words = f"{recipe} {rest}".strip()
    shared = {"normalise": NONE, **parameters}  # images are on one scale already
    return Segmentation(words, recipe, config_from(recipe, shared), None if depth is None else _depth(depth))


def _model(text: str, load: Callable[[str], Model]) -> Model:
    try:
        return load(text)
    except BadInput as problem:
        recipes = ", ".join((*classical.RECIPES, NONE))
        raise BadInput(f"segment: {text} is none of the recipes {recipes}, and as a model: {problem}") from problem


def _depth(text: str) -> float:
    try:
        depth = float(text)
    except ValueError:
        depth = -1.0
    if not 0 <= depth <= 100:
        raise BadInput(f"segment: {WATERSHED}={text}; expected the depth of a neck in pixels, such as {DEPTH:g}.")
    return depth
