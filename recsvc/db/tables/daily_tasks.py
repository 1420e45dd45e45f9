"""The table of tasks that one of the workers does once a day."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base


class DailyTask(Base):
    """The last start of a daily task, by the clock of the database."""

    __tablename__ = "daily_task"

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
