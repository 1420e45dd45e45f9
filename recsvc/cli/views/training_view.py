"""How a training job looks while it learns: live on a terminal, a line an epoch elsewhere."""

from types import TracebackType
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from recsvc.cli.views import console_output
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import Job
from recsvc.plots.curve_plot import Curve, plot_of
from recsvc.plots.panels import Plot

SHOWN_EPOCHS = 8
LEFT_ROWS = 6  # of the curve that stays when the training is over
COLUMNS = ("validation NLL", "validation RMSE", "train NLL", "seconds")


class Watching:
    """The error curve as it grows, beside the baselines; goes to stderr.

    `job`  the training job, as first answered
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._epochs: list[dict[str, Any]] = []
        self._live = Live(
            self._drawn(), console=console_output.messages, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> Self:
        if console_output.messages.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if kind is None and console_output.messages.is_terminal and len(self._epochs) > 1:
            print_plot(console_output.messages, self.plot(), rows=LEFT_ROWS)

    def plot(self) -> Plot:
        """Draw what the best epoch goes by, as far as it has been seen."""
        rated = ("validation_nll", "train_nll")
        figures = ("validation_ndcg",) if self._ranks() else rated
        best, baselines = self._job.get("best_epoch"), self._job.get("baselines") or {}
        curve = Curve(self._job["id"], self._job["state"], self._epochs, best, baselines)
        return plot_of([curve], figures)

    def stands(self, job: Job) -> None:
        """Take in how far the job is."""
        self._job = job
        self._live.update(self._drawn())

    def learned(self, epoch: dict[str, Any], job: Job) -> None:
        """Take in one more epoch, and the job as it stands then."""
        self._epochs.append(epoch)
        self.stands(job)
        if not console_output.messages.is_terminal:
            console_output.note(self._line(epoch))

    def _line(self, epoch: dict[str, Any]) -> str:
        rmse, nll = (
            console_output.shown(epoch["validation_rmse"]),
            console_output.shown(epoch["validation_nll"]),
        )
        best, ndcg = self._best_baseline(), epoch["validation_ndcg"]
        beside = f" ({best[0]} {best[1]:.4f})" if best else ""
        lists = "" if ndcg is None else f", nDCG@10 {console_output.shown(ndcg)}"
        return f"epoch {epoch['epoch']}: validation NLL {nll}, RMSE {rmse}{beside}{lists}"

    def _drawn(self) -> RenderableType:
        if not self._epochs:
            return Group(self._head(), self._choices())
        rows = [self._row(epoch) for epoch in self._epochs[-SHOWN_EPOCHS:]]
        columns = ("epoch", *(("nDCG@10",) if self._ranks() else ()), *COLUMNS)
        return Group(self._head(), console_output.table(columns, rows), *self._feet())

    def _head(self) -> Text:
        eta, phase = self._job.get("eta_seconds"), self._job.get("phase")
        told = [self._job["state"], f"{self._job['progress']:.0%}"]
        told += [phase] if phase else []
        told += [f"about {console_output.span(eta)} left"] if eta else []
        return Text(f"Training job {self._job['id']}: {', '.join(told)}", "bold")

    def _row(self, epoch: dict[str, Any]) -> tuple[object, ...]:
        best = self._best_baseline()
        rmse = epoch["validation_rmse"]
        beats = best is not None and rmse is not None and rmse < best[1]
        shown = Text(console_output.shown(rmse), "green" if beats else "", justify="right")
        lists = (epoch["validation_ndcg"],) if self._ranks() else ()
        figures = epoch["validation_nll"], shown, epoch["train_nll"], epoch["seconds"]
        return epoch["epoch"], *lists, *figures

    def _ranks(self) -> bool:
        """Tell whether the job's lists are measured."""
        return any(epoch["validation_ndcg"] is not None for epoch in self._epochs)

    def _choices(self) -> Text:
        """Say what the data's shape has decided."""
        choices = self._job.get("choices") or {}
        told = [f"{name} {one['value']}: {one['because']}" for name, one in choices.items()]
        return Text("\n".join(told), "dim")

    def _feet(self) -> list[Text]:
        name, said = "validation_nll", "validation NLL"
        if self._ranks():
            name, said = "validation_ndcg", "validation nDCG@10"
        curve = [epoch[name] for epoch in self._epochs if epoch[name] is not None]
        feet = [Text(f"{said}  {console_output.sparkline(curve)}", "cyan")]
        named = ", ".join(f"{name} {rmse:.4f}" for name, rmse in self._baselines().items())
        return [*feet, Text(f"baselines' RMSE: {named}", "dim")] if named else feet

    def _baselines(self) -> dict[str, float]:
        figures = self._job.get("baselines") or {}
        return {
            name.replace("_", " "): baseline["rmse"]
            for name, baseline in figures.items()
            if baseline.get("rmse") is not None
        }

    def _best_baseline(self) -> tuple[str, float] | None:
        return min(self._baselines().items(), key=lambda entry: entry[1], default=None)
