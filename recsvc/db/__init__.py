"""The memory, and the only SQL: tables, transactions, and what is asked of them."""
