"""The error curve tells how hidden units and weights are, and where training went back.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FIGURES = (
    "prediction_spread",
    "kept_levels",
    "hidden_certainty",
    "saturated_units",
    "dead_units",
    "unit_similarity",
    "largest_weight",
)


def upgrade() -> None:
    for name in FIGURES:
        op.add_column("training_epoch", sa.Column(name, sa.Float(53)))
    op.add_column("training_epoch", sa.Column("rollbacks", sa.Integer))


def downgrade() -> None:
    op.drop_column("training_epoch", "rollbacks")
    for name in reversed(FIGURES):
        op.drop_column("training_epoch", name)
