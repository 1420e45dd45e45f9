"""Problem responses of the OpenAPI document: each with its status and an example.

A route names its own problems: `responses=problem_responses(UserNotFound, InvalidCursor)`.
`recsvc.api.openapi.app` adds the problems that every route can have.
"""

import inspect
from typing import Any

from recsvc import errors
from recsvc.api.problems import MEDIA_TYPE, status_of
from recsvc.api.remedies import detail_with_remedy
from recsvc.errors import RecsvcError

SCHEMA = {"$ref": "#/components/schemas/Problem"}

# Values of the constructors' parameters in the examples.
PARAMETER_EXAMPLES: dict[str, Any] = {
    "user_id": "u42",
    "item_id": "book/7",
    "job_id": 7,
    "sweep_id": 3,
    "version": 3,
    "kind": "training",
    "state": "succeeded",
    "cursor": "page-2",
    "path": "/v1/user",
    "limit_bytes": 64_000_000,
    "key_id": 1,
    "prefix": "rsk_1f0c9a7e33",
    "expires_at": "2026-06-01T12:00:00+00:00",
    "required": "admin",
    "scopes": ["recommend", "write"],
    "origin": "https://other.example",
    "host": "other.example",
    "limit": 100,
    "n_queued": 100,
    "n_jobs": 20,
    "n_bytes": 9_000_000_000,
    "n_compressed": 17_000_000,
    "hours": 24.0,
    "waited_seconds": 2.0,
    "sha256": "9f86d081884c7d65…",
}
# Errors with other parameters, or with a free text.
EXAMPLES: tuple[RecsvcError, ...] = (
    errors.EpochNotWatched(7, 65, [64, 66]),
    errors.MalformedRequest(
        "value is missing; send it.",
        errors=[{"field": "value", "detail": "value is missing; send it."}],
    ),
    errors.InvalidId("user_id", ""),
    errors.InvalidRating("NaN"),
    errors.ValueOffScale(11, "1:5:1"),
    errors.UnknownFinding(7, "too_high", ["rate_too_high", "overfit"]),
    errors.UnknownHyperparameter("n_hiden", ["n_hidden", "epochs"]),
    errors.InvalidHyperparameter("epochs", 0, "at least 1"),
    errors.TrainingTooLong({"n_hidden": 4096, "epochs": 10_000}, 1_040_000, 86_400),
    errors.TrainingTooLarge({"n_hidden": 4096}, 32_000_000_000, 8_000_000_000),
    errors.InvalidSweep("random.trials", 5000, "a sweep has at most 200 trials. Ask for fewer."),
    errors.InvalidScale("1:5", "it has no step"),
    errors.UnsupportedMedia(
        "Content-Type is 'text/plain'; this path accepts application/json. "
        "Send JSON with that Content-Type.",
        sent="text/plain",
    ),
    errors.MethodNotAllowed("/livez does not support PATCH; use GET.", allowed=["GET"]),
    errors.ModelUnreadable("The shelf has no object 9f86d081884c7d65…."),
    errors.DatabaseUnavailable("The database does not respond. Try again."),
    errors.StorageFull(
        "The disk of the database is full. Nothing was stored. Free space, then try again."
    ),
    errors.ShelfUnavailable("The shelf does not respond. Try again."),
    errors.ObjectCorrupt("9f86d081884c7d65…", "e3b0c44298fc1c14…"),
)
_EXAMPLE_OF = {type(example): example for example in EXAMPLES}


def problem_responses(*kinds: type[RecsvcError]) -> dict[int | str, dict[str, Any]]:
    """Return the problem responses of a route, by status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status = status_of(kind)
        response = responses.setdefault(
            status.value, {"description": "", "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
        )
        response["description"] = "; ".join(filter(None, (response["description"], kind.title())))
        examples = response["content"][MEDIA_TYPE].setdefault("examples", {})
        examples[kind.code()] = {"summary": kind.title(), "value": _document(kind)}
    return responses


def error_example(kind: type[RecsvcError]) -> RecsvcError:
    """Return an example of an error, built from the parameters of its constructor."""
    if kind in _EXAMPLE_OF:
        return _EXAMPLE_OF[kind]
    parameters = [*inspect.signature(kind.__init__).parameters][1:]
    return kind(**{name: PARAMETER_EXAMPLES[name] for name in parameters})


def _document(kind: type[RecsvcError]) -> dict[str, object]:
    example = error_example(kind)
    return {
        "type": f"/problems/{kind.code()}",
        "title": kind.title(),
        "status": status_of(kind).value,
        "detail": detail_with_remedy(example),
        "instance": "/v1/…",
        "request_id": "4f1d2c3b9a8e7f60",
        **example.facts,
    }
