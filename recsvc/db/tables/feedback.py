"""Tables of ratings and interactions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Float, ForeignKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class Rating(Base):
    """A user's rating of an item; the newest `rated_at` is kept.

    SQLite checks foreign keys for each row. On PostgreSQL this would take four times as long as the
    rest of a write, so triggers check them once a statement (migration 0002).
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
    """The types of interactions; arrays have the index in this order."""

    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"


class Interaction(Base):
    """A view, a cart or a purchase, identified by user, item, type and time.

    On PostgreSQL triggers check the foreign keys, as for ratings (migration 0003).
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
