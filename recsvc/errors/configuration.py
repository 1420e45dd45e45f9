"""Errors of settings."""

from recsvc.errors.base import RecsvcError


class ConfigurationError(RecsvcError):
    """Setting cannot be used"""
