"""Types of the JSON responses of the service."""

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

Json = dict[str, Any]
FINAL_STATES = ("succeeded", "failed", "cancelled")


class Refusal(TypedDict):
    """A refused line and the reason."""

    line: int
    code: str
    detail: str


class Report(TypedDict):
    """The result of a bulk request of ratings, interactions or items."""

    accepted: int
    added: int
    changed: int
    unchanged: int
    refused: list[Refusal]


class Job(TypedDict):
    """A job in the queue.

    Import jobs have the file name and counts of lines; training jobs have their progress.
    """

    id: int
    kind: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float
    attempt: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: Json | None
    result: Json | None
    links: dict[str, str]
    filename: NotRequired[str]
    dry_run: NotRequired[bool]
    counts: NotRequired[Json]
    phase: NotRequired[str | None]
    eta_seconds: NotRequired[float | None]
    best_epoch: NotRequired[int | None]
    baselines: NotRequired[Json | None]
    choices: dict[str, Any] | None
    hyperparameters: NotRequired[Json]
    trying: NotRequired[Json | None]
    tried: NotRequired[list[Json]]
    next_job_id: NotRequired[int | None]
    autopilot_end: NotRequired[Json | None]


class Reason(TypedDict):
    """A rating or interaction of the user that contributes to the score of an item."""

    item_id: str
    rating: float | None
    type: Literal["view", "cart", "purchase"] | None
    effect: float


class Trial(TypedDict):
    """A training job of a sweep: its values of the searched hyperparameters and its best metric."""

    job_id: int
    hyperparameters: dict[str, int | float | str]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    epochs: int
    best_epoch: int | None
    best: float | None
    stopped_early: bool


class Sweep(TypedDict):
    """A sweep: its trials, the best trial and the sensitivity to each hyperparameter."""

    id: int
    kind: Literal["grid", "random", "rate_range"]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: str
    metric: Literal["validation_ndcg", "validation_nll"]
    early_stopping: bool
    trials: list[Trial]
    best_job_id: int | None
    best_model_version: int | None
    sensitivity: list[Json]
    suggestion: Json | None
    links: dict[str, str]


class RecommendedItem(TypedDict):
    """An item of a recommendation list; `because` is present if `explain` was requested."""

    item_id: str
    score: float
    expected_rating: float | None
    source: Literal["model", "popular", "new"]
    because: NotRequired[list[Reason]]


class Recommendations(TypedDict):
    """A recommendation list; `shortfall` is the reason for a list that is shorter than requested.

    `model_version` is None until a version is loaded; the items are then popular or new ones.
    """

    user_id: str | None
    model_version: int | None
    items: list[RecommendedItem]
    shortfall: NotRequired[str | None]


class Event(NamedTuple):
    """A server-sent event of a training job."""

    id: str
    name: str
    data: Json
