"""API keys, logins, request counts and the audit log.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.Text, nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "login",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("key_id", BIG_KEY, sa.ForeignKey("api_key.id"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_login_key_id", "login", ["key_id"])
    op.create_table(
        "request_count",
        sa.Column(
            "key_id",
            BIG_KEY,
            sa.ForeignKey("api_key.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("second", sa.BigInteger, nullable=False),
        sa.Column("n_requests", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("key_prefix", sa.Text),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])


def downgrade() -> None:
    for table in ("audit_entry", "request_count", "login", "api_key"):
        op.drop_table(table)
