"""A training job in progress: a live view on a terminal, else one line an epoch."""

from types import TracebackType
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from recsvc.cli.views import console_output
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import Job
from recsvc.plots.curve_plot import Curve, build_plot
from recsvc.plots.panels import Plot

SHOWN_EPOCHS = 8
FINAL_PLOT_ROWS = 6  # of the plot that remains after the training
COLUMNS = ("validation NLL", "validation RMSE", "train NLL", "seconds")


class TrainingView:
    """A live view on stderr of the error curve and of the baselines.

    `job`  the training job when the view starts
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._epochs: list[dict[str, Any]] = []
        self._live = Live(
            self._render(), console=console_output.stderr, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> Self:
        if console_output.stderr.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if kind is None and console_output.stderr.is_terminal and len(self._epochs) > 1:
            print_plot(console_output.stderr, self.plot(), rows=FINAL_PLOT_ROWS)

    def plot(self) -> Plot:
        """Return a plot of the metric that selects the best epoch."""
        likelihoods = ("validation_nll", "train_nll")
        figures = ("validation_ndcg",) if self._has_list_metrics() else likelihoods
        best, baselines = self._job.get("best_epoch"), self._job.get("baselines") or {}
        curve = Curve(self._job["id"], self._job["state"], self._epochs, best, baselines)
        return build_plot([curve], figures)

    def update(self, job: Job) -> None:
        """Show the current state of the job."""
        self._job = job
        self._live.update(self._render())

    def add_epoch(self, epoch: dict[str, Any], job: Job) -> None:
        """Append an epoch and show the current state of the job."""
        self._epochs.append(epoch)
        self.update(job)
        if not console_output.stderr.is_terminal:
            console_output.print_message(self._line(epoch))

    def _line(self, epoch: dict[str, Any]) -> str:
        rmse, nll = (
            console_output.format_value(epoch["validation_rmse"]),
            console_output.format_value(epoch["validation_nll"]),
        )
        best, ndcg = self._best_baseline(), epoch["validation_ndcg"]
        baseline = f" ({best[0]} {best[1]:.4f})" if best else ""
        lists = "" if ndcg is None else f", nDCG@10 {console_output.format_value(ndcg)}"
        return f"epoch {epoch['epoch']}: validation NLL {nll}, RMSE {rmse}{baseline}{lists}"

    def _render(self) -> RenderableType:
        if not self._epochs:
            return Group(self._header(), self._choices())
        rows = [self._row(epoch) for epoch in self._epochs[-SHOWN_EPOCHS:]]
        columns = ("epoch", *(("nDCG@10",) if self._has_list_metrics() else ()), *COLUMNS)
        return Group(self._header(), console_output.build_table(columns, rows), *self._footer())

    def _header(self) -> Text:
        eta, phase = self._job.get("eta_seconds"), self._job.get("phase")
        parts = [self._job["state"], f"{self._job['progress']:.0%}"]
        parts += [phase] if phase else []
        parts += [f"about {console_output.format_duration(eta)} left"] if eta else []
        return Text(f"Training job {self._job['id']}: {', '.join(parts)}", "bold")

    def _row(self, epoch: dict[str, Any]) -> tuple[object, ...]:
        best = self._best_baseline()
        rmse = epoch["validation_rmse"]
        beats = best is not None and rmse is not None and rmse < best[1]
        shown = Text(console_output.format_value(rmse), "green" if beats else "", justify="right")
        lists = (epoch["validation_ndcg"],) if self._has_list_metrics() else ()
        figures = epoch["validation_nll"], shown, epoch["train_nll"], epoch["seconds"]
        return epoch["epoch"], *lists, *figures

    def _has_list_metrics(self) -> bool:
        """Return whether the epochs have list metrics."""
        return any(epoch["validation_ndcg"] is not None for epoch in self._epochs)

    def _choices(self) -> Text:
        """Return the hyperparameters that were chosen from the data, with reasons."""
        choices = self._job.get("choices") or {}
        lines = [f"{name} {one['value']}: {one['because']}" for name, one in choices.items()]
        return Text("\n".join(lines), "dim")

    def _footer(self) -> list[Text]:
        name, label = "validation_nll", "validation NLL"
        if self._has_list_metrics():
            name, label = "validation_ndcg", "validation nDCG@10"
        curve = [epoch[name] for epoch in self._epochs if epoch[name] is not None]
        feet = [Text(f"{label}  {console_output.sparkline(curve)}", "cyan")]
        named = ", ".join(f"{name} {rmse:.4f}" for name, rmse in self._baselines().items())
        return [*feet, Text(f"RMSE of the baselines: {named}", "dim")] if named else feet

    def _baselines(self) -> dict[str, float]:
        figures = self._job.get("baselines") or {}
        return {
            name.replace("_", " "): baseline["rmse"]
            for name, baseline in figures.items()
            if baseline.get("rmse") is not None
        }

    def _best_baseline(self) -> tuple[str, float] | None:
        return min(self._baselines().items(), key=lambda entry: entry[1], default=None)
