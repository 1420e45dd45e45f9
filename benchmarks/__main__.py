"""Run benchmarks and keep their tables: python -m benchmarks [name …].

Each is a module of this folder that prints one Markdown table; it replaces its section of
RESULTS.md. Without names all the short ones run, with --full the long ones: quality, a table for
each data set, and growth to a million items; with --all both. --data chooses among quality's data
sets. --seeds and --only make a run shorter; what it prints is then a look and is not kept. Nothing
else should run on the machine meanwhile.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.data import READERS
from benchmarks.options import names

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
PICTURES = HERE.parent / "docs" / "pictures"
ALL = (
    "training_speed",
    "training_memory",
    "monitoring_cost",
    "import_speed",
    "serving",
    "burst",
    "demo_time",
    "ratings",
    "lists",
    "dashboard",
)


FULL = (
    "quality",
    "quality_ratings",
    "folding_in",
    "growth",
    "diagnosis",
    "scrapes",
    "single_ratings",
    "held_connections",
    "many_clients",
    "soak",
    "many_workers",
    "fuzz",
    "kills",
)

# The kinds of model that a table is about; most of them have it in their rows, too.
MODELS = {
    "training_speed": "user_rbm (epoch), joint_rbm (job)",
    "training_memory": "every kind",
    "monitoring_cost": "joint_rbm, user_rbm",
    "import_speed": "no model",
    "serving": "joint_rbm",
    "burst": "joint_rbm",
    "demo_time": "joint_rbm",
    "ratings": "user_rbm, item_rbm",
    "lists": "joint_rbm, user_rbm",
    "dashboard": "no model",
    "quality": "joint_rbm, user_rbm",
    "quality_ratings": "joint_rbm, user_rbm",
    "folding_in": "joint_rbm",
    "growth": "joint_rbm",
    "diagnosis": "user_rbm, joint_rbm",
    "scrapes": "no model",
    "single_ratings": "no model",
    "held_connections": "joint_rbm",
    "many_clients": "joint_rbm",
    "soak": "joint_rbm",
    "many_workers": "no model",
    "fuzz": "joint_rbm",
    "kills": "joint_rbm",
}


def main() -> None:
    told = arguments().parse_args()
    wanted = told.names or (ALL + FULL if told.all else FULL if told.full else ALL)
    for name in wanted:
        if name not in ALL + FULL:
            sys.exit(f"There is no benchmark {name!r}. There are: {', '.join(ALL + FULL)}.")
    for name in wanted:
        for data in told.data if name == "quality" else [None]:
            run(name, data, told)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(ALL + FULL))
    parser.add_argument("--full", action="store_true", help=", ".join(FULL))
    parser.add_argument("--all", action="store_true", help="every table")
    parser.add_argument("--data", type=names, default=tuple(READERS), help="of quality: a list")
    parser.add_argument("--seeds", help="of quality: a list of splits")
    parser.add_argument("--only", help="of quality: a list of systems")
    return parser


def run(name: str, data: str | None, told: argparse.Namespace) -> None:
    """Run one benchmark, print its table, and keep it where it is the whole."""
    section = f"{name} {data}" if data else name
    looks = {"--seeds": told.seeds, "--only": told.only} if name.startswith("quality") else {}
    choices = [part for option, value in looks.items() if value for part in (option, value)]
    print(f"== {section}", flush=True)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *([data] if data else []), *choices],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{section} failed; {RESULTS.name} keeps what it had of it.")
    print(done.stdout)
    if not choices:
        keep(section, done.stdout.strip(), time.monotonic() - began)


def keep(section_name: str, table: str, took: float) -> None:
    """Replace the benchmark's section, or add it."""
    name, _, data = section_name.partition(" ")
    verb = "bench-full" if name in FULL else "bench"
    command = f'make {verb} ARGS="{name}{f" --data {data}" if data else ""}"'
    origin = (
        f"`{command}` – {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {MODELS[name]}, "
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"took {took:.0f} s."
    )
    section = f"## {section_name}\n{origin}\n\n{table}\n"
    if (PICTURES / f"{name}-{data}.svg").is_file():
        section += f"\n![{name} on {data}](../docs/pictures/{name}-{data}.svg)\n"
    text = RESULTS.read_text()
    found = re.compile(rf"^## {section_name}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if found.search(text):
        text = found.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    RESULTS.write_text(text.rstrip() + "\n")


def commit() -> str:
    """Return the commit that was measured, with + where files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", ":/recsvc", ":/benchmarks/*.py")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
