"""A training job looked at before it is queued: its data, what it would choose, what it would take.

Nothing is written; what is read is what a job that begins now would read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsvc.compute.memory import available_bytes, needed_bytes
from recsvc.compute.speed import estimated_seconds, product_rate
from recsvc.db.feedback import ratings
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import JobKind
from recsvc.errors import NotEnoughMemory, TrainingFailed
from recsvc.rbm.auto_hyperparameters import Choice, Shape
from recsvc.rbm.data_profile import DataProfile, Days, profile
from recsvc.rbm.data_profile.exclusions import cleaned
from recsvc.rbm.snapshot import Snapshot
from recsvc.service.context import Context
from recsvc.service.training import snapshots
from recsvc.service.training.training_job import foreseen_bytes, scale_of
from recsvc.service.training_spec import TrainingSpec

LOOKED_AT_IMPORTS = 100
SCARCE = 0.1  # ratings a parameter


@dataclass(frozen=True)
class Imported:
    """What the latest imports did with lines that stored ratings cannot show.

    duplicates  lines that said what was known already
    conflicts   lines that changed a rating, or came too late to
    refused     lines refused, by code
    """

    duplicates: int
    conflicts: int
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Preview:
    """What would become of a job.

    problem                why it would fail; the estimates are None then, if it is for its data
    hyperparameters        all of them, and of which of them the data's shape decides why
    ratings_per_parameter  below .1 there is little to learn so many parameters from
    """

    problem: TrainingFailed | None
    data: DataProfile
    imported: Imported
    hyperparameters: Mapping[str, Any] | None = None
    choices: Mapping[str, Choice] | None = None
    ratings_per_parameter: float | None = None
    needed_bytes: int | None = None
    available_bytes: int | None = None
    seconds: float | None = None

    @property
    def is_scarce(self) -> bool:
        """Tell whether there is little data for so many parameters."""
        return self.ratings_per_parameter is not None and self.ratings_per_parameter < SCARCE


def preview(context: Context, spec: TrainingSpec) -> Preview:
    """Look. Raises UnknownHyperparameter, InvalidHyperparameter."""
    hyper = spec.chosen()
    with reading(context.database) as session:
        snapshot, imported = snapshots.of_database(session), _imported(session)
        days = Days(*ratings.daily_statistics(session))
    snapshot = cleaned(snapshot, hyper.leave_out)
    data = profile(snapshot, days)
    try:
        shape = _shape(context, snapshot, spec)
    except TrainingFailed as problem:
        return Preview(problem, data, imported)
    hyper, choices = spec.suited(shape)
    needed = needed_bytes(
        n_users=shape.n_users,
        n_items=shape.n_items,
        n_ratings=shape.n_ratings,
        n_levels=shape.n_levels,
        model_kind=spec.model_kind,
        hyper=hyper,
    )
    refused_by = max(needed, foreseen_bytes(context, spec))
    limit = context.memory_limit_bytes
    available = available_bytes() if limit is None else limit
    return Preview(
        NotEnoughMemory(refused_by, available) if refused_by > available else None,
        data,
        imported,
        hyper.as_dict(),
        choices,
        shape.ratings_per_parameter(hyper.n_hidden),
        needed,
        available,
        estimated_seconds(shape, spec.model_kind, hyper, rate=product_rate()),
    )


def _shape(context: Context, snapshot: Snapshot, spec: TrainingSpec) -> Shape:
    scale = scale_of(context, snapshot, spec)
    return Shape.of(snapshot.matrix(scale), scale.n_all_levels)


def _imported(session: Session) -> Imported:
    """Add up the accounts of the latest imports; those that only looked wrote nothing."""
    found = JobQueue(session).page(JobKind.IMPORT, before=None, limit=LOOKED_AT_IMPORTS)
    told = [job.result or job.error or {} for job in found]  # an import that failed may have one
    accounts = [account for account in told if "refused" in account and not account["dry_run"]]
    refused: dict[str, int] = {}
    for account in accounts:
        for code, count in account["refused"].items():
            refused[code] = refused.get(code, 0) + count
    return Imported(
        duplicates=sum(account["unchanged"] for account in accounts),
        conflicts=sum(account["changed"] + account["outdated"] for account in accounts),
        refused=refused,
    )
