"""What the service answers: its JSON, as dictionaries whose members are known to type checkers."""

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

Json = dict[str, Any]
FINAL_STATES = ("succeeded", "failed", "cancelled")


class Refusal(TypedDict):
    """A line that was not taken, and why."""

    line: int
    code: str
    detail: str


class Report(TypedDict):
    """What became of many ratings, interactions or items sent at once."""

    accepted: int
    added: int
    changed: int
    unchanged: int
    refused: list[Refusal]


class Job(TypedDict):
    """A piece of work in the queue.

    An import says what was sent and counts its lines; a training says how far it is.
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
    """What a user did that speaks for an item: a rating, or a `type` of interaction."""

    item_id: str
    rating: float | None
    type: Literal["view", "cart", "purchase"] | None
    effect: float


class Trial(TypedDict):
    """One training job of a sweep; `hyperparameters` are those swept, `best` of its metric."""

    job_id: int
    hyperparameters: dict[str, int | float | str]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    epochs: int
    best_epoch: int | None
    best: float | None
    stopped_early: bool


class Sweep(TypedDict):
    """Training jobs side by side: the best of them, and how much each hyperparameter matters."""

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
    """One place of a ranked answer; `because` comes where `explain` was asked."""

    item_id: str
    score: float
    expected_rating: float | None
    source: Literal["model", "popular", "new"]
    because: NotRequired[list[Reason]]


class Recommendations(TypedDict):
    """The ranked answer; `shortfall` says why there are fewer than asked for.

    `model_version` is None until a version is loaded: the items are popular or new ones.
    """

    user_id: str | None
    model_version: int | None
    items: list[RecommendedItem]
    shortfall: NotRequired[str | None]


class Event(NamedTuple):
    """One server-sent event of a training job."""

    id: str
    name: str
    data: Json
