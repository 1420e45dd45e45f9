"""Tables of API keys, logins, request counts and the audit log."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class ApiKey(Base):
    """An API key. The key itself is not stored, only its SHA-256 and its visible prefix."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Login(Base):
    """A login of a browser with a key: the SHA-256 of its cookie."""

    __tablename__ = "login"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(BigKey, ForeignKey("api_key.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RequestCount(Base):
    """The requests that an API process has counted for a key in its last second with requests."""

    __tablename__ = "request_count"

    key_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True
    )
    process: Mapped[str] = mapped_column(primary_key=True)
    second: Mapped[int] = mapped_column(BigInteger)
    n_requests: Mapped[int] = mapped_column(server_default=text("0"))


class AuditEntry(Base):
    """A change made through the API: who, what and when."""

    __tablename__ = "audit_entry"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    key_prefix: Mapped[str | None]
    operation: Mapped[str]
    path: Mapped[str]
    request_id: Mapped[str]
