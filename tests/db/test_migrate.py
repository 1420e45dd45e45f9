import multiprocessing
import re
from operator import itemgetter

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from recsvc.db import migrate
from recsvc.db.session import Database, reading
from recsvc.db.tables import Base, Job, ModelVersion
from recsvc.errors import ConfigurationError, DatabaseUnavailable


@pytest.fixture
def empty_database(empty_database_url):
    database = Database(empty_database_url)
    yield database
    database.close()


def test_migrations_upgrade_downgrade_and_upgrade_again(empty_database):
    migrate.upgrade(empty_database)
    migrate.downgrade(empty_database, "base")
    left = inspect(empty_database.engine).get_table_names()
    migrate.upgrade(empty_database)

    assert left == ["alembic_version"]
    assert migrate.current_revision(empty_database) == migrate.head_revision()


def test_upgrade_of_current_schema_writes_no_row(database):
    with reading(database) as session:  # a writer would wait for this one, if it were one
        session.execute(text("SELECT 1"))
        migrate.upgrade(database)

    assert migrate.current_revision(database) == migrate.head_revision()


def test_migrated_schema_equals_models(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, Base.metadata)

    on_purpose = set()
    if database.dialect == "postgresql":  # migrations 0002 and 0003
        tables, keys = ("rating", "interaction"), ("user_key", "item_key")
        on_purpose = {("add_fk", table, key) for table in tables for key in keys}
    assert {
        (name, key.table.name, column) for name, key in differences for column in key.column_keys
    } == on_purpose


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("rating", "(1, 1, 4, 0), (2, 1, 5, 0)"),
        ("interaction", "(1, 1, 'view', 0, 1, 0), (2, 1, 'cart', 0, 1, 0)"),
    ],
)
def test_user_deletion_cascades_and_item_deletion_is_refused(database, table, rows):
    with database.engine.begin() as connection:
        for statement in (
            "INSERT INTO user_account (key, user_id, created_at) VALUES (1, 'u', 0), (2, 'v', 0)",
            "INSERT INTO item (key, item_id, created_at, updated_at) VALUES (1, 'i', 0, 0)",
            f"INSERT INTO {table} VALUES {rows}",
            "DELETE FROM user_account WHERE key = 1",
        ):
            connection.execute(text(statement))
        left = connection.execute(text(f"SELECT user_key FROM {table}")).scalars().all()

    assert left == [2]
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(text("DELETE FROM item"))


def test_migrated_constraints_and_keys_equal_those_of_models(database):
    migrated = shape(database.engine)
    migrate.downgrade(database, "base")
    Base.metadata.create_all(database.engine)

    assert migrated == shape(database.engine)


