"""Errors of diagnoses and of the changes that they suggest."""

from recsvc.errors.base import Conflict, InvalidInput, cut, quote


class NothingToChange(Conflict):
    """No suggested change"""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"No finding of training job {job_id} suggests a change of its hyperparameters.",
            job_id=job_id,
        )


class UnknownFinding(InvalidInput):
    """Unknown finding"""

    def __init__(self, job_id: int, code: str, known: list[str]) -> None:
        super().__init__(
            f"apply: {quote(code)} is not a finding of training job {job_id} that suggests a "
            f"change. Available: {', '.join(known) or 'none'}.",
            field="apply",
            value=cut(code),
            known=known,
        )
