"""Sweeps: many training jobs that belong together and read the same ratings.

SQLite's table of jobs is copied; the counter of their numbers comes along, so that none is given
twice. Jobs stay when sweeps are forgotten.

Revision ID: 0009
Revises: 0008
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
COUNTER = "SELECT seq FROM sqlite_sequence WHERE name = 'job'"
GO_ON = "UPDATE sqlite_sequence SET seq = :seq WHERE name = 'job'"
BEGIN = "INSERT INTO sqlite_sequence (name, seq) VALUES ('job', :seq)"


def upgrade() -> None:
    op.create_table(
        "sweep",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("cancelled_at", sa.BigInteger),
        sa.Column("snapshot_sha256", sa.Text),
        sa.CheckConstraint("kind IN ('grid', 'random', 'rate_range')", name="kind_known"),
        sqlite_autoincrement=True,
    )
    with _altered_jobs() as job:
        job.add_column(sa.Column("sweep_id", BIG_KEY))
        job.create_foreign_key("fk_job_sweep_id_sweep", "sweep", ["sweep_id"], ["id"])
        job.create_index("ix_job_sweep_id", ["sweep_id"])


def downgrade() -> None:
    with _altered_jobs() as job:
        job.drop_index("ix_job_sweep_id")
        job.drop_constraint("fk_job_sweep_id_sweep", type_="foreignkey")
        job.drop_column("sweep_id")
    op.drop_table("sweep")


@contextmanager
def _altered_jobs() -> Iterator[BatchOperations]:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    given = connection.execute(sa.text(COUNTER)).scalar() if is_sqlite else None
    with op.batch_alter_table("job", table_kwargs={"sqlite_autoincrement": True}) as job:
        yield job
    if given is not None and connection.execute(sa.text(GO_ON), {"seq": given}).rowcount == 0:
        connection.execute(sa.text(BEGIN), {"seq": given})
