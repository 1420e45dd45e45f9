"""Training in this process, its memory and its time. Not SQLAlchemy's engine."""
