"""Everything that can go wrong, as one tree.

    RecsvcError
    ├── NotFound
    │   ├── UserNotFound
    │   ├── ItemNotFound
    │   ├── RatingNotFound
    │   ├── JobNotFound
    │   ├── EpochNotWatched
    │   ├── ModelVersionNotFound
    │   ├── SweepNotFound
    │   └── RouteNotFound
    ├── Conflict
    │   ├── AlreadyPublished
    │   ├── NothingToRollBackTo
    │   ├── VersionRetired
    │   ├── JobFinished
    │   ├── SweepFinished
    │   └── NothingToChange
    ├── InvalidInput
    │   ├── MalformedRequest
    │   ├── InvalidId
    │   ├── InvalidRating
    │   ├── ValueOffScale
    │   ├── InvalidCursor
    │   ├── UnknownHyperparameter
    │   ├── UnknownFinding
    │   ├── InvalidHyperparameter
    │   ├── InvalidSweep
    │   └── InvalidScale
    ├── BodyTooLarge
    ├── UnsupportedMedia
    ├── MethodNotAllowed
    ├── NotReady
    │   ├── NoModelPublished
    │   ├── ModelLoading
    │   ├── ModelUnreadable
    │   ├── DatabaseUnavailable
    │   ├── ServiceBusy
    │   └── ShelfUnavailable
    ├── TrainingFailed
    │   ├── TooFewRatings
    │   ├── IdenticalRatings
    │   ├── NotEnoughMemory
    │   ├── Diverged
    │   ├── Hopeless
    │   ├── ChangeNotKept
    │   └── StoppedEarly
    ├── EvaluationFailed
    │   ├── NothingHeldOut
    │   └── RatingsLeaked
    ├── ImportFailed
    │   ├── BinaryFile
    │   ├── TruncatedFile
    │   ├── UnrecognisedFormat
    │   └── NothingAccepted
    ├── ShelfError
    │   ├── ObjectMissing
    │   └── ObjectCorrupt
    ├── CheckpointUnreadable
    ├── LeaseLost
    ├── AttemptsExhausted
    └── ConfigurationError

A class's docstring is its title, its message is the detail: field, value and remedy. Keyword
arguments are facts: they travel to the client as members of the problem document. There is no
HTTP here; `recsvc.api.problems` gives each family its status, and docs/problems.md has a
heading for each class.
"""

import re
from collections.abc import Mapping, Sequence


class RecsvcError(Exception):
    """Something went wrong"""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """Give the class's name as the outside spells it: `UserNotFound` is `user-not-found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Give one line for people, the same for every occurrence."""
        return (cls.__doc__ or "").strip()

    def as_dict(self) -> dict[str, object]:
        """Give the form in which a job keeps its error."""
        return {"code": self.code(), "title": self.title(), "detail": self.detail, **self.facts}


class NotFound(RecsvcError):
    """Not found"""


class UserNotFound(NotFound):
    """No such user"""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"No user {user_id!r} has ever rated an item.", user_id=user_id)


class ItemNotFound(NotFound):
    """No such item"""

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"No item {item_id!r} has been put or rated. Put it first, or rate it.", item_id=item_id
        )


class RatingNotFound(NotFound):
    """No such rating"""

    def __init__(self, user_id: str, item_id: str) -> None:
        super().__init__(
            f"User {user_id!r} has not rated item {item_id!r}.", user_id=user_id, item_id=item_id
        )


class JobNotFound(NotFound):
    """No such job"""

    def __init__(self, job_id: int, kind: str) -> None:
        super().__init__(
            f"There is no {kind} job {job_id}. List them at /v1/{kind}-jobs.", job_id=job_id
        )


class EpochNotWatched(NotFound):
    """No look was taken at this epoch"""

    def __init__(self, job_id: int, epoch: int, watched: Sequence[int]) -> None:
        nearest = min(watched, key=lambda one: abs(one - epoch), default=None)
        remedy = "None was yet." if nearest is None else f"The nearest that was is {nearest}."
        super().__init__(
            f"Epoch {epoch} of training job {job_id} was not looked at. {remedy}",
            job_id=job_id, epoch=epoch, nearest=nearest,
        )  # fmt: skip


