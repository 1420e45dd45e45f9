"""Errors of imported files."""

from collections.abc import Mapping

from recsvc.errors.base import RecsvcError


class ImportFailed(RecsvcError):
    """Import failed"""


class BinaryFile(ImportFailed):
    """Binary file"""


class TruncatedFile(ImportFailed):
    """Truncated compressed file"""


class InflatedTooLarge(ImportFailed):
    """Decompressed file too large"""

    def __init__(self, n_bytes: int, n_compressed: int) -> None:
        super().__init__(
            f"The file has more than {n_bytes / 1e6:,.0f} MB after {n_compressed / 1e6:,.1f} MB of "
            "it were decompressed. The lines before are stored. Split the file and import its "
            "parts.",
            n_bytes=n_bytes,
            n_compressed=n_compressed,
        )


class UnrecognisedFormat(ImportFailed):
    """Unrecognised file format"""


class NothingAccepted(ImportFailed):
    """No accepted lines"""

    def __init__(self, refused: Mapping[str, int], first: str, **counts: object) -> None:
        reasons = ", ".join(f"{n:,} {code}" for code, n in refused.items())
        super().__init__(
            f"No line was accepted. Refused: {reasons}. {first} Correct the file and import it "
            "again. The refusals of the job list each line."
            if refused
            else "The file has no line below its header. Add lines of ratings or interactions.",
            refused=dict(refused),
            **counts,
        )
