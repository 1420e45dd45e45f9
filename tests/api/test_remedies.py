import pytest

from recsvc import errors
from recsvc.api.remedies import REMEDIES, detail_with_remedy, job_error_with_remedy

DETAILS = [
    (
        errors.BodyTooLarge(1024),
        "The body is larger than 1,024 bytes. Send it in parts, or upload a file to "
        "/v1/import-jobs.",
    ),
    (
        errors.JobNotFound(7, "training"),
        "There is no training job 7. List the jobs at /v1/training-jobs.",
    ),
    (
        errors.ModelVersionNotFound(3),
        "There is no model version 3. List the versions at /v1/models.",
    ),
    (
        errors.HostNotAllowed("shop.example"),
        "The service does not answer as 'shop.example'. Add the name to RECSVC_ALLOWED_HOSTS.",
    ),
    (
        errors.TrainingTooLarge({"n_hidden": 4096}, 32_000_000_000, 8_000_000_000),
        "hyperparameters.n_hidden is 4096: training needs about 32,000 MB, and the limit is "
        "8,000 MB. Reduce n_hidden, or set RECSVC_MEMORY_LIMIT_MB to the memory of the workers.",
    ),
    (
        errors.TrainingTooLong({"n_hidden": 4096, "epochs": 10_000}, 1_040_000, 86_400),
        "hyperparameters.n_hidden is 4096, hyperparameters.epochs is 10000: all epochs would take "
        "about 12 days, and a job is stopped after 24 hours. Reduce epochs or n_hidden. "
        "RECSVC_MAX_JOB_HOURS sets the limit.",
    ),
    (
        errors.JobQuotaReached("rsk_1f0c9a7e33", 20, 20),
        "The API key rsk_1f0c9a7e33 has 20 queued or running jobs, and may have at most 20. Retry "
        "when one has finished, or cancel one. RECSVC_MAX_JOBS_PER_KEY sets the limit.",
    ),
    (
        errors.JobTooLong(7, 24.0),
        "Job 7 ran for 24 hours and was stopped. Ask for fewer epochs, or increase "
        "RECSVC_MAX_JOB_HOURS.",
    ),
    (
        errors.NoModelPublished(),
        "No model version is published. Train a model: POST /v1/training-jobs.",
    ),
    (
        errors.NothingToChange(7),
        "No finding of training job 7 suggests a change of its hyperparameters. Read "
        "its findings: GET /v1/training-jobs/7/diagnosis.",
    ),
    (
        errors.NothingToRollBackTo(),
        "No version was published before the current one. Publish a version by its "
        "number: POST /v1/models/{version}/publish.",
    ),
    (errors.SweepNotFound(4), "There is no sweep 4. List the sweeps at /v1/sweeps."),
    (
        errors.TooFewRatings(1, 1, 1, "two"),
        "There are 1 ratings by 1 users of 1 items; training needs two. Send more "
        "ratings, or import a file at /v1/import-jobs.",
    ),
    (
        errors.NotEnoughMemory(2_000_000, 1_000_000),
        "Training needs about 2 MB and 1 MB are available. Reduce n_hidden, or run the "
        "worker with more memory (RECSVC_MEMORY_LIMIT_MB sets the limit).",
    ),
    (
        errors.VersionRetired(3),
        "The weights of model version 3 have been deleted. Train again, or increase "
        "RECSVC_SHELF_KEEP to keep more versions.",
    ),
]


@pytest.mark.parametrize(("error", "detail"), DETAILS)
def test_detail_has_fact_and_remedy(error, detail):
    assert detail_with_remedy(error) == detail


def test_detail_examples_cover_every_remedy():
    assert {type(error) for error, _ in DETAILS} == set(REMEDIES)


def test_error_without_remedy_keeps_detail():
    error = errors.UserNotFound("u1")

    assert detail_with_remedy(error) == error.detail


def test_job_error_gets_remedy_once():
    error, detail = errors.NotEnoughMemory(2_000_000, 1_000_000), DETAILS[-2][1]

    shown = job_error_with_remedy(error.as_dict())

    assert shown == error.as_dict() | {"detail": detail}
    assert job_error_with_remedy(shown) == shown
    assert job_error_with_remedy(None) is None
