"""Import contracts forbid what they should, and the documentation is complete."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from recsvc import __version__
from recsvc.cli.app import app
from recsvc.config import Settings

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {contract["id"] for contract in PROJECT["tool"]["importlinter"]["contracts"]}

# contract, file, the line that breaks it
VIOLATIONS = [
    ("layers", "db/jobs/queue.py", "import recsvc.service.jobs"),
    ("layers", "rbm/machines/masked.py", "import recsvc.compute"),
    ("layers", "errors/base.py", "import recsvc.shelf"),
    ("layers", "utils.py", ""),  # a module that the layers do not name
    ("pure-rbm", "rbm/training/trainer.py", "import time"),
    ("pure-rbm", "rbm/params.py", "from pathlib import Path"),
    ("pure-plots", "plots/terminal.py", "from rich.text import Text"),
    ("numba-in-kernels", "rbm/machines/masked.py", "import numba"),
    ("sql-in-db", "service/jobs/queries.py", "import sqlalchemy"),
    ("web-in-api", "service/jobs/queries.py", "import fastapi"),
    ("web-in-api", "cli/commands/serve.py", "from starlette.requests import Request"),
    ("client-alone", "client/http.py", "import recsvc.errors"),
    ("client-for-cli", "worker/loop.py", "import recsvc.client"),
    ("settings-at-the-edges", "service/jobs/queries.py", "import recsvc.config"),
    ("settings-at-the-edges", "api/dependencies.py", "from recsvc.config import Settings"),
    ("no-cycles", "db/session.py", "import recsvc.db.jobs"),
]


def lint_imports(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(
        [*command, "--contract", contract],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        ROOT / "recsvc", tmp_path / "recsvc", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS)
def test_forbidden_import_breaks_contract(copy: Path, contract: str, file: str, line: str):
    with (copy / "recsvc" / file).open("a") as source:
        source.write(f"\n{line}\n")

    told = lint_imports(copy, contract)

    assert told.returncode == 1
    assert f"{_name(contract)} BROKEN" in " ".join(told.stdout.split())


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_import_contracts_hold_in_source_tree(contract: str):
    told = lint_imports(ROOT, contract)

    assert told.returncode == 0, told.stdout


def test_violations_cover_every_contract():
    assert {contract for contract, _, _ in VIOLATIONS} == CONTRACTS


def _name(contract: str) -> str:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    return next(entry["name"] for entry in contracts if entry["id"] == contract)


def test_source_files_are_short_and_only_kernels_skip_formatter():
    sources = {file: file.read_text() for file in (ROOT / "recsvc").rglob("*.py")}
    kernels = ROOT / "recsvc" / "rbm" / "kernels"

    laid_out = [file for file, text in sources.items() if re.search(r"# fmt: (skip|off)", text)]
    long = {file.name for file, text in sources.items() if text.count("\n") > 400}

    assert [file for file in laid_out if kernels not in file.parents] == []
    assert long <= {"errors.py", "tables.py"}


def test_settings_have_descriptions():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-runtime.lock", "requirements-bench.lock"]
)
def test_lock_has_names_versions_and_hashes_only(lock: str):
    lines = (ROOT / lock).read_text().splitlines()

    stray = [
        line
        for line in lines
        if not re.fullmatch(
            r"[a-z0-9._-]+==[\w.+]+( ; [^:]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line
        )
    ]
    assert stray == []


def test_runtime_lock_is_part_of_tested_lock():
    tested = _pinned("requirements.lock")

    assert _pinned("requirements-runtime.lock").items() <= tested.items()


def _pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_direct_dependencies_are_listed_in_decisions():
    project = PROJECT["project"]
    groups = PROJECT["dependency-groups"]
    extras = project["optional-dependencies"]
    wanted = chain(project["dependencies"], *groups.values(), *extras.values())
    decided = (ROOT / "docs" / "decisions" / "0030-dependencies.md").read_text()

    missing = [name for name in map(_bare, wanted) if f"`{name}`" not in decided]
    assert missing == []


def _bare(requirement: str) -> str:
    return re.split(r"[\[><=~! ]", requirement, maxsplit=1)[0]


def test_commands_and_options_have_help():
    assert [path for path, text in _help_texts(get_command(app)) if not text] == []


def _help_texts(command: Any, path: str = "") -> Iterator[tuple[str, str | None]]:
    yield path, command.help
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter.help
    for name, child in getattr(command, "commands", {}).items():
        yield from _help_texts(child, f"{path} {name}")


def test_makefile_targets_have_descriptions():
    makefile = (ROOT / "Makefile").read_text()
    verbs = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())

    assert set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)) == verbs


def test_changelog_has_section_of_current_version():
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("*.md")), ids=str
)
def test_document_links_resolve(document: Path):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def test_decisions_index_lists_title_and_status():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d{4})\]\((.+?)\) \| (.+) \| (.+) \|$", index, re.MULTILINE)

    assert rows == [
        (path.name[:4], path.name, *_title_and_status(path.read_text())) for path in DECISIONS
    ]


def _title_and_status(decision: str) -> tuple[str, str]:
    match = re.match(r"# \d{4} (.+)\n\n\*\*Status:\*\* (.+)\n\n", decision)
    assert match, decision[:80]
    return match[1], match[2]
