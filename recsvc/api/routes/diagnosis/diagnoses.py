"""Diagnosis of a training job, or of an error curve from another source."""

from typing import Annotated, Any

from fastapi import Body as FromBody
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import JobId, ModelServerDep, Now, ReadingDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer, Body
from recsvc.db.tables import JobState
from recsvc.errors import InvalidHyperparameter, JobNotFound, UnknownHyperparameter
from recsvc.errors.base import quote
from recsvc.rbm.diagnosis import Change, Evidence, Finding, Severity
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.service.access.scopes import Scope
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.diagnosis.job_diagnosis import Diagnosis, Verdict
from recsvc.service.diagnosis.run_records import CURVE_COLUMNS
from recsvc.service.jobs import reported_jobs

MAX_EPOCHS = 100_000
Value = int | float | str

router = Router(prefix="/v1", tags=["training jobs"], requirement=Requirement(Scope.TRAIN))


class EvidenceOut(Answer):
    """A metric and the threshold that it exceeds."""

    metric: str = Field(examples=["update_to_weight_ratio"])
    value: float = Field(examples=[0.05])
    threshold: float = Field(examples=[0.01])
    source: str = Field(examples=["H10"], description="Source of the threshold.")

    @classmethod
    def from_evidence(cls, evidence: Evidence) -> "EvidenceOut":
        """Return the evidence of a finding."""
        return cls(
            metric=evidence.metric,
            value=evidence.value,
            threshold=evidence.threshold,
            source=evidence.source,
        )


class ChangeOut(Answer):
    """A suggested change of one hyperparameter."""

    hyperparameter: str = Field(examples=["learning_rate"])
    before: Value = Field(examples=[2.0], serialization_alias="from")
    to: Value = Field(examples=[0.03])

    @classmethod
    def from_change(cls, change: Change) -> "ChangeOut":
        """Return the change."""
        return cls(hyperparameter=change.hyperparameter, before=change.before, to=change.to)

    @field_validator("before", "to")
    @classmethod
    def _convert_type(cls, value: Value, info: ValidationInfo) -> Value:
        """Return the value with the type of its hyperparameter: a count is an integer."""
        name = info.data["hyperparameter"]
        typed: Value = Hyperparameters.coerce_counts({name: value})[name]
        return typed


class FindingOut(Answer):
    """A problem of a training run, its evidence and a remedy."""

    code: str = Field(examples=["rate_too_high"])
    severity: Severity
    epochs: tuple[int, int] = Field(examples=[[4, 30]], description="First and last epoch.")
    evidence: EvidenceOut
    further_evidence: list[EvidenceOut]
    cause: str
    change: ChangeOut | None = Field(description="Null if no hyperparameter is the cause.")
    confidence: float = Field(ge=0, le=1)
    docs: str = Field(examples=["/diagnosis/rate_too_high"], description="Path of a page about it.")

    @classmethod
    def from_finding(cls, finding: Finding) -> "FindingOut":
        """Return the finding."""
        first, *others = map(EvidenceOut.from_evidence, finding.evidence)
        change = finding.change
        return cls(
            code=finding.code,
            severity=finding.severity,
            epochs=finding.epochs,
            evidence=first,
            further_evidence=others,
            cause=finding.cause,
            change=change and ChangeOut.from_change(change),
            confidence=finding.confidence,
            docs=f"/diagnosis/{finding.code}",
        )


class DiagnosisOut(Answer):
    """The findings, in the order in which to fix them."""

    verdict: Verdict = Field(description="too_early: a diagnosis needs more epochs.")
    findings: list[FindingOut]
    n_epochs: int = Field(examples=[14], description="Examined epochs, including epoch 0.")


class JobDiagnosis(DiagnosisOut):
    """The diagnosis of a training job."""

    job_id: int = Field(examples=[7])
    state: JobState


def _check_row(row: dict[str, float | None]) -> dict[str, float | None]:
    epoch = row.get("epoch")
    if epoch is None or not 0 <= epoch <= MAX_EPOCHS:
        raise ValueError(f"a row needs an epoch, a number from 0 to {MAX_EPOCHS}")
    if unknown := row.keys() - {*CURVE_COLUMNS, "seconds"}:
        known = ", ".join(CURVE_COLUMNS)
        raise ValueError(
            f"{quote(min(unknown), 80)} is not a column of an error curve. The columns are: {known}"
        )
    return row


Row = Annotated[dict[str, float | None], AfterValidator(_check_row)]


class CurveToDiagnose(Body):
    """An error curve from another source: one row per epoch, with any columns."""

    curves: list[Row] = Field(
        min_length=1,
        max_length=MAX_EPOCHS,
        examples=[[{"epoch": 1, "validation_nll": 1.40}, {"epoch": 2, "validation_nll": 1.41}]],
        description="Rows with `epoch` and any of the columns of an error curve.",
    )
    hyperparameters: dict[str, Any] | None = Field(
        None,
        examples=[{"learning_rate": 2.0}],
        description="Hyperparameters of the run; without them no change is suggested.",
    )


@router.get(
    "/training-jobs/{job_id}/diagnosis",
    summary="Diagnose a training job",
    responses=problem_responses(JobNotFound),
)
def get_diagnosis(
    job_id: JobId, session: ReadingDep, server: ModelServerDep, now: Now
) -> JobDiagnosis:
    """Return the findings of a running or finished job; the verdict of a good run is healthy."""
    job, diagnosis = reported_jobs.diagnose_job(session, server, job_id, now=now)
    return JobDiagnosis(
        verdict=diagnosis.verdict,
        findings=_findings(diagnosis),
        n_epochs=diagnosis.n_epochs,
        job_id=job.id,
        state=JobState(job.state),
    )


@router.post(
    "/diagnoses",
    summary="Diagnose an error curve",
    responses=problem_responses(UnknownHyperparameter, InvalidHyperparameter),
)
@runs_on("slow")
def diagnose_curve(body: Annotated[CurveToDiagnose, FromBody()]) -> DiagnosisOut:
    """Diagnose an error curve from any source. A check is skipped if its columns are missing."""
    diagnosis = job_diagnosis.diagnose_curve(body.curves, body.hyperparameters)
    return DiagnosisOut(
        verdict=diagnosis.verdict, findings=_findings(diagnosis), n_epochs=diagnosis.n_epochs
    )


def _findings(diagnosis: Diagnosis) -> list[FindingOut]:
    return [FindingOut.from_finding(finding) for finding in diagnosis.findings]
