"""What a sweep tries, as it is typed: NAME=0.02,0.2 or, to draw from, NAME=0.001..1:log."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

import typer

Value = int | float | str
SCALES = {"": "linear", "linear": "linear", "log": "log"}
HINT = "NAME=VALUES"


def grid(asked: Iterable[str]) -> dict[str, list[Value]]:
    """Read NAME=VALUE,VALUE… of each hyperparameter. Raises BadParameter."""
    over = dict(_named(asked))
    for name, text in over.items():
        if ".." in text:
            raise _refused(
                f"{name} is {text!r}, a range, and a grid has none. Name its values "
                f"({name}=1,2,5), or draw from the range: recsvc sweep random {name}={text}"
            )
    return {name: _values(name, text) for name, text in over.items()}


def drawn(asked: Iterable[str]) -> dict[str, list[Value] | dict[str, Any]]:
    """Read NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=VALUE,VALUE… Raises BadParameter."""
    return {
        name: _bounds(name, text) if ".." in text else _values(name, text)
        for name, text in _named(asked)
    }


def _named(asked: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen = set()
    for one in asked:
        name, _, text = one.partition("=")
        if not (name and text):
            raise _refused(
                f"{one!r} does not say what to try. Write a hyperparameter and its values: "
                "n_hidden=50,100"
            )
        if name in seen:
            raise _refused(f"{name} is there twice. Put all of its values into one: {name}=1,2,5")
        seen.add(name)
        yield name, text


def _values(name: str, text: str) -> list[Value]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise _refused(
            f"{name} is {text!r}, in which a value is missing. Put one comma between two values."
        )
    return [_value(part) for part in parts]


def _bounds(name: str, text: str) -> dict[str, Any]:
    low, _, rest = text.partition("..")
    high, _, scale = rest.partition(":")
    bounds = [_value(low), _value(high)]
    if scale not in SCALES or any(isinstance(bound, str) for bound in bounds):
        raise _refused(
            f"{name} is {text!r}. A range is two numbers, LOW..HIGH, drawn from evenly, or "
            f"LOW..HIGH:log for small ones as often as large ones: {name}=0.001..1:log"
        )
    return {"low": bounds[0], "high": bounds[1], "scale": SCALES[scale]}


def _value(text: str) -> Value:
    """Give a number where the text reads as one; the service judges what may be a word."""
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        if isfinite(number):
            return number
    return text


def _refused(why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint=HINT)
