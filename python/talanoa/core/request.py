"""How a request is read: values given as text, keys under other names, and errors that say what was expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from talanoa.core.errors import BadInput

PRICE = "Price of an hour of this machine, for the cost in the record; omitted: none"
CURRENCY = "What the price is in"
Device = Literal["auto", "cpu", "cuda", "mps"]

_NUMBERS = r"\d+(-\d+)?(,\d+(-\d+)?)*"


def key_value(key: str, value: str) -> str:
    """Return ``key=value`` for a message, with quotes where there are blanks; ImageJ shows brackets instead."""
    return f'{key}="{value}"' if " " in value else f"{key}={value}"


def read_decimal(value: Any) -> Any:
    """Read "0,5" as 0.5 (a locale with decimal commas) and "auto" as not given; leave the rest to pydantic."""
    huge = isinstance(value, int) and abs(value) >= 10**19
    if huge or (isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{20,}\s*", value)):
        raise ValueError("found a number of 20 digits or more, beyond all that can be meant")
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() == "auto":
        return None
    return text.replace(",", ".") if re.fullmatch(r"[+-]?\d*,\d+", text) else text


def read_whole(value: Any) -> Any:
    """Read "3.0" and "3,0" as 3: number fields of dialogs write whole numbers with decimals."""
    value = read_decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+\.0*", value):
        return value.split(".")[0]
    return value


def read_word(value: Any) -> Any:
    """Read choices without regard to case, blanks and hyphens: "Rolling ball" is "rolling_ball"."""
    return re.sub(r"[\s-]+", "_", value.strip().lower()) if isinstance(value, str) else value


def read_path_text(value: Any) -> Any:
    """Keep paths as text in requests, so that a request is plain JSON; "~" is the home folder."""
    text = str(value) if isinstance(value, Path) else value
    if not isinstance(text, str):
        return text
    return str(Path(text.strip()).expanduser()) if text.strip().startswith("~") else text.strip()


def read_folders(value: Any) -> Any:
    """Keep one or several folders as one text, separated by ";"; a list of them is read, too."""
    parts = (
        value if isinstance(value, list | tuple) else str(value).split(";") if isinstance(value, str | Path) else None
    )
    if parts is None:
        return value
    return "; ".join(text for text in (str(read_path_text(part)) for part in parts) if text)


def folders(text: str | None) -> list[Path]:
    """Return the folders of a key that takes several."""
    return [Path(part.strip()) for part in (text or "").split(";") if part.strip()]


def read_numbers(key: str, value: Any, expected: str, groups: bool = False, word: str = "") -> str | None:
    """Return numbers from 1, given as one, a list or text such as "1,3,5-7", as text without blanks; None stays.

    With `groups` there can be several between ";"; a `word` may stand for the numbers of a group.
    """
    if value is None:
        return None
    listed = value if isinstance(value, list | tuple | range) else None
    text = re.sub(r"\s", "", ",".join(map(str, listed)) if listed is not None else str(value)).lower()
    text = re.sub(r"^(\d+)\.0*$", r"\1", text)  # number fields of dialogs write whole numbers with decimals
    parts = text.split(";") if groups else [text]
    known = [bool(word and part == word) or re.fullmatch(_NUMBERS, part) for part in parts]
    backwards = any(int(first) > int(last) for first, last in re.findall(r"(\d+)-(\d+)", text))
    if not all(known) or backwards or re.search(r"(?<!\d)0+(?!\d)", text):
        raise BadInput(f"{key}: found {value!r}; expected {expected}.")
    return text


def from_one_to(count: int) -> str:
    """Return the numbers up to `count` for a message: "1", or "1 to 5"."""
    return "1" if count == 1 else f"1 to {count}"


def numbers_in(text: str) -> list[int]:
    """Return the numbers of "1,3-5", each by itself, in their order."""
    found: list[int] = []
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def read_frames(value: Any) -> Any:
    """Read frames given as a number, a list or a range, too: [1, 2, 5] is "1,2,5"."""
    if isinstance(value, list | tuple | range):
        return ",".join(str(number) for number in value)
    return str(value).replace(" ", "") if value is not None else None


def read_dims(value: Any) -> Any:
    """Read axes given as "TYX", "t, y, x" or a list of letters as "tyx"."""
    if value is None:
        return None
    text = re.sub(r"[\s,;]", "", "".join(map(str, value)) if isinstance(value, list | tuple) else str(value)).lower()
    if not {"y", "x"} <= set(text) <= set("tczyxs") or len(set(text)) < len(text):
        raise BadInput(
            f"dims: found {value!r}; expected the axes of the files' arrays in their order, one letter each: t (time), "
            "c (channel), z (slice), y, x (or s: samples of RGB), such as tyx or tczyx."
        )
    return text


Number = Annotated[float, BeforeValidator(read_decimal), Field(allow_inf_nan=False)]
MaybeNumber = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(read_decimal)]
Fraction = Annotated[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None, BeforeValidator(read_decimal)]
Price = Annotated[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(read_decimal)]
Whole = Annotated[int, BeforeValidator(read_whole)]
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(read_whole)]
PathText = Annotated[str, BeforeValidator(read_path_text), Field(min_length=1)]
Folders = Annotated[str, BeforeValidator(read_folders), Field(min_length=1)]
Dims = Annotated[
    str | None,
    BeforeValidator(read_dims),
    Field(
        description="Axes of the image files in their order, such as tyx for a movie or zyx for a stack, where the "
        "files do not say, or say it wrongly; omitted: as the files say"
    ),
]
Series = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(read_whole),
    Field(description="Which image of files that hold several (positions of a stage, for example), from 1; omitted: 1"),
]
MissingPlanes = Annotated[
    Literal["refuse", "skip", "skip_channels", "fill"],
    BeforeValidator(read_word),
    Field(
        description="What is done where planes are missing in image files: refuse the image; skip frames (of a stack: "
        "slices) that are not complete; skip_channels that are not complete; fill: take 0 for them"
    ),
]
FRAMES = r"\d+(-\d+)?(,\d+(-\d+)?)*"


class Translated(NamedTuple):
    """The meaning of a foreign key: our keys with values, and a note for the user when it is not the same."""

    keys: dict[str, Any]
    note: str = ""


Alias = str | Callable[[Any], Translated]


class Request(BaseModel):
    """What every request shares: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    # Other names of keys, lower case, and what they mean here: a key, or a function (value) -> keys and a note.
    aliases: ClassVar[Mapping[str, Alias]] = {}
    # Keys that take several folders: as an option of the command line they may be repeated.
    several: ClassVar[tuple[str, ...]] = ()


