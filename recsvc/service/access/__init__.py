"""API keys, rate limits, logins and the audit log."""
