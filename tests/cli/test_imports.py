"""A command starts quickly: what only some need is not imported by all."""

import subprocess
import sys

SLOW = {"alembic", "fastapi", "numba", "numpy", "scipy", "sqlalchemy"}


def test_command_line_imports_no_slow_package():
    told = subprocess.run(
        [sys.executable, "-c", "import sys, recsvc.cli.app; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert SLOW & set(told.stdout.split()) == set()