class ModelVersionNotFound(NotFound):
    """No such model version"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"There is no model version {version}. List them at /v1/models.", version=version
        )


class SweepNotFound(NotFound):
    """No such sweep"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(
            f"There is no sweep {sweep_id}. List them at /v1/sweeps.", sweep_id=sweep_id
        )


class RouteNotFound(NotFound):
    """No such address"""

    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing is served at {path}. The addresses are listed at /docs.")


class Conflict(RecsvcError):
    """Conflict with the present state"""


class AlreadyPublished(Conflict):
    """Version is already published"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} already answers; publish another one.", version=version
        )


class NothingToRollBackTo(Conflict):
    """No earlier publication"""

    def __init__(self) -> None:
        super().__init__(
            "No version was published before the present one. "
            "Publish a version at /v1/models/{version}/publish."
        )


class VersionRetired(Conflict):
    """Version's weights are no longer kept"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The weights of model version {version} have left the shelf. "
            "Train again, or raise RECSVC_SHELF_KEEP to keep more versions.",
            version=version,
        )


class JobFinished(Conflict):
    """Job is already finished"""

    def __init__(self, job_id: int, state: str) -> None:
        super().__init__(
            f"Job {job_id} is {state}; only a queued or running job can be cancelled.",
            job_id=job_id,
            state=state,
        )


class SweepFinished(Conflict):
    """Sweep is already finished"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(
            f"All trials of sweep {sweep_id} are over; there is nothing left to cancel.",
            sweep_id=sweep_id,
        )


class NothingToChange(Conflict):
    """No finding suggests a change"""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"No finding of training job {job_id} suggests a change of its hyperparameters. "
            f"GET /v1/training-jobs/{job_id}/diagnosis says what was found.",
            job_id=job_id,
        )


class InvalidInput(RecsvcError):
    """Invalid input"""


class MalformedRequest(InvalidInput):
    """Request cannot be read as it stands"""


class InvalidId(InvalidInput):
    """Id cannot be used"""

    def __init__(self, field: str, value: str) -> None:
        shown = value if len(value) <= 40 else value[:40] + "…"
        super().__init__(
            f"{field} is {shown!r} ({len(value)} characters); an id is 1 to 256 characters, "
            "none of them a control character.",
            field=field,
        )


class InvalidRating(InvalidInput):
    """Rating is not a finite number"""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"value is {value!r}; a rating is a finite number, such as 4 or 3.5.",
            field="value",
            value=str(value),
        )


class ValueOffScale(InvalidInput):
    """Rating is off the declared scale"""

    def __init__(self, value: float, scale: str) -> None:
        super().__init__(
            f"value is {value:g}, which is not on the rating scale {scale}. "
            "Send a value of the scale, or declare another one in RECSVC_RATING_SCALE.",
            field="value",
            value=value,
            scale=scale,
        )


class InvalidCursor(InvalidInput):
    """Cursor is not one of ours"""

    def __init__(self, cursor: str) -> None:
        super().__init__(
            f"cursor is {cursor[:40]!r}, which this list did not give out. "
            "Start without a cursor, then send back next_cursor unchanged.",
            field="cursor",
        )


class UnknownHyperparameter(InvalidInput):
    """No such hyperparameter"""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"hyperparameters has {name!r}, which does not exist. Known: {', '.join(known)}.",
            field=f"hyperparameters.{name}",
            known=known,
        )


class UnknownFinding(InvalidInput):
    """No such finding with a change to apply"""

    def __init__(self, job_id: int, code: str, known: list[str]) -> None:
        super().__init__(
            f"apply has {code!r}, which the diagnosis of training job {job_id} does not suggest a "
            f"change for. It does for: {', '.join(known) or 'nothing'}.",
            field="apply",
            value=code,
            known=known,
        )


class InvalidHyperparameter(InvalidInput):
    """Hyperparameter cannot have this value"""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(
            f"hyperparameters.{name} is {value!r}; it must be {allowed}.",
            field=f"hyperparameters.{name}",
            value=value,
            allowed=allowed,
        )


class InvalidSweep(InvalidInput):
    """Sweep cannot be made"""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field} is {value}; {remedy}", field=field, value=value)


class InvalidScale(InvalidInput):
    """Rating scale cannot be read"""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f"The rating scale is {text!r}: {reason}. "
            "Write first:last:step (1:5:1), a list (1,2,3,5) or auto.",
            field="rating_scale",
            value=text,
        )


class BodyTooLarge(RecsvcError):
    """Request body is too large"""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The body is larger than {limit_bytes:,} bytes. "
            "Send it in parts, or upload a file to /v1/import-jobs.",
            limit_bytes=limit_bytes,
        )


class UnsupportedMedia(RecsvcError):
    """Content type is not understood here"""


class MethodNotAllowed(RecsvcError):
    """Method is not allowed at this address"""


class NotReady(RecsvcError):
    """Not ready yet"""


class NoModelPublished(NotReady):
    """No model is published"""

    def __init__(self) -> None:
        super().__init__("No model version is published. Train one: POST /v1/training-jobs.")


class ModelLoading(NotReady):
    """Model is being loaded"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Version {version} was published and is being loaded. "
            "Send the request again after Retry-After seconds.",
            version=version,
        )


