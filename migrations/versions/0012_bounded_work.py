"""The last run of each daily task, and the API key that requested a job.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_task",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
    )
    op.add_column("job", sa.Column("key_prefix", sa.Text))


def downgrade() -> None:
    op.drop_column("job", "key_prefix")
    op.drop_table("daily_task")
