"""Commands that open the database and the shelf directly, with or without a running service."""
