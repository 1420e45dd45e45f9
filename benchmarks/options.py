"""What quality's benchmarks may be told: which seeds, which systems."""

import argparse
from collections.abc import Mapping

from benchmarks.system import System

SEEDS = (0, 1, 2)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Read --seeds and --only; a run with either is a look, not a result."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seeds", type=numbers, default=SEEDS, help="such as 0,1,2")
    options.add_argument("--only", type=names, default=(), help="systems, such as EASE,recsvc")
    return options


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in names(text))


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def chosen(systems: Mapping[str, System], only: tuple[str, ...]) -> dict[str, System]:
    """Keep the systems asked for, all by default; ends where one is not known."""
    unknown = [name for name in only if name not in systems]
    if unknown:
        raise SystemExit(f"There is no system {unknown[0]!r}. There are: {', '.join(systems)}.")
    return {name: system for name, system in systems.items() if not only or name in only}
