"""The manifest of a backup: its content, and the size and SHA-256 of each file."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from recsvc.db.backup import database_copy
from recsvc.db.backup.database_copy import DatabaseCopy
from recsvc.errors import BackupDamaged, BackupIncompatible
from recsvc.runtime import private_files

FORMAT = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.json.sha256"
DATABASE = "database"
SHELF = "shelf"
SHOWN_FAULTS = 3

Report = Callable[[str, int, int], None]  # step, the part that is done, the whole


class FileEntry(BaseModel):
    """A file of the backup."""

    n_bytes: int
    sha256: str


class Manifest(BaseModel):
    """The content of a backup.

    files     by path inside the backup
    left_out  objects that the database refers to and the shelf lacked, with the reason
    """

    format: int
    recsvc: str
    dialect: str
    revision: str
    created_at: datetime
    n_rows: dict[str, int]
    columns: dict[str, list[str]] = Field(default_factory=dict)
    counters: dict[str, int] = Field(default_factory=dict)
    files: dict[str, FileEntry]
    left_out: dict[str, str] = Field(default_factory=dict)

    def database_content(self) -> DatabaseCopy:
        """Return the description of the copied database."""
        return DatabaseCopy(self.revision, self.n_rows, None, self.columns, self.counters)

    def objects(self) -> dict[str, FileEntry]:
        """Return the objects of the shelf by path inside the backup."""
        return {path: entry for path, entry in self.files.items() if path.startswith(f"{SHELF}/")}

    def count_bytes(self, folder: str) -> int:
        """Return the size of the files in a folder of the backup."""
        sizes = (e.n_bytes for path, e in self.files.items() if path.startswith(f"{folder}/"))
        return sum(sizes)


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest, which makes a backup complete, and its checksum."""
    content = manifest.model_dump_json(indent=1).encode()
    line = f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n"
    _write_file(root / CHECKSUM, line.encode())
    _write_file(root / MANIFEST, content)


def read_manifest(root: Path) -> Manifest:
    """Return the manifest. Raises BackupDamaged, BackupIncompatible."""
    try:
        content, checksum = (root / MANIFEST).read_bytes(), (root / CHECKSUM).read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BackupDamaged(
            f"{root} has no {Path(error.filename).name}: it is not a backup, or writing it was "
            "interrupted. Use another backup."
        ) from error
    if checksum.split()[:1] != [hashlib.sha256(content).hexdigest()]:
        raise BackupDamaged(f"{MANIFEST} differs from its checksum. Use another backup.")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BackupIncompatible(
            f"{MANIFEST} cannot be read by this version of recsvc. Use the version that wrote it."
        ) from error
    if manifest.format != FORMAT:
        raise BackupIncompatible(
            f"The backup has format {manifest.format} and was written by recsvc {manifest.recsvc}; "
            f"this version reads format {FORMAT}. Use that version, or a newer one."
        )
    return manifest


def describe_file(path: Path) -> FileEntry:
    """Return the size and the SHA-256 of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(n_bytes=path.stat().st_size, sha256=sha256)


def verify(root: Path, report: Report) -> Manifest:
    """Check every file of a backup against its manifest, and the database's integrity.

    Raises BackupDamaged, BackupIncompatible.
    """
    manifest = read_manifest(root)
    faults = [*_faults(root, manifest, report)]
    if faults:
        more = len(faults) - SHOWN_FAULTS
        shown = "; ".join(faults[:SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")
        raise BackupDamaged(f"The backup is damaged: {shown}. Use another backup.")
    database_copy.check_copy(root / DATABASE)
    return manifest


def _faults(root: Path, manifest: Manifest, report: Report) -> Iterator[str]:
    for done, (name, entry) in enumerate(manifest.files.items()):
        report("verify", done, len(manifest.files))
        path = root / name
        if not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size != entry.n_bytes:
            yield f"{name} has {path.stat().st_size:,} bytes instead of {entry.n_bytes:,}"
        elif describe_file(path) != entry:
            yield f"{name} has another SHA-256"
    report("verify", len(manifest.files), len(manifest.files))


def _write_file(path: Path, content: bytes) -> None:
    incomplete = path.with_name(f"{path.name}.incomplete")
    private_files.create_file(incomplete)
    incomplete.write_bytes(content)
    incomplete.replace(path)
    private_files.sync(path)
