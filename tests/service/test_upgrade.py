from contextlib import closing

import pytest

from recsvc.db import migrate
from recsvc.db.session import Database
from recsvc.errors import ConfigurationError
from recsvc.service import upgrade


def test_plan_lists_missing_migrations(empty_database_url):
    empty = upgrade.plan_upgrade(empty_database_url)
    with closing(Database(empty_database_url)) as database:
        migrate.upgrade_to(database, "0008")
    older = upgrade.plan_upgrade(empty_database_url)
    upgrade.upgrade(empty_database_url, copy=True)
    current = upgrade.plan_upgrade(empty_database_url)

    assert (empty.revision, empty.missing[0].revision) == (None, "0001")
    assert (older.revision, older.missing[0].revision) == ("0008", "0009")
    assert all(missing.title for missing in empty.missing)
    assert (current.revision, current.missing) == (migrate.head_revision(), [])


def test_downgrade_keeps_copy_of_sqlite_and_can_be_upgraded_again(database_url):
    copy = upgrade.downgrade(database_url, "0008")
    with closing(Database(database_url)) as database:
        revision = migrate.current_revision(database)
    upgrade.upgrade(database_url, copy=True)

    assert revision == "0008"
    assert (copy is not None) == database_url.startswith("sqlite")


@pytest.mark.parametrize("revision", [migrate.head_revision(), "9999", "base", ""])
def test_downgrade_refuses_revision_that_is_not_earlier(database_url, revision):
    with pytest.raises(ConfigurationError, match=r"Earlier ones are 0001, .*0009"):
        upgrade.downgrade(database_url, revision)
