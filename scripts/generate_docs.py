"""Write the tables of the documentation that registers determine.

A table stands between `<!-- begin generated: NAME -->` and `<!-- end generated -->`. With
`--check` no file is written, and the exit status is 1 if a table is outdated.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from recsvc.epoch_metrics import METRICS
from recsvc.rbm.diagnosis import finding_codes

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = ROOT / "docs" / "reference" / "findings"
BLOCK = re.compile(r"(<!-- begin generated: ([\w-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n".replace("| --- ", "|---") for cells in lines)


def epoch_metrics() -> str:
    """Return the table of the metrics of an epoch."""
    rows = (
        (f"`{metric.name}`", metric.unit, metric.better or "", metric.text.replace("|", "\\|"))
        for metric in METRICS
    )
    return table(("metric", "unit", "better", "meaning"), rows)


def findings() -> str:
    """Return the table of all findings: each with the first sentence of its page."""
    rows = (
        (f"[{code}](../reference/findings/{code}.md)", first_sentence(code))
        for code in finding_codes()
    )
    return table(("finding", "in a sentence"), rows)


def first_sentence(code: str) -> str:
    """Return the first sentence of a finding's page; a decimal point ends no sentence."""
    _, paragraph, *_ = (FINDINGS / f"{code}.md").read_text().split("\n\n")
    return re.split(r"(?<=[^\s.]\.)\s", paragraph, maxsplit=1)[0].replace("\n", " ")


TABLES: dict[str, Callable[[], str]] = {"epoch-metrics": epoch_metrics, "findings": findings}
PAGES = ("docs/explanation/training.md", "docs/how-to/diagnose.md")


def generated(text: str) -> str:
    """Return a page with all its tables up to date."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", text)


def outdated_pages() -> list[str]:
    """Return the pages with a table that its register no longer determines."""
    return [page for page in PAGES if generated(text := (ROOT / page).read_text()) != text]


def main() -> int:
    """Write or check the pages."""
    pages = outdated_pages()
    if "--check" in sys.argv:
        sys.stdout.writelines(f"{page} is outdated: run {__file__}\n" for page in pages)
        return bool(pages)
    for page in pages:
        (ROOT / page).write_text(generated((ROOT / page).read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
