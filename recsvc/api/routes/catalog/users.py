"""Users: created by their first rating or interaction, erased on request."""

from datetime import datetime

from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import ContextDep, Now, SessionDep, UserId
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.errors import UserNotFound
from recsvc.service.access.scopes import Scope
from recsvc.service.catalog import erasure

router = Router(
    prefix="/v1/users", tags=["users"], requirement=Requirement(Scope.ADMIN, is_audited=True)
)


class ErasureReceipt(Answer):
    """What was erased, and which model versions were trained on it."""

    user_id: str = Field(examples=["u42"])
    ratings_erased: int = Field(examples=[17])
    interactions_erased: int = Field(examples=[42])
    erased_at: datetime
    model_versions: list[int] = Field(
        examples=[[3, 4]],
        description="Versions trained on the user's data whose weights are still stored.",
    )


@router.delete("/{user_id:id}", summary="Erase a user", responses=problem_responses(UserNotFound))
def erase_user(
    user_id: UserId, session: SessionDep, context: ContextDep, now: Now
) -> ErasureReceipt:
    """Delete a user with all ratings and interactions.

    The receipt lists the model versions that were trained on them. Train again: later versions do
    not have the user, and older ones retire.
    """
    receipt = erasure.erase_user(session, context, user_id, now=now)
    return ErasureReceipt.model_validate(receipt)
