"""API keys, logins, request counts and the audit log."""
