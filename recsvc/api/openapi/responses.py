"""Problem responses of the OpenAPI document: each with its status and an example.

A route names its own problems: `responses=problem_responses(UserNotFound, InvalidCursor)`.
`recsvc.api.openapi.app` adds the problems that every route can have.
"""

from typing import Any

from recsvc import errors
from recsvc.api.problems import MEDIA_TYPE, status_of
from recsvc.errors import RecsvcError

SCHEMA = {"$ref": "#/components/schemas/Problem"}

EXAMPLES: tuple[RecsvcError, ...] = (
    errors.UserNotFound("u42"),
    errors.ItemNotFound("book/7"),
    errors.RatingNotFound("u42", "book/7"),
    errors.JobNotFound(7, "training"),
    errors.EpochNotWatched(7, 65, [64, 66]),
    errors.ModelVersionNotFound(3),
    errors.SweepNotFound(3),
    errors.RouteNotFound("/v1/user"),
    errors.AlreadyPublished(3),
    errors.NothingToRollBackTo(),
    errors.VersionRetired(1),
    errors.JobFinished(7, "succeeded"),
    errors.SweepFinished(3),
    errors.NothingToChange(7),
    errors.MalformedRequest(
        "value is missing; send it.",
        errors=[{"field": "value", "detail": "value is missing; send it."}],
    ),
    errors.InvalidId("user_id", ""),
    errors.InvalidRating("NaN"),
    errors.ValueOffScale(11, "1:5:1"),
    errors.InvalidCursor("page-2"),
    errors.UnknownFinding(7, "too_high", ["rate_too_high", "overfit"]),
    errors.UnknownHyperparameter("n_hiden", ["n_hidden", "epochs"]),
    errors.InvalidHyperparameter("epochs", 0, "at least 1"),
    errors.InvalidSweep("random.trials", 5000, "a sweep has at most 200 trials. Ask for fewer."),
    errors.InvalidScale("1:5", "it has no step"),
    errors.BodyTooLarge(64_000_000),
    errors.UnsupportedMedia(
        "Content-Type is 'text/plain'; this address reads application/json. "
        "Send JSON and say so in Content-Type.",
        sent="text/plain",
    ),
    errors.MethodNotAllowed("PATCH does not work at /livez; GET would.", allowed=["GET"]),
    errors.NoModelPublished(),
    errors.ModelLoading(3),
    errors.ModelUnreadable("The shelf has no object 9f86d081884c7d65…."),
    errors.DatabaseUnavailable("The database did not answer: connection refused."),
    errors.ServiceBusy(2.0),
    errors.ShelfUnavailable("The shelf did not answer: connection refused."),
    errors.ObjectMissing("9f86d081884c7d65…"),
    errors.ObjectCorrupt("9f86d081884c7d65…", "e3b0c44298fc1c14…"),
)
_EXAMPLE_OF = {type(example): example for example in EXAMPLES}


def problem_responses(*kinds: type[RecsvcError]) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route can answer with, by status."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status = status_of(kind)
        answer = answers.setdefault(
            status.value, {"description": "", "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
        )
        answer["description"] = "; ".join(filter(None, (answer["description"], kind.title())))
        examples = answer["content"][MEDIA_TYPE].setdefault("examples", {})
        examples[kind.code()] = {"summary": kind.title(), "value": _document(kind)}
    return answers


def _document(kind: type[RecsvcError]) -> dict[str, object]:
    example = _EXAMPLE_OF[kind]
    return {
        "type": f"/problems/{kind.code()}",
        "title": kind.title(),
        "status": status_of(kind).value,
        "detail": example.detail,
        "instance": "/v1/…",
        "request_id": "4f1d2c3b9a8e7f60",
        **example.facts,
    }
