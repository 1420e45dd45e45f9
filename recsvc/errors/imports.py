"""Errors of imported files."""

from collections.abc import Mapping

from recsvc.errors.base import RecsvcError


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