Kind = TypeVar("Kind", bound=Request)


class Parsed(NamedTuple, Generic[Kind]):
    """A valid request and notes for the user about keys that were translated."""

    request: Kind
    notes: list[str]


def parse(kind: type[Kind], given: Mapping[str, Any]) -> Parsed[Kind]:
    """Validate the keys of a request.

    Parameters
    ----------
    kind : type[Request]
        The request model of the task.
    given : Mapping[str, Any]
        Keys and values without ``task``. None and empty text mean "not given".

    Returns
    -------
    Parsed
        The frozen, complete request and notes about translated keys.

    Raises
    ------
    BadInput
        For an unknown key (lists the valid ones and the closest), a value outside its range, or a key given twice.
    """
    keys: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in given.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            _resolve(kind, key)
            continue
        meaning = _resolve(kind, key)
        translated = Translated({meaning: value}) if isinstance(meaning, str) else meaning(value)
        if translated.note:
            notes.append(translated.note)
        for name, new in translated.keys.items():
            if name in keys and keys[name] != new:
                raise BadInput(f"{key}: found {new!r}, but {name} is also given as {keys[name]!r}; expected it once.")
            keys[name] = new
    try:
        return Parsed(kind.model_validate(keys), notes)
    except ValidationError as error:
        raise BadInput(" ".join(_explain(kind, detail) for detail in error.errors())) from error


def closest(word: str, known: Collection[str]) -> str:
    """Return ' Did you mean "x"?' for the most similar known word, else an empty text."""
    if word.lower() == "gpu" and "cuda" in known:
        return ' Did you mean "cuda"?'
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""


def _resolve(kind: type[Request], key: str) -> Alias:
    """Return the field that a key means, or the function that translates it."""
    plain = str(key).strip().replace("-", "_")
    if plain in kind.model_fields:
        return plain
    lower = plain.lower()
    if lower in kind.model_fields:
        return lower
    if lower.replace("_", "") in kind.aliases:
        return kind.aliases[lower.replace("_", "")]
    valid = list(kind.model_fields)
    raise BadInput(f'Unknown key "{key}"; valid keys are {", ".join(valid)}.{closest(lower, valid)}')


def check_ordered(low_key: str, low: float | None, high_key: str, high: float | None, strict: bool = False) -> None:
    """Refuse a lower bound above the upper one."""
    if low is None or high is None or low < high or (low == high and not strict):
        return
    raise BadInput(f"{low_key}={low:g} and {high_key}={high:g}; expected {low_key} below {high_key}.")


EXPECTED = {
    "float_parsing": "a number such as 0.5",
    "float_type": "a number such as 0.5",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "literal_error": "one of {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
}
PATTERNS = {
    "frames": 'frames such as "1-10" or "1,5,9"',
    "project": '"max", "mean" or the number of a plane',
    "shape": "HEIGHTxWIDTH, such as 512x512, or FRAMESxSLICESxHEIGHTxWIDTH",
}


def _explain(kind: type[Request], detail: Mapping[str, Any]) -> str:
    """Turn one pydantic error into a sentence: key, what was found, what is expected."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "missing":
        return f"{key} is missing; expected {kind.model_fields[key].description}."
    if detail["type"] == "string_pattern_mismatch" and key in PATTERNS:
        expected = PATTERNS[key]
    elif detail["type"] in EXPECTED:
        expected = EXPECTED[detail["type"]].format(**detail.get("ctx", {}))
    else:
        expected = str(detail["msg"])
    hint = closest(str(detail["input"]), re.findall(r"'(\w+)'", expected)) if detail["type"] == "literal_error" else ""
    return f"{key}: found {detail['input']!r}; expected {expected}.{hint}"
