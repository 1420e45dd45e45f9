"""Checks of this machine: home, disk, memory, packages and the folder of compiled kernels."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from recsvc.compute import machine_memory
from recsvc.db import sqlite_copy
from recsvc.db.session import sqlite_file
from recsvc.runtime import private_files
from recsvc.runtime.sizes import MEGABYTE
from recsvc.service.doctor.system_check import SystemCheck, ok, problem, warning

LEAST_DISK_BYTES = 100 * MEGABYTE
ENOUGH_DISK_BYTES = 1000 * MEGABYTE
ENOUGH_MEMORY_BYTES = 500 * MEGABYTE
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)")


def check_home(home: Path, url: str) -> SystemCheck:
    """Check that the home is writable, and private to its owner."""
    if not home.exists():
        return ok("home", f"{home.resolve()} does not exist yet; the first start creates it")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return problem(
            "home",
            f"{home.resolve()} cannot be written to by user {os.getuid()}",
            f"Run this as the owner of the home, or: chown -R {os.getuid()} {home.resolve()}",
        )
    exposed = [path for path in (home, sqlite_file(url)) if path is not None and _is_exposed(path)]
    if exposed:
        return warning(
            "home",
            f"other users of this machine can read {' and '.join(map(str, exposed))}",
            f"chmod -R go= {home.resolve()}",
        )
    return ok("home", f"{home.resolve()} is writable, and private to its owner")


def check_disk(home: Path, url: str, *, free_bytes: int | None = None) -> SystemCheck:
    """Check the free space of the home's disk.

    free_bytes  of the disk, which is asked if it is None
    """
    file = sqlite_file(url)
    folder = _existing_parent(home if file is None else file.parent)
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    fact = f"{free / MEGABYTE:,.0f} MB are free in {folder}"
    remedy = "Free space, or move the home to a larger disk."
    if free < LEAST_DISK_BYTES:
        return problem("disk", fact, remedy)
    needed = sqlite_copy.bytes_for_migration(file) if file is not None and file.exists() else 0
    if free < max(ENOUGH_DISK_BYTES, needed):
        return warning("disk", f"{fact}; an upgrade may need {needed / MEGABYTE:,.0f} MB", remedy)
    return ok("disk", fact)


def check_memory(limit_mb: int, *, available_bytes: int | None = None) -> SystemCheck:
    """Check the available memory against the limit of a training job.

    available_bytes  of the machine, which is asked if it is None
    """
    available = machine_memory.available_bytes() if available_bytes is None else available_bytes
    fact = f"{available / MEGABYTE:,.0f} MB are available"
    if limit_mb * MEGABYTE > available:
        return warning(
            "memory",
            f"{fact}, and RECSVC_MEMORY_LIMIT_MB is {limit_mb:,}",
            "Lower the limit, or end other programs: a training job might run out of memory.",
        )
    if available < ENOUGH_MEMORY_BYTES:
        return warning("memory", fact, "End other programs, or use a machine with more memory.")
    return ok("memory", f"{fact}; the limit of a training job is {limit_mb or 'that'}")


def check_packages(distribution: str = "recsvc") -> SystemCheck:
    """Check the versions of the installed packages against the minimums of the project."""
    try:
        requirements = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return warning(
            "packages",
            "recsvc is not installed as a package, so its requirements are unknown",
            "Install it: pip install recsvc, or make .venv in a checkout.",
        )
    faults = [*package_faults(requirements)]
    if faults:
        return problem("packages", "; ".join(faults), "pip install --upgrade recsvc")
    return ok("packages", "all packages have at least the required versions")


def package_faults(requirements: list[str]) -> Iterator[str]:
    """Yield the requirements that the installed packages do not meet."""
    for requirement in requirements:
        found = REQUIREMENT.match(requirement)
        if found is None or "extra ==" in requirement:
            continue
        name, least = found.groups()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is not installed"
        else:
            if _numbers(version) < _numbers(least):
                yield f"{name} {version} is older than {least}"


def check_kernels(folder: Path) -> SystemCheck:
    """Check that compiled kernels are kept in a folder that outlives the process."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return problem(
            "kernels",
            f"{folder} cannot be written to: {error.strerror}",
            "Set NUMBA_CACHE_DIR to a folder that this user may write to.",
        )
    if folder.is_relative_to(tempfile.gettempdir()):
        return warning(
            "kernels",
            f"compiled kernels are kept in {folder}, which is lost; each start compiles again",
            "Set NUMBA_CACHE_DIR or RECSVC_HOME to a folder that this user may write to.",
        )
    return ok("kernels", f"compiled kernels are kept in {folder}")


def _is_exposed(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & private_files.OTHERS)


def _existing_parent(path: Path) -> Path:
    return next(one for one in (path.resolve(), *path.resolve().parents) if one.exists())


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]
