"""The audit log: changes made through the API."""

from datetime import datetime

from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Cursor, Limit, ReadingDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.schemas import Answer, Page
from recsvc.errors import InvalidCursor
from recsvc.service.access import audit
from recsvc.service.access.scopes import Scope

router = Router(prefix="/v1/audit", tags=["keys"], requirement=Requirement(Scope.ADMIN))


class AuditEntryOut(Answer):
    """One change: who made it, with which operation, and when."""

    id: int = Field(examples=[17])
    at: datetime
    key_prefix: str | None = Field(
        examples=["rsk_1f0c9a7e33"], description="Null if the service needed no key."
    )
    operation: str = Field(examples=["publish_model"], description="operationId of the API.")
    path: str = Field(examples=["/v1/models/3/publish"])
    request_id: str = Field(examples=["4f1d2c3b9a8e7f60"])


@router.get("", summary="Read the audit log", responses=problem_responses(InvalidCursor))
def list_audit_entries(
    session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[AuditEntryOut]:
    """List changes, newest first: jobs, sweeps, publications, keys and erasures."""
    return page(
        "audit",
        cursor,
        limit,
        read=lambda before, most: audit.list_entries(session, before=before, limit=most),
        show=AuditEntryOut.model_validate,
        place=lambda entry: entry.id,
    )
