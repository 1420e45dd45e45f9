"""Preview of a training job: its data, hyperparameters, memory and time.

A preview reads the data that a job would read now. It writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsvc.compute.estimates import estimate_bytes, estimate_seconds
from recsvc.compute.machine_memory import available_bytes
from recsvc.db.feedback import ratings
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import JobKind
from recsvc.errors import NotEnoughMemory, RecsvcError, TrainingFailed
from recsvc.rbm.auto_hyperparameters import Choice, DataShape
from recsvc.rbm.data_profile import DataProfile, Days, profile
from recsvc.rbm.data_profile.exclusions import exclude_suspect_ratings
from recsvc.rbm.snapshot import Snapshot
from recsvc.service.context import Context
from recsvc.service.training import snapshots
from recsvc.service.training.capacity import Capacity, measure_capacity
from recsvc.service.training.training_job import estimate_job_bytes, resolve_scale
from recsvc.service.training_spec import TrainingSpec

COUNTED_IMPORTS = 100
SCARCE = 0.1  # ratings for each parameter


@dataclass(frozen=True)
class ImportedLines:
    """Counts of lines of the latest imports that are not visible in the stored ratings.

    duplicates  lines equal to a stored rating
    conflicts   lines that changed a rating, or are older than the stored one
    refused     refused lines, by code
    """

    duplicates: int
    conflicts: int
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Preview:
    """The expected course of a training job.

    problem                the reason why it would be refused or fail, None if it would not; if the
                           data are the reason, there are no hyperparameters and estimates
    hyperparameters        all of them
    choices                those that the shape of the data decides, with reasons
    ratings_per_parameter  below 0.1 there are few ratings for so many parameters
    seconds                estimated duration
    """

    problem: RecsvcError | None
    data: DataProfile
    imported: ImportedLines
    hyperparameters: Mapping[str, Any] | None = None
    choices: Mapping[str, Choice] | None = None
    ratings_per_parameter: float | None = None
    needed_bytes: int | None = None
    available_bytes: int | None = None
    seconds: float | None = None

    @property
    def is_scarce(self) -> bool:
        """Return whether there are few ratings for so many parameters."""
        return self.ratings_per_parameter is not None and self.ratings_per_parameter < SCARCE


def preview_training(
    context: Context, spec: TrainingSpec, capacity: Capacity | None = None
) -> Preview:
    """Preview a training job.

    capacity  None: it is measured

    Raises UnknownHyperparameter, InvalidHyperparameter; TrainingTooLarge if there is no memory
    even for the preview.
    """
    hyper = spec.all_hyperparameters()
    capacity = capacity or measure_capacity(context)
    capacity.check_reading()
    with reading(context.database) as session:
        snapshot, imported = snapshots.read_snapshot(session), _count_imported(session)
        days = Days(*ratings.daily_statistics(session))
    snapshot = exclude_suspect_ratings(snapshot, hyper.leave_out)
    data = profile(snapshot, days)
    refusal = capacity.find_problem(spec)
    try:
        shape = _shape(context, snapshot, spec)
    except TrainingFailed as failure:
        return Preview(refusal or failure, data, imported)
    hyper, choices = spec.resolve_hyperparameters(shape)
    needed = estimate_bytes(shape, spec.model_kind, hyper)
    required = max(needed, estimate_job_bytes(context, spec))
    limit = context.memory_limit_bytes
    available = available_bytes() if limit is None else limit
    shortage = NotEnoughMemory(required, available) if required > available else None
    return Preview(
        refusal or shortage,
        data,
        imported,
        hyper.as_dict(),
        choices,
        shape.ratings_per_parameter(hyper.n_hidden),
        needed,
        available,
        estimate_seconds(shape, spec.model_kind, hyper, rate=capacity.rate),
    )


def _shape(context: Context, snapshot: Snapshot, spec: TrainingSpec) -> DataShape:
    scale = resolve_scale(context, snapshot, spec)
    return DataShape.from_ratings(snapshot.matrix(scale), scale.n_all_levels)


def _count_imported(session: Session) -> ImportedLines:
    """Sum the counts of the latest imports that were no dry runs."""
    found = JobQueue(session).page(JobKind.IMPORT, before=None, limit=COUNTED_IMPORTS)
    reports = [job.result or job.error or {} for job in found]  # some failed imports have counts
    imports = [counts for counts in reports if "refused" in counts and not counts["dry_run"]]
    refused: dict[str, int] = {}
    for counts in imports:
        for code, count in counts["refused"].items():
            refused[code] = refused.get(code, 0) + count
    return ImportedLines(
        duplicates=sum(counts["unchanged"] for counts in imports),
        conflicts=sum(counts["changed"] + counts["outdated"] for counts in imports),
        refused=refused,
    )
