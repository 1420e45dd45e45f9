"""A backup of PostgreSQL is restored into a server of another version."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from recsvc.config import Settings
from recsvc.db.session import Database
from recsvc.service.backup.backup import back_up
from recsvc.service.backup.restore import restore
from tests.conftest import NOON, go_without
from tests.service.backup.test_backup import ignore, rows_of

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian puts its servers

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def installed_server() -> Iterator[str]:
    """The URL of a server of the system's own version."""
    if not INSTALLED:
        go_without("no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="recsvc-pg-"))
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:  # which PostgreSQL refuses to run as
        shutil.chown(folder, user)

    def run(program: str, *arguments: object) -> None:
        command = [INSTALLED[0] / program, "-D", folder / "data", *arguments]
        other = user if os.getuid() == 0 else None
        subprocess.run(command, check=True, user=other, capture_output=True, cwd="/")

    try:
        run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        run("pg_ctl", "-o", f"-k {folder} -h ''", "-l", folder / "log", "-w", "start")
        yield f"postgresql://postgres@/postgres?host={folder}"
        run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_backup_is_restored_into_server_of_other_version(
    shop, settings, installed_server, tmp_path
):
    shop.train(publish="always")
    target = Settings(home=tmp_path / "elsewhere", database_url=installed_server)

    back_up(settings, tmp_path / "backup", now=NOON, report=ignore)
    restore(target, tmp_path / "backup", report=ignore)

    with closing(Database(installed_server)) as database:
        assert rows_of(database) == rows_of(shop.database)
        assert _version(database) != _version(shop.database)


def _version(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.scalar(text("SHOW server_version_num")))
