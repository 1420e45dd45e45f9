"""Routes of API keys, logins and the audit log."""
