"""Tables of users and items."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class User(Base):
    """A user. Created by the first rating or interaction."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("length(user_id) BETWEEN 1 AND 256", name="user_id_length"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    user_id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class Item(Base):
    """An item. Created by the first rating or interaction, or by a PUT."""

    __tablename__ = "item"
    __table_args__ = (
        CheckConstraint("length(item_id) BETWEEN 1 AND 256", name="item_id_length"),
        CheckConstraint("price IS NULL OR price >= 0", name="price_not_negative"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    item_id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str | None]
    categories: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    price: Mapped[float | None] = mapped_column(Float(53))
    available: Mapped[bool] = mapped_column(server_default=text("true"))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)
