"""Users, items and their ratings; the queue and its curves; model versions and their publication.

Constraint names are short here: the naming convention of `recsvc.db.tables.Base` completes them.
Times are microseconds since 1970 in UTC.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.BigInteger()
REAL = sa.Float(53)


def upgrade() -> None:
    _create_ratings()
    _create_jobs()
    _create_models()


def downgrade() -> None:
    for table in (
        "import_refusal",
        "publication",
        "model_version",
        "training_epoch",
        "job_event",
        "job",
        "rating",
        "item",
        "user_account",
    ):
        op.drop_table(table)


def _create_ratings() -> None:
    op.create_table(
        "user_account",
        sa.Column("key", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("length(user_id) BETWEEN 1 AND 256", name="user_id_length"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "item",
        sa.Column("key", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text),
        sa.Column("categories", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("price", REAL),
        sa.Column("available", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("attributes", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False, index=True),
        sa.CheckConstraint("length(item_id) BETWEEN 1 AND 256", name="item_id_length"),
        sa.CheckConstraint("price IS NULL OR price >= 0", name="price_not_negative"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rating",
        sa.Column(
            "user_key",
            BIG_KEY,
            sa.ForeignKey("user_account.key", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("item_key", BIG_KEY, sa.ForeignKey("item.key"), primary_key=True),
        sa.Column("value", REAL, nullable=False),
        sa.Column("rated_at", TIME, nullable=False),
        sa.CheckConstraint("value > -1e308 AND value < 1e308", name="value_finite"),
        sqlite_with_rowid=False,
    )


def _create_jobs() -> None:
    _create_job()
    _create_job_event()
    _create_training_epoch()
    op.create_table(
        "import_refusal",
        _job_id(primary_key=True),
        sa.Column("line", sa.BigInteger, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.CheckConstraint("line >= 1", name="line_counts_from_one"),
        sqlite_with_rowid=False,
    )


def _create_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("progress", REAL, nullable=False, server_default=sa.text("0")),
        sa.Column("progress_note", sa.JSON),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("100")),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fence", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("scheduled_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("claimed_by", sa.Text),
        sa.Column("lease_expires_at", TIME),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("snapshot_sha256", sa.Text),
        sa.Column("checkpoint_sha256", sa.Text),
        sa.CheckConstraint("kind IN ('training', 'import')", name="kind_known"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))",
            name="finished_iff_final",
        ),
        sa.CheckConstraint(
            "(claimed_by IS NOT NULL) = (state = 'running')", name="claimed_iff_running"
        ),
        sa.CheckConstraint(
            "(lease_expires_at IS NOT NULL) = (state = 'running')", name="leased_iff_running"
        ),
        sa.CheckConstraint("state <> 'failed' OR error IS NOT NULL", name="failed_says_why"),
        sa.CheckConstraint("progress >= 0 AND progress <= 1", name="progress_is_a_share"),
        sa.CheckConstraint("attempt >= 0 AND fence >= attempt", name="attempt_counts_claims"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_due", "job", ["state", "priority", "scheduled_at", "id"])


def _create_job_event() -> None:
    op.create_table(
        "job_event",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        _job_id(nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer),
        sa.Column("state", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("name IN ('epoch', 'state', 'done')", name="name_known"),
        sa.CheckConstraint("(name = 'epoch') = (epoch IS NOT NULL)", name="epoch_iff_named"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_job_event_epoch",
        "job_event",
        ["job_id", "epoch"],
        unique=True,
        sqlite_where=sa.text("epoch IS NOT NULL"),
        postgresql_where=sa.text("epoch IS NOT NULL"),
    )
    op.create_index("ix_job_event_job_id_id", "job_event", ["job_id", "id"])


def _create_training_epoch() -> None:
    op.create_table(
        "training_epoch",
        _job_id(primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("validation_nll", REAL),
        sa.Column("validation_rmse", REAL),
        sa.Column("train_nll", REAL),
        sa.Column("reconstruction_error", REAL),
        sa.Column("train_free_energy", REAL),
        sa.Column("validation_free_energy", REAL),
        sa.Column("update_to_weight_ratio", REAL),
        sa.Column("hidden_activity", REAL),
        sa.Column("learning_rate", REAL, nullable=False),
        sa.Column("momentum", REAL, nullable=False),
        sa.Column("cd_steps", sa.Integer, nullable=False),
        sa.Column("seconds", REAL, nullable=False),
        sa.CheckConstraint("epoch >= 0", name="epoch_not_negative"),
        sa.CheckConstraint("seconds >= 0", name="seconds_not_negative"),
    )


def _create_models() -> None:
    op.create_table(
        "model_version",
        sa.Column("version", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("job_id", BIG_KEY, sa.ForeignKey("job.id"), nullable=False, unique=True),
        sa.Column("model_kind", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("hyperparameters", sa.JSON, nullable=False),
        sa.Column("rating_scale", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("baselines", sa.JSON, nullable=False),
        sa.Column("packages", sa.JSON, nullable=False),
        sa.Column("n_users", sa.Integer, nullable=False),
        sa.Column("n_items", sa.Integer, nullable=False),
        sa.Column("n_ratings", sa.BigInteger, nullable=False),
        sa.Column("best_epoch", sa.Integer, nullable=False),
        sa.Column("checkpoint_sha256", sa.Text, nullable=False),
        sa.Column("checkpoint_bytes", sa.BigInteger, nullable=False),
        sa.Column("weights_sha256", sa.Text, nullable=False),
        sa.Column("snapshot_sha256", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("retired_at", TIME),
        sa.CheckConstraint("model_kind IN ('user_rbm', 'item_rbm')", name="model_kind_known"),
        sa.CheckConstraint(
            "n_ratings > 0 AND n_users > 0 AND n_items > 0", name="trained_on_something"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "publication",
        sa.Column("id", BIG_KEY, sa.Identity(), primary_key=True),
        sa.Column("version", BIG_KEY, sa.ForeignKey("model_version.version"), nullable=False),
        sa.Column("previous_id", BIG_KEY, sa.ForeignKey("publication.id")),
        sa.Column("published_at", TIME, nullable=False),
        sqlite_autoincrement=True,
    )


def _job_id(**options: bool) -> sa.Column[int]:
    return sa.Column("job_id", BIG_KEY, sa.ForeignKey("job.id", ondelete="CASCADE"), **options)
