"""Metrics of the service in the Prometheus text format.

register → request_metrics (each API process writes) → exposition (any process reads all).
docs/decisions/0080-metrics.md has the reasons.
"""
