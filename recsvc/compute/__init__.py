"""Where the numbers are crunched: `local` is this process. Not SQLAlchemy's engine."""
