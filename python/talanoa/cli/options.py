"""Options of a verb, made from its request model, so that the keys are those of the menu, macros and Python."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from talanoa.core.errors import BadInput
from talanoa.core.request import Request

POSITIONAL: Mapping[str, tuple[str, ...]] = {
    # Keys that may be given without their name, in this order.
    "segment": ("image",),
    "restore": ("image",),
    "predict": ("image",),
    "train": (),
    "evaluate": (),
    "rois": ("action",),
    "annotate": ("action", "dataset"),
    "sample": ("kind",),
    "models": ("action", "model"),
    "rerun": ("result",),
    "study": (),
    "doctor": (),
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours to show."""

    def error(self, message: str) -> Any:
        """Raise instead of exiting."""
        raise BadInput(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help")


def parser_for(verb: str, kind: type[Request]) -> Parser:
    """Return the parser of a verb: one option per key, `--prob-thresh` and `--prob_thresh` alike."""
    parser = Parser(
        prog=f"talanoa {verb}",
        description=(kind.__doc__ or "").strip(),
        epilog=_epilog(kind),
        allow_abbrev=False,
    )
    for key in POSITIONAL[verb]:
        parser.add_argument(f"_{key}", metavar=key.upper(), nargs="?", help=kind.model_fields[key].description)
    for key, field in kind.model_fields.items():
        names = dict.fromkeys((f"--{key.replace('_', '-')}", f"--{key}"))
        action = "append" if key in kind.several else "store"
        parser.add_argument(*names, dest=key, metavar=_metavar(field.annotation), help=_help(field), action=action)
    add_common(parser)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what every verb has."""
    parser.add_argument("--json", action="store_true", help="write the reply as JSON to the standard output")
    parser.add_argument("--quiet", action="store_true", help="no progress; warnings and errors only")
    parser.add_argument("--verbose", action="store_true", help="show the log")


def read(
    parser: Parser, verb: str, kind: type[Request], arguments: Sequence[str]
) -> tuple[dict[str, Any], argparse.Namespace]:
    """Return the keys given and the common switches.

    Options that are no key of the request are handed on, too: the request knows other names for its keys (StarDist's
    ``--probThresh``) and says what is valid.
    """
    parsed, unknown = parser.parse_known_args(_with_switches(arguments, kind))
    common = {"json", "quiet", "verbose"}
    keys = {key: value for key, value in vars(parsed).items() if value is not None and key not in common}
    keys.update({key: "; ".join(keys[key]) for key in kind.several if key in keys})
    for name in POSITIONAL[verb]:
        given = keys.pop(f"_{name}", None)
        if given is None:
            continue
        if name in keys:
            raise BadInput(f"{name} is given twice: {given} and {keys[name]}; expected it once.")
        keys[name] = given
    for key, value in _pairs(unknown):
        keys[key] = value
    return keys, parsed


def _with_switches(arguments: Sequence[str], kind: type[Request]) -> list[str]:
    """Give switches a value: `--exclude-border` means `--exclude-border=true`, also before a file name."""
    switches = {key for key, field in kind.model_fields.items() if field.annotation is bool}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and word[2:].replace("-", "_") in switches:
            value = rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
            word = f"{word}={value}"
        words.append(word)
    return words


def _pairs(unknown: Sequence[str]) -> list[tuple[str, str]]:
    """Read `--key value` and `--key=value` from what the parser did not know."""
    pairs = []
    rest = list(unknown)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise BadInput(f'Found "{word}" without a key; expected --key value. Put quotes around names with blanks.')
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        pairs.append((key, value))
    return pairs


def _metavar(annotation: Any) -> str:
    """Return what stands for a value in the help: its choices, or what it is ("NUMBER"), or both ("NUMBER|auto")."""
    choices = _choices(annotation)
    kind = next((NAMES[each] for each in _kinds(annotation) if each in NAMES), "")
    if choices and kind:
        return "|".join((kind, *choices))
    return "{" + ",".join(choices) + "}" if choices else kind or "TEXT"


NAMES = {bool: "true|false", str: "TEXT", int: "N", float: "NUMBER"}


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the choices of a Literal, also of an optional one."""
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    for part in get_args(annotation):
        if found := _choices(part):
            return found
    return ()


def _help(field: Any) -> str:
    """Return a key's description with its default."""
    text = (field.description or "").replace("%", "%%")
    if field.is_required() or field.default in (None, "", False):
        return text
    return f"{text} (default {field.default})"


def _epilog(kind: type[Request]) -> str | None:
    """Say that the StarDist plugin's names work, too."""
    return (
        "The StarDist plugin's names of these keys (probThresh, nTiles, ...) are understood, too."
        if kind.aliases
        else None
    )
