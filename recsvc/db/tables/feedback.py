"""Tables of ratings and interactions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Float, ForeignKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class Rating(Base):
    """The value that one user gave one item; the newest `rated_at` wins.

    SQLite checks the keys row by row. PostgreSQL would take four times as long over that as over
    everything else, so there triggers check them once a statement: see migration 0002.
    """

    __tablename__ = "rating"
    __table_args__ = (
        CheckConstraint("value > -1e308 AND value < 1e308", name="value_finite"),
        ForeignKeyConstraint(["user_key"], ["user_account.key"], ondelete="CASCADE").ddl_if(
            dialect="sqlite"
        ),
        ForeignKeyConstraint(["item_key"], ["item.key"]).ddl_if(dialect="sqlite"),
        {"sqlite_with_rowid": False},
    )

    user_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    rated_at: Mapped[datetime]


class InteractionType(StrEnum):
    """What a user did with an item, without rating it; in arrays, its place in this order."""

    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"


class Interaction(Base):
    """A view, a cart or a purchase: one event, which the same user, item, type and time is again.

    Its keys are checked as a rating's are, on PostgreSQL by triggers: see migration 0003.
    """

    __tablename__ = "interaction"
    __table_args__ = (
        CheckConstraint("type IN ('view', 'cart', 'purchase')", name="type_known"),
        CheckConstraint("quantity > 0 AND quantity < 1e308", name="quantity_positive"),
        ForeignKeyConstraint(["user_key"], ["user_account.key"], ondelete="CASCADE").ddl_if(
            dialect="sqlite"
        ),
        ForeignKeyConstraint(["item_key"], ["item.key"]).ddl_if(dialect="sqlite"),
        {"sqlite_with_rowid": False},
    )

    user_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(primary_key=True)
    quantity: Mapped[float] = mapped_column(Float(53), server_default=text("1"))
    updated_at: Mapped[datetime]