class ModelUnreadable(NotReady):
    """Published model cannot be loaded"""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The model version cannot be loaded: {reason} Publish another version, or train."
        )


class DatabaseUnavailable(NotReady):
    """Database does not answer"""


class ServiceBusy(NotReady):
    """Service is busy"""

    def __init__(self, waited_seconds: float) -> None:
        super().__init__(
            f"The request waited {waited_seconds:g} s for its turn and was not begun. "
            "Send it again after Retry-After seconds; nothing of it was stored.",
            waited_seconds=waited_seconds,
        )


class ShelfUnavailable(NotReady):
    """Shelf does not answer"""


class TrainingFailed(RecsvcError):
    """Training could not be carried out"""


class TooFewRatings(TrainingFailed):
    """Too few ratings to train on"""

    def __init__(self, n_ratings: int, n_users: int, n_items: int, least: str) -> None:
        super().__init__(
            f"There are {n_ratings} ratings by {n_users} users of {n_items} items; training needs "
            f"{least}. Send more ratings, or import a file at /v1/import-jobs.",
            n_ratings=n_ratings,
            n_users=n_users,
            n_items=n_items,
        )


class IdenticalRatings(TrainingFailed):
    """All ratings have the same value"""

    def __init__(self, value: float) -> None:
        super().__init__(
            f"Every rating is {value:g}: there is no preference to learn. "
            "Send ratings of more than one value.",
            value=value,
        )


class NotEnoughMemory(TrainingFailed):
    """Job would not fit in memory"""

    def __init__(self, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(
            f"Training would need about {needed_bytes / 1e6:,.0f} MB and "
            f"{available_bytes / 1e6:,.0f} MB are available. Choose a smaller n_hidden, or give "
            "the worker more memory (RECSVC_MEMORY_LIMIT_MB raises a limit set by hand).",
            needed_bytes=needed_bytes,
            available_bytes=available_bytes,
        )


class Diverged(TrainingFailed):
    """Training diverged"""

    def __init__(self, epoch: int, learning_rate: float) -> None:
        self.epoch = epoch
        super().__init__(
            f"A parameter stopped being finite in epoch {epoch} at learning rate "
            f"{learning_rate:g}. Train again with learning_rate {learning_rate / 10:g}.",
            epoch=epoch,
            learning_rate=learning_rate,
        )


class Hopeless(TrainingFailed):
    """Training was stopped: it would not have got better"""

    def __init__(self, epoch: int, finding: str) -> None:
        super().__init__(
            f"The same problem, {finding}, was found in each of the last epochs. Autopilot stopped "
            "this job; it goes on from here in another one where the diagnosis suggests a change "
            "that was not tried.",
            epoch=epoch,
            finding=finding,
        )


class ChangeNotKept(TrainingFailed):
    """The change that autopilot tried did not help"""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"By epoch {epoch} the loss was no lower than without the change. Autopilot undid it, "
            "and tries another one in a further job where the diagnosis suggests one that was "
            "not tried.",
            epoch=epoch,
        )


