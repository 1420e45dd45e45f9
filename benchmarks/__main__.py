"""Run benchmarks and keep their tables: python -m benchmarks [name …]; without names, all.

Each is a module of this folder that prints one Markdown table; it replaces its section of
RESULTS.md. Nothing else should run on the machine meanwhile.
"""

import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
ALL = (
    "training_speed",
    "training_memory",
    "import_speed",
    "serving",
    "demo_time",
    "ratings",
    "lists",
)


def main() -> None:
    names = sys.argv[1:] or ALL
    for name in names:
        if name not in ALL:
            sys.exit(f"There is no benchmark {name!r}. There are: {', '.join(ALL)}.")
    for name in names:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.exit(f"{name} failed; {RESULTS.name} keeps what it had of it.")
        print(done.stdout)
        keep(name, done.stdout.strip(), time.monotonic() - began)


def keep(name: str, table: str, took: float) -> None:
    """Replace the benchmark's section, or add it."""
    origin = (
        f"`make bench ARGS={name}` – {datetime.now(UTC):%Y-%m-%d}, {processor()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}; took {took:.0f} s."
    )
    section = f"## {name}\n{origin}\n\n{table}\n"
    text = RESULTS.read_text()
    found = re.compile(rf"^## {name}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if found.search(text):
        text = found.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    RESULTS.write_text(text.rstrip() + "\n")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