def shape(engine: Engine) -> dict[str, list[str]]:
    """What a database says of its tables, beyond what Alembic compares."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
        return {name: sorted(re.findall(r"[^\s,()\"]+", sql or "")) for name, sql in rows}
    found = inspect(engine)
    return {
        table: [
            str(sorted(found.get_columns(table), key=itemgetter("name"))),
            str(found.get_pk_constraint(table)),
            str(sorted(found.get_check_constraints(table), key=itemgetter("name"))),
            str(found.get_unique_constraints(table)),
            str(found.get_foreign_keys(table)),
            str(found.get_indexes(table)),
        ]
        for table in found.get_table_names()
    }


def test_migration_to_evaluation_jobs_keeps_rows_and_reuses_no_number(empty_database):
    migrate.upgrade_to(empty_database, "0003")
    with empty_database.engine.begin() as connection:
        for table in ("job", "job", "job_event", "training_epoch", "model_version", "publication"):
            insert(connection, table, POSSIBLE[table])
        connection.execute(text("DELETE FROM job WHERE id = 2"))

    migrate.upgrade(empty_database)
    with empty_database.engine.begin() as connection:
        insert(connection, "job", JOB | {"kind": "'evaluation'"})
        insert(connection, "model_version", VERSION | {"job_id": "3", "model_kind": "'joint_rbm'"})
        insert(connection, "publication", {"version": "2", "previous_id": "1"} | PUBLISHED)
        insert(connection, "publication", {"version": "1", "previous_id": "2"} | PUBLISHED)
        assert numbers(connection, "job") == [1, 3]
        cards = connection.execute(text("SELECT calibration, protocol FROM model_version")).all()
        assert [tuple(map(str, card)) for card in cards] == [("{}", "{}")] * 2
    migrate.downgrade(empty_database, "0003")

    with empty_database.engine.begin() as connection:
        assert numbers(connection, "job") == numbers(connection, "model_version") == [1]
        assert numbers(connection, "job_event") == numbers(connection, "training_epoch") == [1]
        left = connection.execute(text("SELECT id, previous_id FROM publication ORDER BY id"))
        assert [tuple(row) for row in left] == [(1, None), (3, None)]
        with pytest.raises(IntegrityError):
            insert(connection, "job", JOB | {"kind": "'evaluation'"})


def test_migration_to_judged_model_keeps_versions_and_jobs(empty_database):
    migrate.upgrade_to(empty_database, "0005")
    with empty_database.engine.begin() as connection:
        insert(connection, "job", POSSIBLE["job"])
        insert(connection, "model_version", VERSION)

    migrate.upgrade(empty_database)
    with reading(empty_database) as session:
        version = session.get_one(ModelVersion, 1)
        assert (version.judged_sha256, version.model_as_judged_sha256) == (None, "a")
        assert session.get_one(Job, 1).judged_sha256 is None
    with empty_database.engine.begin() as connection:
        for table in ("job", "model_version"):
            connection.execute(text(f"UPDATE {table} SET judged_sha256 = 'b'"))
    migrate.downgrade(empty_database, "0005")

    for table in ("job", "model_version"):
        columns = inspect(empty_database.engine).get_columns(table)
        assert "judged_sha256" not in {column["name"] for column in columns}
    with empty_database.engine.begin() as connection:
        assert numbers(connection, "job") == numbers(connection, "model_version") == [1]


def test_migration_to_sweeps_keeps_jobs(empty_database):
    migrate.upgrade_to(empty_database, "0008")
    with empty_database.engine.begin() as connection:
        for table in ("job", "job_event", "training_epoch"):
            insert(connection, table, POSSIBLE[table])

    migrate.upgrade(empty_database)
    with empty_database.engine.begin() as connection:
        insert(connection, "sweep", SWEEP)
        insert(connection, "job", JOB | {"sweep_id": "1"})
    migrate.downgrade(empty_database, "0008")

    with empty_database.engine.begin() as connection:
        assert numbers(connection, "job") == [1, 2]
        assert numbers(connection, "job_event") == numbers(connection, "training_epoch") == [1]
    assert "sweep" not in inspect(empty_database.engine).get_table_names()


def numbers(connection, table: str) -> list[int]:
    """The first column's, which numbers the rows."""
    return sorted(connection.execute(text(f"SELECT * FROM {table}")).scalars())


