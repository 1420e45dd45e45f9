"""Errors of settings."""

from recsvc.errors.base import RecsvcError


class ConfigurationError(RecsvcError):
    """Invalid setting"""
