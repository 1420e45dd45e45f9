"""Remedies of errors in terms of the HTTP API and of settings.

An error contains facts; this module adds the remedy for an HTTP client. A
remedy may refer to the facts and the attributes of its error.
"""

import re
from collections.abc import Mapping
from typing import Any

from recsvc import errors
from recsvc.errors import RecsvcError

REMEDIES: dict[type[RecsvcError], str] = {
    errors.BodyTooLarge: "Send it in parts, or upload a file to /v1/import-jobs.",
    errors.HostNotAllowed: "Add the name to RECSVC_ALLOWED_HOSTS.",
    errors.JobNotFound: "List the jobs at /v1/{kind}-jobs.",
    errors.JobQuotaReached: "RECSVC_MAX_JOBS_PER_KEY sets the limit.",
    errors.JobTooLong: "Ask for fewer epochs, or increase RECSVC_MAX_JOB_HOURS.",
    errors.ModelVersionNotFound: "List the versions at /v1/models.",
    errors.NoModelPublished: "Train a model: POST /v1/training-jobs.",
    errors.NothingToChange: "Read its findings: GET /v1/training-jobs/{job_id}/diagnosis.",
    errors.NothingToRollBackTo: "Publish a version by its number: "
    "POST /v1/models/{{version}}/publish.",
    errors.SweepNotFound: "List the sweeps at /v1/sweeps.",
    errors.TooFewRatings: "Send more ratings, or import a file at /v1/import-jobs.",
    errors.NotEnoughMemory: "Reduce n_hidden, or run the worker with more memory "
    "(RECSVC_MEMORY_LIMIT_MB sets the limit).",
    errors.TrainingTooLarge: "Reduce n_hidden, or set RECSVC_MEMORY_LIMIT_MB to the memory of the "
    "workers.",
    errors.TrainingTooLong: "RECSVC_MAX_JOB_HOURS sets the limit.",
    errors.VersionRetired: "Train again, or increase RECSVC_SHELF_KEEP to keep more versions.",
}
STORED_REMEDY = re.compile(r"/v1/|RECSVC_")
_BY_CODE = {kind.code(): remedy for kind, remedy in REMEDIES.items()}


def detail_with_remedy(error: RecsvcError) -> str:
    """Return the detail of an error, followed by the remedy for HTTP clients."""
    remedy = REMEDIES.get(type(error))
    return error.detail if remedy is None else _join(error.detail, remedy, vars(error))


def job_error_with_remedy(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a job's stored error with the remedy, unless an older version stored it as well."""
    remedy = None if error is None else _BY_CODE.get(error["code"])
    if error is None or remedy is None or STORED_REMEDY.search(str(error["detail"])):
        return error
    return error | {"detail": _join(error["detail"], remedy, error)}


def _join(detail: str, remedy: str, values: Mapping[str, Any]) -> str:
    return f"{detail} {remedy.format_map(dict(values.get('facts', {})) | dict(values))}"
