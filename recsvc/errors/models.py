"""Errors of model versions."""

from recsvc.errors.base import Conflict, NotFound, NotReady, RecsvcError


class ModelVersionNotFound(NotFound):
    """No such model version"""

    def __init__(self, version: int) -> None:
        super().__init__(f"There is no model version {version}.", version=version)


class AlreadyPublished(Conflict):
    """Version is already published"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} already answers; publish another one.", version=version
        )


class NothingToRollBackTo(Conflict):
    """No earlier publication"""

    def __init__(self) -> None:
        super().__init__("No version was published before the present one.")


class VersionRetired(Conflict):
    """Version's weights are no longer kept"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The weights of model version {version} have left the shelf.", version=version
        )


class NoModelPublished(NotReady):
    """No model is published"""

    def __init__(self) -> None:
        super().__init__("No model version is published.")


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


class CheckpointUnreadable(RecsvcError):
    """Checkpoint cannot be read"""
