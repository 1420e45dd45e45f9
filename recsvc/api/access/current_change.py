"""The change that the current request makes, for the audit log."""

from contextvars import ContextVar

from recsvc.service.access.audit import Change

# None while a request that is not audited runs. A pool copies the context of its request.
CHANGE: ContextVar[Change | None] = ContextVar("change", default=None)
