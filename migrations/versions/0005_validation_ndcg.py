"""The error curve tells how good lists are, for the kinds of machine that make them.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("training_epoch", sa.Column("validation_ndcg", sa.Float(53)))


def downgrade() -> None:
    op.drop_column("training_epoch", "validation_ndcg")
