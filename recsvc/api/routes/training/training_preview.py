"""Preview of a training job before it is queued."""

from typing import Annotated, Any, Literal

from fastapi import Body as FromBody
from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import CapacityDep, ContextDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.remedies import detail_with_remedy
from recsvc.api.routes.training.training_jobs import ChoiceOut, TrainingRequest
from recsvc.api.schemas import Answer
from recsvc.errors import (
    InvalidHyperparameter,
    RecsvcError,
    TrainingTooLarge,
    UnknownHyperparameter,
)
from recsvc.rbm.data_profile import DataProfile
from recsvc.service.access.scopes import Scope
from recsvc.service.training import training_preview
from recsvc.service.training.training_preview import Preview

router = Router(prefix="/v1", tags=["training jobs"], requirement=Requirement(Scope.TRAIN))


class LevelOut(Answer):
    """The number of ratings with one value."""

    value: float = Field(examples=[4.0])
    count: int = Field(examples=[34174])


class RemarkOut(Answer):
    """An issue of the data."""

    code: str = Field(examples=["constant_raters"])
    of: Literal["users", "items", "ratings"]
    count: int = Field(examples=[183])
    share: float = Field(examples=[0.0034], description="Share of all users, items or ratings.")
    examples: tuple[str, ...] = Field(
        examples=[["u17", "u204"]], description="Up to five ids, or rating values."
    )
    seen: str = Field(examples=["They have at least 20 ratings, all with the same value."])
    training: str = Field(description="How training handles it, and what you can do.")


class DataOut(Answer):
    """The training data."""

    n_users: int = Field(examples=[943])
    n_items: int = Field(examples=[1682])
    n_ratings: int = Field(examples=[100_000])
    n_interactions: int = Field(examples=[0])
    missing_share: float = Field(
        examples=[0.937], description="Share of (user, item) pairs without a rating or interaction."
    )
    ratings_per_user: float = Field(examples=[65.0], description="The median.")
    ratings_per_item: float = Field(examples=[27.0], description="The median.")
    levels: list[LevelOut]
    remarks: list[RemarkOut] = Field(description="Issues of the data; empty if there are none.")

    @classmethod
    def from_profile(cls, data: DataProfile) -> "DataOut":
        """Return a profile of the data."""
        return cls(
            n_users=data.n_users,
            n_items=data.n_items,
            n_ratings=data.n_ratings,
            n_interactions=data.n_interactions,
            missing_share=data.missing_share,
            ratings_per_user=data.ratings_per_user,
            ratings_per_item=data.ratings_per_item,
            levels=[LevelOut(value=value, count=count) for value, count in data.levels.items()],
            remarks=[RemarkOut.model_validate(remark) for remark in data.issues],
        )


class ImportedOut(Answer):
    """Line counts of the last hundred imports that the stored ratings do not show."""

    duplicates: int = Field(examples=[2278], description="Lines equal to stored ratings.")
    conflicts: int = Field(
        examples=[12], description="Lines that changed a rating or were older than it."
    )
    refused: dict[str, int] = Field(examples=[{"bad-value": 3}], description="Refusals by code.")


class PreviewOut(Answer):
    """The expected outcome of a training job that starts now."""

    verdict: Literal["ready", "scarce", "refused"] = Field(
        description="scarce: less than one rating per ten parameters; refused: see problem."
    )
    problem: dict[str, Any] | None = Field(
        description="The error that the request would be refused or the job would "
        "fail with: code, title and detail."
    )
    data: DataOut
    imported: ImportedOut
    hyperparameters: dict[str, Any] | None
    choices: dict[str, ChoiceOut] | None = Field(
        description="Hyperparameters chosen from the data, with the reasons."
    )
    ratings_per_parameter: float | None = Field(examples=[0.21])
    needed_bytes: int | None = Field(examples=[683_000_000], description="Estimated memory.")
    available_bytes: int | None = Field(examples=[8_000_000_000])
    estimated_seconds: float | None = Field(
        examples=[54.0],
        description="On this machine without other load; without the compilation of the first job.",
    )

    @classmethod
    def from_preview(cls, preview: Preview) -> "PreviewOut":
        """Return a preview."""
        problem, choices = preview.problem, preview.choices
        return cls(
            verdict="refused" if problem else "scarce" if preview.is_scarce else "ready",
            problem=_describe(problem) if problem else None,
            data=DataOut.from_profile(preview.data),
            imported=ImportedOut.model_validate(preview.imported),
            hyperparameters=preview.hyperparameters,
            choices=choices
            and {name: ChoiceOut.from_choice(choice) for name, choice in choices.items()},
            ratings_per_parameter=preview.ratings_per_parameter,
            needed_bytes=preview.needed_bytes,
            available_bytes=preview.available_bytes,
            estimated_seconds=preview.seconds,
        )


def _describe(problem: RecsvcError) -> dict[str, Any]:
    return problem.as_dict() | {"detail": detail_with_remedy(problem)}


@router.post(
    "/training-jobs:validate",
    summary="Preview a training job",
    responses=problem_responses(UnknownHyperparameter, InvalidHyperparameter, TrainingTooLarge),
)
@runs_on("previews")
def validate_training(
    context: ContextDep,
    capacity: CapacityDep,
    body: Annotated[TrainingRequest, FromBody()] = TrainingRequest(),  # noqa: B008 - never changed
) -> PreviewOut:
    """Check a training job against all data without queueing it.

    It takes a second for a million ratings. Each API process runs one at a time; a request that
    waits too long for another one is answered with 503.
    """
    return PreviewOut.from_preview(
        training_preview.preview_training(context, body.spec(), capacity)
    )
