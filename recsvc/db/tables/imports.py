"""Tables of refused lines."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class ImportRefusal(Base):
    """A refused line of an imported file, with the reason."""

    __tablename__ = "import_refusal"
    __table_args__ = (
        CheckConstraint("line >= 1", name="line_counts_from_one"),
        {"sqlite_with_rowid": False},
    )

    job_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str]
    detail: Mapped[str]
