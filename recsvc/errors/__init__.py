"""The tree of errors; each family has a module.

    RecsvcError
    ├── AttemptsExhausted
    ├── BackupError
    │   ├── BackupDamaged
    │   ├── BackupIncompatible
    │   └── TargetNotEmpty
    ├── BodyTooLarge
    ├── CheckpointUnreadable
    ├── ConfigurationError
    ├── Conflict
    │   ├── AlreadyPublished
    │   ├── JobFinished
    │   ├── NothingToChange
    │   ├── NothingToRollBackTo
    │   ├── SweepFinished
    │   └── VersionRetired
    ├── EvaluationFailed
    │   ├── NothingHeldOut
    │   └── RatingsLeaked
    ├── Forbidden
    │   ├── CrossSiteRequest
    │   ├── InvalidCsrfToken
    │   └── ScopeMissing
    ├── HostNotAllowed
    ├── ImportFailed
    │   ├── BinaryFile
    │   ├── InflatedTooLarge
    │   ├── NothingAccepted
    │   ├── TruncatedFile
    │   └── UnrecognisedFormat
    ├── InvalidInput
    │   ├── InvalidCursor
    │   ├── InvalidExpiry
    │   ├── InvalidHyperparameter
    │   ├── InvalidId
    │   ├── InvalidRating
    │   ├── InvalidScale
    │   ├── InvalidSweep
    │   ├── MalformedRequest
    │   ├── TrainingTooLarge
    │   ├── TrainingTooLong
    │   ├── UnknownFinding
    │   ├── UnknownHyperparameter
    │   └── ValueOffScale
    ├── JobTooLong
    ├── LeaseLost
    ├── MethodNotAllowed
    ├── NotFound
    │   ├── EpochNotWatched
    │   ├── ItemNotFound
    │   ├── JobNotFound
    │   ├── KeyNotFound
    │   ├── ModelVersionNotFound
    │   ├── RatingNotFound
    │   ├── RouteNotFound
    │   ├── SweepNotFound
    │   └── UserNotFound
    ├── NotReady
    │   ├── DatabaseUnavailable
    │   ├── ModelLoading
    │   ├── ModelUnreadable
    │   ├── NoModelPublished
    │   ├── ServiceBusy
    │   ├── ServiceFull
    │   ├── ShelfUnavailable
    │   ├── StorageFull
    │   ├── TooManyConnections
    │   └── TooManyStreams
    ├── RequestTooSlow
    ├── ShelfError
    │   ├── ObjectCorrupt
    │   └── ObjectMissing
    ├── TooManyRequests
    │   ├── JobQuotaReached
    │   ├── QueueFull
    │   └── RateLimited
    ├── TrainingFailed
    │   ├── ChangeNotKept
    │   ├── Diverged
    │   ├── Hopeless
    │   ├── IdenticalRatings
    │   ├── NotEnoughMemory
    │   ├── StoppedEarly
    │   └── TooFewRatings
    ├── Unauthenticated
    │   ├── KeyExpired
    │   ├── KeyMissing
    │   ├── KeyRevoked
    │   ├── KeyUnknown
    │   └── LoginExpired
    └── UnsupportedMedia

The docstring of a class is its title. Its message is the detail: the fact, then the remedy. Keyword
arguments are further facts, the extension members of the problem document. `recsvc.api.problems`
maps each family to an HTTP status. docs/reference/problems.md has a section for each class.
"""

