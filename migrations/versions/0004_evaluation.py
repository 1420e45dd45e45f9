"""Jobs that evaluate; cards that tell protocol and calibration; a third kind of model.

SQLite's tables are copied; the counter of their numbers comes along, so that none is given twice.

Revision ID: 0004
Revises: 0003
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KINDS = "kind IN ('training', 'import'{})"
MODEL_KINDS = "model_kind IN ('user_rbm', 'item_rbm'{})"
COUNTER = "SELECT seq FROM sqlite_sequence WHERE name = :name"
GO_ON = "UPDATE sqlite_sequence SET seq = :seq WHERE name = :name"
BEGIN = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"

JOINT = "SELECT version FROM model_version WHERE model_kind = 'joint_rbm'"
FORGET = (
    "UPDATE publication SET previous_id = NULL WHERE previous_id IN "
    f"(SELECT id FROM publication WHERE version IN ({JOINT}))",
    f"DELETE FROM publication WHERE version IN ({JOINT})",
    "DELETE FROM model_version WHERE model_kind = 'joint_rbm'",
    "DELETE FROM job_event WHERE job_id IN (SELECT id FROM job WHERE kind = 'evaluation')",
    "DELETE FROM job WHERE kind = 'evaluation'",
)


def upgrade() -> None:
    with _altered("job") as job:
        _allow(job, "kind_known", KINDS.format(", 'evaluation'"))
    with _altered("model_version") as model_version:
        _allow(model_version, "model_kind_known", MODEL_KINDS.format(", 'joint_rbm'"))
        for name in ("calibration", "protocol"):
            model_version.add_column(
                sa.Column(name, sa.JSON, nullable=False, server_default=sa.text("'{}'"))
            )


def downgrade() -> None:
    """What the tables did not know before goes: evaluations, and versions of the third kind."""
    for statement in FORGET:
        op.execute(sa.text(statement))
    with _altered("model_version") as model_version:
        model_version.drop_column("calibration")
        model_version.drop_column("protocol")
        _allow(model_version, "model_kind_known", MODEL_KINDS.format(""))
    with _altered("job") as job:
        _allow(job, "kind_known", KINDS.format(""))


def _allow(table: BatchOperations, name: str, condition: str) -> None:
    table.drop_constraint(name, type_="check")
    table.create_check_constraint(name, condition)


@contextmanager
def _altered(name: str) -> Iterator[BatchOperations]:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    given = connection.execute(sa.text(COUNTER), {"name": name}).scalar() if is_sqlite else None
    with op.batch_alter_table(name, table_kwargs={"sqlite_autoincrement": True}) as table:
        yield table
    if given is not None:
        counter = {"name": name, "seq": given}
        if connection.execute(sa.text(GO_ON), counter).rowcount == 0:
            connection.execute(sa.text(BEGIN), counter)
