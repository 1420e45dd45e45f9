"""A version keeps the model that was judged beside the one that answers, and a job keeps it, too.

The one that answers has learned from validation ratings as well, in the end.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("job", "model_version")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("judged_sha256", sa.Text))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "judged_sha256")
