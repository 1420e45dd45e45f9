"""Errors of model versions."""

from recsvc.errors.base import Conflict, NotFound, NotReady, RecsvcError


class ModelVersionNotFound(NotFound):
    """No such model version"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"There is no model version {version}. List them at /v1/models.", version=version
        )


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


class CheckpointUnreadable(RecsvcError):
    """Checkpoint cannot be read"""
