"""Tables of model versions and publications."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class ModelVersion(Base):
    """A numbered, immutable, evaluated checkpoint; its card is kept without its weights."""

    __tablename__ = "model_version"
    __table_args__ = (
        CheckConstraint(
            "model_kind IN ('user_rbm', 'item_rbm', 'joint_rbm')", name="model_kind_known"
        ),
        CheckConstraint(
            "n_ratings > 0 AND n_users > 0 AND n_items > 0", name="trained_on_something"
        ),
        {"sqlite_autoincrement": True},
    )

    version: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    job_id: Mapped[int] = mapped_column(BigKey, ForeignKey("job.id"), unique=True)
    model_kind: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    hyperparameters: Mapped[dict[str, Any]]
    rating_scale: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    baselines: Mapped[dict[str, Any]]
    packages: Mapped[dict[str, Any]]
    n_users: Mapped[int]
    n_items: Mapped[int]
    n_ratings: Mapped[int] = mapped_column(BigInteger)
    best_epoch: Mapped[int]
    checkpoint_sha256: Mapped[str]
    checkpoint_bytes: Mapped[int] = mapped_column(BigInteger)
    weights_sha256: Mapped[str]
    snapshot_sha256: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    calibration: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    protocol: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    judged_sha256: Mapped[str | None]

    @property
    def model_as_judged_sha256(self) -> str:
        """The model trained without validation ratings, used for comparison and evaluation."""
        return self.judged_sha256 or self.checkpoint_sha256


class Publication(Base):
    """A publication of a version. The newest row is the current one; rows are immutable.

    `previous_id` is the publication that a rollback restores.
    """

    __tablename__ = "publication"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(BigKey, ForeignKey("model_version.version"))
    previous_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("publication.id"))
    published_at: Mapped[datetime]
