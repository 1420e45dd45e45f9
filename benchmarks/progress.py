"""Progress on stderr, so that stdout is the table alone.

A bar, or a line a step where there is no terminal: a run of hours is looked at while it lasts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Step = Callable[[str], None]


@contextmanager
def steps(title: str, total: int) -> Iterator[Step]:
    """Show how many of so many steps are done; a step says what it has done."""
    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, title=title)

        def step(done: str) -> None:
            progress.update(task, advance=1, description=done)
            if not console.is_terminal:
                console.print(f"{title}: {done}", soft_wrap=True, highlight=False)

        yield step
