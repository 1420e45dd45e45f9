"""How Alembic reaches the database.

The service hands over an open connection, whose transaction holds the migration lock
(`recsvc.db.migrate`). A developer's `alembic` command has none: it reads RECSVC_DATABASE_URL.
"""

from alembic import context

from recsvc.config import Settings
from recsvc.db.migrate import configure_and_run
from recsvc.db.session import Database

if context.is_offline_mode():
    raise SystemExit("Migrations are not rendered as SQL: run them against a database.")

connection = context.config.attributes.get("connection")
if connection is not None:
    configure_and_run(connection)
else:
    database = Database(Settings().effective_database_url())
    with database.engine.begin() as connection:
        configure_and_run(connection)
    database.close()