def test_concurrent_upgrades_all_succeed(empty_database_url):
    spawning = multiprocessing.get_context("spawn")
    start = spawning.Barrier(4)
    processes = [
        spawning.Process(target=upgrade_at_once, args=(empty_database_url, start)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def upgrade_at_once(url: str, start) -> None:
    start.wait()
    database = Database(url)
    migrate.upgrade(database)
    assert migrate.current_revision(database) == migrate.head_revision()
    database.close()


def test_upgrade_refuses_newer_database(database):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match=r"revision 9999.*Start the newer recsvc"):
        migrate.upgrade(database)


def test_failed_migration_is_rolled_back(empty_database):
    with empty_database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE publication (id integer)"))  # in the way

    with pytest.raises((DatabaseUnavailable, ProgrammingError)) as caught:
        migrate.upgrade(empty_database)
    assert "already exists" in str(caught.value) + str(caught.value.__cause__)

    assert inspect(empty_database.engine).get_table_names() == ["publication"]


def test_upgrade_raises_database_unavailable_without_server(tmp_path):
    nowhere = Database(f"postgresql://postgres@/none?host={tmp_path}")

    with pytest.raises(DatabaseUnavailable, match="does not respond"):
        migrate.upgrade(nowhere)


def test_upgrade_reports_file_that_is_no_database(tmp_path):
    file = tmp_path / "recsvc.sqlite3"
    file.write_bytes(b"SQLite format 4\0 it is not" * 100)

    with pytest.raises(DatabaseUnavailable, match=r"is not a database\. Restore it from a backup"):
        migrate.upgrade(Database(f"sqlite:///{file}"))


def test_new_sqlite_database_is_readable_by_its_owner_only(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/home/recsvc.sqlite3")
    migrate.upgrade(database)

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}
    database.close()

    assert set(modes.values()) == {0o600}
    assert "recsvc.sqlite3-wal" in modes
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


JOB = {
    "kind": "'training'",
    "state": "'queued'",
    "spec": "'{}'",
    "created_at": "1",
    "scheduled_at": "1",
}
RUNNING = {"state": "'running'", "claimed_by": "'w'", "lease_expires_at": "9", "fence": "1"}
SWEEP = {"kind": "'grid'", "spec": "'{}'", "created_at": "1"}
VERSION = {
    "job_id": "1",
    "model_kind": "'user_rbm'",
    "seed": "0",
    **dict.fromkeys(("hyperparameters", "rating_scale", "metrics"), "'{}'"),
    **dict.fromkeys(("baselines", "packages"), "'{}'"),
    **dict.fromkeys(("n_users", "n_items", "n_ratings", "best_epoch", "checkpoint_bytes"), "1"),
    **dict.fromkeys(("checkpoint_sha256", "weights_sha256", "snapshot_sha256"), "'a'"),
    "created_at": "1",
}
EPOCH = dict.fromkeys(("job_id", "epoch", "learning_rate", "momentum", "cd_steps", "seconds"), "1")
EVENT = {"job_id": "1", "name": "'state'", "created_at": "1"}
RATING = {"user_key": "1", "item_key": "1", "value": "4", "rated_at": "1"}
INTERACTION = {
    "user_key": "1",
    "item_key": "1",
    "type": "'view'",
    "occurred_at": "1",
    "updated_at": "1",
}
ITEM = {"item_id": "'i2'", "created_at": "1", "updated_at": "1"}
LOOK = {
    "job_id": "1",
    "epoch": "0",
    "n_cases": "1",
    "n_units": "1",
    "activity": "'x'",
    "weights": "'{}'",
    "updates": "'{}'",
}
REFUSAL = {"job_id": "1", "line": "1", "code": "'c'", "detail": "'d'"}
PUBLISHED = {"published_at": "1"}
POSSIBLE = {
    "job": JOB | RUNNING | {"attempt": "1"},
    "job_event": EVENT,
    "training_epoch": EPOCH,
    "training_monitor": LOOK,
    "sweep": SWEEP,
    "model_version": VERSION,
    "rating": RATING,
    "interaction": INTERACTION | {"quantity": "0.5"},
    "item": ITEM,
    "import_refusal": REFUSAL,
    "user_account": {"user_id": "'u2'", "created_at": "1"},
    "publication": {"version": "1"} | PUBLISHED,
}
IMPOSSIBLE = {
    "a job of no known kind": ("job", JOB | {"kind": "'sweep'"}),
    "a job in no known state": ("job", JOB | {"state": "'pending'"}),
    "a queued job that has finished": ("job", JOB | {"finished_at": "1"}),
    "a cancelled job that has not finished": ("job", JOB | {"state": "'cancelled'"}),
    "a queued job that somebody holds": ("job", JOB | {"claimed_by": "'w'"}),
    "a running job that nobody holds": ("job", JOB | RUNNING | {"claimed_by": "NULL"}),
    "a running job without a lease": ("job", JOB | RUNNING | {"lease_expires_at": "NULL"}),
    "a failed job that does not say why": ("job", JOB | {"state": "'failed'", "finished_at": "1"}),
    "a job of no sweep that there is": ("job", JOB | {"sweep_id": "7"}),
    "a sweep of no known kind": ("sweep", SWEEP | {"kind": "'genetic'"}),
    "progress beyond the end": ("job", JOB | {"progress": "1.1"}),
    "more attempts than claims": ("job", JOB | {"attempt": "1"}),
    "an event of no known name": ("job_event", EVENT | {"name": "'finished'"}),
    "a finding that finds nothing": ("job_event", EVENT | {"name": "'finding'"}),
    "a look at nobody": ("training_monitor", LOOK | {"n_cases": "0"}),
    "a look inside no job": ("training_monitor", LOOK | {"job_id": "7"}),
    "an epoch event without an epoch": ("job_event", EVENT | {"name": "'epoch'"}),
    "an epoch of no job": ("training_epoch", EPOCH | {"job_id": "7"}),
    "a negative epoch": ("training_epoch", EPOCH | {"epoch": "-1"}),
    "an epoch shorter than nothing": ("training_epoch", EPOCH | {"seconds": "-1"}),
    "a version learned from nothing": ("model_version", VERSION | {"n_ratings": "0"}),
    "a version of no known kind": ("model_version", VERSION | {"model_kind": "'als'"}),
    "a publication of no version": ("publication", {"version": "7", "published_at": "1"}),
    "a rating of infinite value": ("rating", RATING | {"value": "1.5e308"}),
    "a rating by nobody": ("rating", RATING | {"user_key": "7"}),
    "a second rating of the same item": ("rating", RATING | {"item_key": "2"}),
    "an interaction of no known type": ("interaction", INTERACTION | {"type": "'like'"}),
    "an interaction with nothing": ("interaction", INTERACTION | {"quantity": "0"}),
    "an interaction by nobody": ("interaction", INTERACTION | {"user_key": "7"}),
    "an interaction with no item": ("interaction", INTERACTION | {"item_key": "7"}),
    "the same interaction again": ("interaction", INTERACTION | {"item_key": "2"}),
    "an item at less than nothing": ("item", ITEM | {"price": "-1"}),
    "an item without an id": ("item", ITEM | {"item_id": "''"}),
    "an item twice": ("item", ITEM | {"item_id": "'i1'"}),
    "a user with too long an id": (
        "user_account",
        {"user_id": f"'{'x' * 257}'", "created_at": "1"},
    ),
    "a refusal before the first line": ("import_refusal", REFUSAL | {"line": "0"}),
}


@pytest.fixture
def database_with_rows(database):
    """One user, two items, one rating and one view of the second, one job."""
    with database.engine.begin() as connection:
        insert(connection, "user_account", {"user_id": "'u1'", "created_at": "1"})
        insert(connection, "item", ITEM | {"item_id": "'i1'"})
        insert(connection, "item", ITEM | {"item_id": "'i3'"})
        insert(connection, "rating", RATING | {"item_key": "2"})
        insert(connection, "interaction", INTERACTION | {"item_key": "2"})
        insert(connection, "job", JOB)
    return database


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_tables_refuse_impossible_rows(database_with_rows, name):
    table, row = IMPOSSIBLE[name]
    with pytest.raises(IntegrityError), database_with_rows.engine.begin() as connection:
        insert(connection, table, row)


def test_tables_accept_possible_rows(database_with_rows):
    with database_with_rows.engine.begin() as connection:
        for table, row in POSSIBLE.items():
            insert(connection, table, row)


def test_epoch_event_is_unique_per_job(database_with_rows):
    epoch = EVENT | {"name": "'epoch'", "epoch": "3"}
    with database_with_rows.engine.begin() as connection:
        insert(connection, "job_event", epoch)
    with pytest.raises(IntegrityError), database_with_rows.engine.begin() as connection:
        insert(connection, "job_event", epoch)


def test_job_number_is_never_reused(database_with_rows):
    with database_with_rows.engine.begin() as connection:
        connection.execute(text("DELETE FROM job"))
        insert(connection, "job", JOB)
        assert connection.execute(text("SELECT id FROM job")).scalar() == 2


def insert(connection, table: str, row: dict[str, str]) -> None:
    columns, values = ", ".join(row), ", ".join(row.values())
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))


def test_current_revision_logs_no_record(database, caplog):
    with caplog.at_level("DEBUG", logger="alembic"):
        assert migrate.current_revision(database) == migrate.head_revision()
        assert migrate.current_revision(database) == migrate.head_revision()

    assert caplog.records == []
