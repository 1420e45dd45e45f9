"""Every call of the README and of the tutorial is sent to a real service, and compared."""

import json
import re
import subprocess
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.acceptance.conftest import PATIENCE_SECONDS
from tests.conftest import ROOT, eventually

pytestmark = pytest.mark.acceptance

PAGES = ("README.md", "docs/tutorial/first-shop.md")  # the tutorial continues the README
REST = "…"  # in a JSON example: more members, or more entries, of whatever content
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Call(NamedTuple):
    command: str
    response: Any


def calls() -> list[Call]:
    blocks = [block for page in PAGES for block in BLOCK.findall((ROOT / page).read_text())]
    return [
        Call(command, example(text))
        for (language, command), (next_language, text) in pairwise(blocks)
        if (language, next_language) == ("sh", "json")
    ]


def example(text: str) -> Any:
    text = text.replace(f"[{REST}]", f'"{REST}"')
    in_objects = re.sub(rf",\s*{REST}\s*}}", f', "{REST}": 0}}', text)
    return json.loads(re.sub(rf",\s*{REST}\s*\]", f', "{REST}"]', in_objects))


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    if expected == REST:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        names = set(expected) - {REST}
        extra = set() if REST in expected else set(found) - names
        return [f"{place}.{name} is not documented" for name in extra] + [
            difference
            for name in names
            for difference in differences(
                expected[name], found.get(name, "absent"), f"{place}.{name}"
            )
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            difference
            for number, pair in enumerate(zip(expected, found, strict=True))
            for difference in differences(*pair, f"{place}[{number}]")
        ]
    return [] if expected == found else [f"{place}: documented is {expected!r}, not {found!r}"]


def send(command: str, url: str) -> Any:
    """Run a documented command against a service and return the JSON of its response."""
    aimed = command.replace("localhost:8000", url.removeprefix("http://"))
    done = subprocess.run(
        ["bash", "-euc", aimed.replace("curl ", "curl -sS ", 1)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return json.loads(done.stdout)


def test_documented_calls_respond_as_documented(make_site):
    client = make_site().serve()
    sent = calls()
    assert len(sent) >= 15

    for call in sent:
        answers: list[Any] = []

        def answered(call=call, answers=answers) -> bool:
            answers.append(send(call.command, str(client.base_url)))
            return "wait=" not in call.command or answers[-1]["finished_at"] is not None

        eventually(answered)
        assert differences(call.response, answers[-1]) == [], call.command


def test_differences_reports_each_deviation_from_the_example():
    expected = example('{"a": 1, "b": [{"c": 2, …}], "d": {"e": 3}}')

    assert differences(expected, {"a": 1, "b": [{"c": 2, "x": 0}], "d": {"e": 3}}) == []
    assert len(differences(expected, {"a": 2, "b": [{"c": 1}], "d": {"e": 3, "f": 4}})) == 3
    assert len(differences(expected, {"a": 1, "b": [], "d": {}})) == 2