class StoppedEarly(TrainingFailed):
    """Training was stopped: most of its sweep was better by then"""

    def __init__(self, sweep_id: int, epoch: int, metric: str, best: float) -> None:
        super().__init__(
            f"By epoch {epoch} its best {metric}, {best:.4g}, was worse than the median of the "
            f"other trials of sweep {sweep_id}. Set early_stopping to false to train all to their "
            "end.",
            sweep_id=sweep_id,
            epoch=epoch,
            metric=metric,
            best=best,
        )


class EvaluationFailed(RecsvcError):
    """Evaluation could not be carried out"""


class NothingHeldOut(EvaluationFailed):
    """No rating was held out"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} was trained on every rating there was: none is left to "
            "evaluate it on. Train again with more ratings or a larger validation_share.",
            version=version,
        )


class RatingsLeaked(EvaluationFailed):
    """Test ratings are among the inputs"""

    def __init__(self, n_leaked: int, n_test: int, *, user_id: str, item_id: str) -> None:
        super().__init__(
            f"{n_leaked:,} of {n_test:,} test ratings are among the ratings that answers are made "
            f"from, one of them of item {item_id!r} by user {user_id!r}: the figures would "
            "flatter. Take them out of one of the two.",
            n_leaked=n_leaked,
            n_test=n_test,
            user_id=user_id,
            item_id=item_id,
        )


class ImportFailed(RecsvcError):
    """File could not be imported"""


class BinaryFile(ImportFailed):
    """File is binary"""


class TruncatedFile(ImportFailed):
    """Compressed file ends early"""


class UnrecognisedFormat(ImportFailed):
    """File's format is not recognised"""


class NothingAccepted(ImportFailed):
    """No line was accepted"""

    def __init__(self, refused: Mapping[str, int], first: str, **counts: object) -> None:
        reasons = ", ".join(f"{n:,} {code}" for code, n in refused.items())
        super().__init__(
            f"No line was accepted. Refused: {reasons}. {first} Correct the file and import it "
            "again. The job's refusals list each line."
            if refused
            else "The file has no line below its header. Send lines of ratings or interactions.",
            refused=dict(refused),
            **counts,
        )


class ShelfError(RecsvcError):
    """Shelf could not give what was asked"""


class ObjectMissing(ShelfError):
    """Object is not on the shelf"""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"The shelf has no object {sha256}.", sha256=sha256)


class ObjectCorrupt(ShelfError):
    """Object on the shelf is corrupt"""

    def __init__(self, sha256: str, found: str) -> None:
        super().__init__(
            f"Object {sha256} on the shelf has the SHA-256 {found}: its bytes have changed. "
            "Restore it from a backup, or train again.",
            sha256=sha256,
            found=found,
        )


class CheckpointUnreadable(RecsvcError):
    """Checkpoint cannot be read"""


class LeaseLost(RecsvcError):
    """Another worker has taken the job"""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"Job {job_id} is no longer leased to this worker, so nothing of it was written.",
            job_id=job_id,
        )


class AttemptsExhausted(RecsvcError):
    """Job was given up"""

    def __init__(self, job_id: int, attempts: int, last: str) -> None:
        super().__init__(
            f"Job {job_id} was tried {attempts} times without reaching a checkpoint; "
            f"the last attempt ended so: {last}. See the worker's log.",
            job_id=job_id,
            attempts=attempts,
        )


class ConfigurationError(RecsvcError):
    """Setting cannot be used"""
