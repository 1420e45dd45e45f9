"""Errors of model versions."""

from recsvc.errors.base import Conflict, NotFound, NotReady, RecsvcError


class ModelVersionNotFound(NotFound):
    """Model version not found"""

    def __init__(self, version: int) -> None:
        super().__init__(f"There is no model version {version}.", version=version)


class AlreadyPublished(Conflict):
    """Model version already published"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} is already published. Publish another version.",
            version=version,
        )


class NothingToRollBackTo(Conflict):
    """No previous publication"""

    def __init__(self) -> None:
        super().__init__("No version was published before the current one.")


class VersionRetired(Conflict):
    """Model version retired"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The weights of model version {version} have been deleted.", version=version
        )


class NoModelPublished(NotReady):
    """No model published"""

    def __init__(self) -> None:
        super().__init__("No model version is published.")


class ModelLoading(NotReady):
    """Model loading"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} was published and is being loaded. "
            "Retry after Retry-After seconds.",
            version=version,
        )


class ModelUnreadable(NotReady):
    """Published model unreadable"""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The model version cannot be loaded: {reason} Publish another version, or train again."
        )


class CheckpointUnreadable(RecsvcError):
    """Unreadable checkpoint"""
