"""Concurrency of requests: thread pools, the router that uses them, and admission."""
