"""Looks inside the machine, epoch by epoch; findings among what a job tells while it runs.

SQLite's table of events is copied. Its events go only with their job, so their numbers go on.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAMES = "name IN ('epoch', 'state', 'done'{})"


def upgrade() -> None:
    with op.batch_alter_table("job_event", table_kwargs={"sqlite_autoincrement": True}) as event:
        event.add_column(sa.Column("finding", sa.JSON))
        _allow(event, NAMES.format(", 'finding'"))
        event.create_check_constraint(
            "finding_iff_named", "(name = 'finding') = (finding IS NOT NULL)"
        )
    op.create_table(
        "training_monitor",
        sa.Column("job_id", BIG_KEY, sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("n_cases", sa.Integer, nullable=False),
        sa.Column("n_units", sa.Integer, nullable=False),
        sa.Column("activity", sa.LargeBinary, nullable=False),
        sa.Column("weights", sa.JSON, nullable=False),
        sa.Column("updates", sa.JSON, nullable=False),
        sa.CheckConstraint("n_cases > 0 AND n_units > 0", name="something_is_shown"),
    )


def downgrade() -> None:
    op.drop_table("training_monitor")
    op.execute(sa.text("DELETE FROM job_event WHERE name = 'finding'"))
    with op.batch_alter_table("job_event", table_kwargs={"sqlite_autoincrement": True}) as event:
        event.drop_constraint("finding_iff_named", type_="check")
        _allow(event, NAMES.format(""))
        event.drop_column("finding")


def _allow(event: BatchOperations, condition: str) -> None:
    event.drop_constraint("name_known", type_="check")
    event.create_check_constraint("name_known", condition)
