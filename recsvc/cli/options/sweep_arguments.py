"""Parsers of search spaces on the command line: NAME=0.02,0.2 or NAME=0.001..1:log."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

import typer

Value = int | float | str
SCALES = {"": "linear", "linear": "linear", "log": "log"}
PARAM_HINT = "NAME=VALUES"


def parse_grid(arguments: Iterable[str]) -> dict[str, list[Value]]:
    """Parse NAME=VALUE,VALUE… arguments. Raises BadParameter."""
    space = dict(_split_arguments(arguments))
    for name, text in space.items():
        if ".." in text:
            raise _bad_parameter(
                f"{name} is {text!r}, but a grid needs single values. List them "
                f"({name}=1,2,5), or sample the range: recsvc sweep random {name}={text}"
            )
    return {name: _parse_values(name, text) for name, text in space.items()}


def parse_search_space(arguments: Iterable[str]) -> dict[str, list[Value] | dict[str, Any]]:
    """Parse NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=VALUE,VALUE… Raises BadParameter."""
    return {
        name: _parse_range(name, text) if ".." in text else _parse_values(name, text)
        for name, text in _split_arguments(arguments)
    }


def _split_arguments(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen = set()
    for one in arguments:
        name, _, text = one.partition("=")
        if not (name and text):
            raise _bad_parameter(
                f"{one!r} has no name or no values. Write a hyperparameter and its values: "
                "n_hidden=50,100"
            )
        if name in seen:
            raise _bad_parameter(f"{name} appears twice. List all values once: {name}=1,2,5")
        seen.add(name)
        yield name, text


def _parse_values(name: str, text: str) -> list[Value]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise _bad_parameter(
            f"{name} is {text!r}: a value is missing. Separate values by one comma."
        )
    return [_parse_value(part) for part in parts]


def _parse_range(name: str, text: str) -> dict[str, Any]:
    low, _, rest = text.partition("..")
    high, _, scale = rest.partition(":")
    bounds = [_parse_value(low), _parse_value(high)]
    if scale not in SCALES or any(isinstance(bound, str) for bound in bounds):
        raise _bad_parameter(
            f"{name} is {text!r}. Write a range as LOW..HIGH (uniform) or LOW..HIGH:log "
            f"(logarithmic), with two numbers: {name}=0.001..1:log"
        )
    return {"low": bounds[0], "high": bounds[1], "scale": SCALES[scale]}


def _parse_value(text: str) -> Value:
    """Return a finite number if the text is one, else the text; the service validates it."""
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        if isfinite(number):
            return number
    return text


def _bad_parameter(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=PARAM_HINT)
