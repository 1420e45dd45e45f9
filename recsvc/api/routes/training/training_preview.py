"""A training job looked at before it is queued."""

from typing import Annotated, Any, Literal

from fastapi import Body as FromBody
from pydantic import Field

from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import ContextDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.routes.training.training_jobs import ChoiceOut, TrainingRequest
from recsvc.api.schemas import Answer
from recsvc.errors import InvalidHyperparameter, UnknownHyperparameter
from recsvc.rbm.data_profile import DataProfile
from recsvc.service.training import training_preview
from recsvc.service.training.training_preview import Preview

router = Router(prefix="/v1", tags=["training jobs"])


class LevelOut(Answer):
    """How often a rating was given."""

    value: float = Field(examples=[4.0])
    count: int = Field(examples=[34174])


class RemarkOut(Answer):
    """Something odd about the data."""

    code: str = Field(examples=["constant_raters"])
    of: Literal["users", "items", "ratings"]
    count: int = Field(examples=[183])
    share: float = Field(examples=[0.0034], description="Of all users, items or ratings.")
    examples: tuple[str, ...] = Field(
        examples=[["u17", "u204"]], description="Ids, or values of ratings; at most five."
    )
    seen: str = Field(examples=["They gave 20 ratings or more, all of one value."])
    training: str = Field(description="What training will do about it, and what you can.")


class DataOut(Answer):
    """What training would learn from."""

    n_users: int = Field(examples=[943])
    n_items: int = Field(examples=[1682])
    n_ratings: int = Field(examples=[100_000])
    n_interactions: int = Field(examples=[0])
    missing_share: float = Field(
        examples=[0.937], description="Of all (user, item) pairs: neither rated nor chosen."
    )
    ratings_per_user: float = Field(examples=[65.0], description="The median.")
    ratings_per_item: float = Field(examples=[27.0], description="The median.")
    levels: list[LevelOut]
    remarks: list[RemarkOut] = Field(description="Empty: nothing is odd about the data.")

    @classmethod
    def from_profile(cls, data: DataProfile) -> "DataOut":
        """Show a profile."""
        return cls(
            n_users=data.n_users,
            n_items=data.n_items,
            n_ratings=data.n_ratings,
            n_interactions=data.n_interactions,
            missing_share=data.missing_share,
            ratings_per_user=data.ratings_per_user,
            ratings_per_item=data.ratings_per_item,
            levels=[LevelOut(value=value, count=count) for value, count in data.levels.items()],
            remarks=[RemarkOut.model_validate(remark) for remark in data.remarks],
        )


class ImportedOut(Answer):
    """What the latest hundred imports did with lines that stored ratings cannot show."""

    duplicates: int = Field(examples=[2278], description="Lines that said what was known.")
    conflicts: int = Field(
        examples=[12], description="Lines that changed a rating, or were older than the stored one."
    )
    refused: dict[str, int] = Field(examples=[{"bad-value": 3}], description="Lines, by code.")


class PreviewOut(Answer):
    """What would become of a training job that began now."""

    verdict: Literal["ready", "scarce", "refused"] = Field(
        description="scarce: fewer than one rating for ten parameters; refused: see problem."
    )
    problem: dict[str, Any] | None = Field(
        description="What the job would fail with: code, title and detail."
    )
    data: DataOut
    imported: ImportedOut
    hyperparameters: dict[str, Any] | None
    choices: dict[str, ChoiceOut] | None = Field(
        description="What the data's shape decides where nothing is asked for, and why."
    )
    ratings_per_parameter: float | None = Field(examples=[0.21])
    needed_bytes: int | None = Field(examples=[683_000_000], description="Estimated.")
    available_bytes: int | None = Field(examples=[8_000_000_000])
    estimated_seconds: float | None = Field(
        examples=[54.0],
        description="On this machine, alone on it; compiling, at the first job, not included.",
    )

    @classmethod
    def from_preview(cls, preview: Preview) -> "PreviewOut":
        """Show a preview."""
        problem, choices = preview.problem, preview.choices
        return cls(
            verdict="refused" if problem else "scarce" if preview.is_scarce else "ready",
            problem=problem.as_dict() if problem else None,
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


@router.post(
    "/training-jobs:validate",
    summary="Look at a training job before it is queued",
    responses=problem_responses(UnknownHyperparameter, InvalidHyperparameter),
)
@runs_on("slow")
def validate_training(
    context: ContextDep,
    body: Annotated[TrainingRequest, FromBody()] = TrainingRequest(),  # noqa: B008 - never changed
) -> PreviewOut:
    """Read all data, queue and write nothing. Takes a second for a million ratings."""
    return PreviewOut.from_preview(training_preview.preview(context, body.spec()))