from recsvc.errors.access import (
    CrossSiteRequest,
    InvalidCsrfToken,
    InvalidExpiry,
    KeyExpired,
    KeyMissing,
    KeyNotFound,
    KeyRevoked,
    KeyUnknown,
    LoginExpired,
    RateLimited,
    ScopeMissing,
)
from recsvc.errors.base import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    RecsvcError,
    TooManyRequests,
    Unauthenticated,
)
from recsvc.errors.catalog import InvalidId, ItemNotFound, UserNotFound
from recsvc.errors.configuration import ConfigurationError
from recsvc.errors.diagnosis import NothingToChange, UnknownFinding
from recsvc.errors.evaluation import EvaluationFailed, NothingHeldOut, RatingsLeaked
from recsvc.errors.feedback import InvalidRating, InvalidScale, RatingNotFound, ValueOffScale
from recsvc.errors.imports import (
    BinaryFile,
    ImportFailed,
    InflatedTooLarge,
    NothingAccepted,
    TruncatedFile,
    UnrecognisedFormat,
)
from recsvc.errors.jobs import (
    AttemptsExhausted,
    JobFinished,
    JobNotFound,
    JobQuotaReached,
    JobTooLong,
    LeaseLost,
    QueueFull,
)
from recsvc.errors.models import (
    AlreadyPublished,
    CheckpointUnreadable,
    ModelLoading,
    ModelUnreadable,
    ModelVersionNotFound,
    NoModelPublished,
    NothingToRollBackTo,
    VersionRetired,
)
from recsvc.errors.requests import (
    BodyTooLarge,
    HostNotAllowed,
    InvalidCursor,
    MalformedRequest,
    MethodNotAllowed,
    RequestTooSlow,
    RouteNotFound,
    ServiceBusy,
    ServiceFull,
    TooManyConnections,
    TooManyStreams,
    UnsupportedMedia,
)
from recsvc.errors.storage import (
    BackupDamaged,
    BackupError,
    BackupIncompatible,
    DatabaseUnavailable,
    ObjectCorrupt,
    ObjectMissing,
    ShelfError,
    ShelfUnavailable,
    StorageFull,
    TargetNotEmpty,
)
from recsvc.errors.training import (
    Diverged,
    EpochNotWatched,
    IdenticalRatings,
    InvalidHyperparameter,
    NotEnoughMemory,
    TooFewRatings,
    TrainingFailed,
    TrainingTooLarge,
    TrainingTooLong,
    UnknownHyperparameter,
)
from recsvc.errors.tuning import (
    ChangeNotKept,
    Hopeless,
    InvalidSweep,
    StoppedEarly,
    SweepFinished,
    SweepNotFound,
)

__all__ = [
    "AlreadyPublished",
    "AttemptsExhausted",
    "BackupDamaged",
    "BackupError",
    "BackupIncompatible",
    "BinaryFile",
    "BodyTooLarge",
    "ChangeNotKept",
    "CheckpointUnreadable",
    "ConfigurationError",
    "Conflict",
    "CrossSiteRequest",
    "DatabaseUnavailable",
    "Diverged",
    "EpochNotWatched",
    "EvaluationFailed",
    "Forbidden",
    "Hopeless",
    "HostNotAllowed",
    "IdenticalRatings",
    "ImportFailed",
    "InflatedTooLarge",
    "InvalidCsrfToken",
    "InvalidCursor",
    "InvalidExpiry",
    "InvalidHyperparameter",
    "InvalidId",
    "InvalidInput",
    "InvalidRating",
    "InvalidScale",
    "InvalidSweep",
    "ItemNotFound",
    "JobFinished",
    "JobNotFound",
    "JobQuotaReached",
    "JobTooLong",
    "KeyExpired",
    "KeyMissing",
    "KeyNotFound",
    "KeyRevoked",
    "KeyUnknown",
    "LeaseLost",
    "LoginExpired",
    "MalformedRequest",
    "MethodNotAllowed",
    "ModelLoading",
    "ModelUnreadable",
    "ModelVersionNotFound",
    "NoModelPublished",
    "NotEnoughMemory",
    "NotFound",
    "NotReady",
    "NothingAccepted",
    "NothingHeldOut",
    "NothingToChange",
    "NothingToRollBackTo",
    "ObjectCorrupt",
    "ObjectMissing",
    "QueueFull",
    "RateLimited",
    "RatingNotFound",
    "RatingsLeaked",
    "RecsvcError",
    "RequestTooSlow",
    "RouteNotFound",
    "ScopeMissing",
    "ServiceBusy",
    "ServiceFull",
    "ShelfError",
    "ShelfUnavailable",
    "StoppedEarly",
    "StorageFull",
    "SweepFinished",
    "SweepNotFound",
    "TargetNotEmpty",
    "TooFewRatings",
    "TooManyConnections",
    "TooManyRequests",
    "TooManyStreams",
    "TrainingFailed",
    "TrainingTooLarge",
    "TrainingTooLong",
    "TruncatedFile",
    "Unauthenticated",
    "UnknownFinding",
    "UnknownHyperparameter",
    "UnrecognisedFormat",
    "UnsupportedMedia",
    "UserNotFound",
    "ValueOffScale",
    "VersionRetired",
]
