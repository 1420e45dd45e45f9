"""The database: tables, transactions and queries. No other package has SQL."""
