"""Authorization of requests: keys, scopes, rate limits and logins."""
