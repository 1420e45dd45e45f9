"""Users: made by their first rating or interaction, erased on request."""

from datetime import datetime

from pydantic import Field

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import ContextDep, Now, SessionDep, UserId
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.errors import UserNotFound
from recsvc.service.catalog import erasure

router = Router(prefix="/v1/users", tags=["users"])


class ErasureReceipt(Answer):
    """What was erased, and which models still know the user."""

    user_id: str = Field(examples=["u42"])
    ratings_erased: int = Field(examples=[17])
    interactions_erased: int = Field(examples=[42])
    erased_at: datetime
    model_versions: list[int] = Field(
        examples=[[3, 4]],
        description="Versions trained on what the user did whose weights are still kept.",
    )


@router.delete("/{user_id:id}", summary="Erase a user", responses=problem_responses(UserNotFound))
def erase_user(
    user_id: UserId, session: SessionDep, context: ContextDep, now: Now
) -> ErasureReceipt:
    """All ratings and interactions go, for good.

    Train again, and the versions of the receipt retire in time.
    """
    receipt = erasure.erase_user(session, context, user_id, now=now)
    return ErasureReceipt.model_validate(receipt)
