"""Homes of filled and trained services, made once for all test processes, and copied."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FACTS = "facts.json"


def copy_of_home(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """Return a copy of a template home and the facts that `make` returned.

    name  of the template, and of the folder of the copy
    make  fills the home, ends its processes, and returns facts that JSON can hold; it is called
          by the first test process that needs the template
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # that of all processes
    template = root / f"template-{name}"
    with (root / f"{template.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / FACTS).exists():
            template.mkdir()
            facts = make(template / "home")
            (template / FACTS).write_text(json.dumps(facts))
    home = factory.mktemp(name) / "home"
    shutil.copytree(template / "home", home)
    return home, json.loads((template / FACTS).read_text())
