"""The record of a run that a diagnosis reads: its error curve and the known facts about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from recsvc.rbm.arrays import Doubles
from recsvc.rbm.diagnosis.finding import Change
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.training.schedules import longest_flat_start

WARM_UP = 3  # epochs in which large first steps of fresh weights are normal
PATIENCE = 10  # epochs: [SM] looks at ten steps
FLAT_START = 20  # epochs in which the loss of a masked machine may be flat [own]
STRONG_DECAY = 10.0  # times the default
FAR_OFF = 3.0  # times the default rate, or its inverse
NOTHING_LEARNED, MUCH_LEARNED = 0.005, 0.05  # of the first loss
FLAT = 0.001  # [SM] a tenth of a percent
LEAST_LOSS, MOST = 1e-12, 1e100  # an external curve may contain any number


def above(now: float, before: float) -> float:
    """Return the increase as a share of `before`."""
    return float((now - before) / max(abs(before), LEAST_LOSS))


class Series(NamedTuple):
    """One metric of a curve, for the epochs in which it was measured."""

    epochs: Doubles
    values: Doubles

    def after(self, epoch: int) -> "Series":
        """Return the part after an epoch."""
        later = self.epochs > epoch
        return Series(self.epochs[later], self.values[later])

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last epoch."""
        return int(self.epochs[0]), int(self.epochs[-1])

    @property
    def total_gain(self) -> float:
        """The decrease from the first value to the best, as a share of the first."""
        return -above(self.values[1:].min(initial=np.inf), self.values[0])

    def gain(self, n: int) -> float:
        """Return the decrease in the last n epochs, as a share of the value before them."""
        return -above(self.values[-n:].min(), self.values[-n - 1])


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    columns        the metrics by the names of `training.EpochReport`, finite epochs alone
    non_finite_at  the first epoch with a non-finite metric or parameter
    hyper          None for an external curve without hyperparameters
    sent           the hyperparameters that were sent with an external curve; the others have
                   defaults here and are unknown. None: all are known
    model_kind     the kind whose defaults the hyperparameters are compared with
    baselines      RMSE and nDCG@10 of the baselines, by name
    metrics        of the finished model
    remarks        the data issues by code: the share of users, items or ratings with the issue
    is_over        whether no epoch will follow
    began_warm     whether it started at the weights of an earlier version
    n_epochs       the number of epochs in the curve
    ratings_per_parameter  the number of ratings divided by the number of weights
    idle_seconds           the time since the last epoch of a run that is not over
    loss_without           for each value of leave_out, the loss of the best epoch on the
                           validation ratings that this value keeps
    """

    columns: Mapping[str, Series]
    non_finite_at: int | None = None
    hyper: Hyperparameters | None = None
    model_kind: ModelKind = "user_rbm"
    baselines: Mapping[str, Mapping[str, float | None]] | None = None
    metrics: Mapping[str, float | None] | None = None
    remarks: Mapping[str, float] | None = None
    is_over: bool = True
    began_warm: bool = False
    n_epochs: int = 0
    sent: frozenset[str] | None = None
    ratings_per_parameter: float | None = None
    idle_seconds: float = 0.0
    loss_without: Mapping[str, float] | None = None

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, float | None]],
        *,
        diverged_at: int | None = None,
        hyper: Hyperparameters | None = None,
        model_kind: ModelKind = "user_rbm",
        baselines: Mapping[str, Mapping[str, float | None]] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        remarks: Mapping[str, float] | None = None,
        is_over: bool = True,
        began_warm: bool = False,
    ) -> "RunRecord":
        """Build the record of a curve, one row an epoch; unmeasured metrics are None or absent."""
        found: dict[str, list[tuple[float, float]]] = {}
        non_finite_at = diverged_at
        in_order = sorted(rows, key=_epoch)
        for row in in_order:
            measured = {name: figure for name, figure in row.items() if figure is not None}
            epoch = float(measured.pop("epoch"))
            if not all(map(isfinite, measured.values())):
                non_finite_at = (
                    int(epoch) if non_finite_at is None else min(non_finite_at, int(epoch))
                )
                break
            for name, figure in measured.items():
                found.setdefault(name, []).append((epoch, figure))
        columns = {name: _series(points) for name, points in found.items()}
        return cls(
            columns,
            non_finite_at,
            hyper,
            model_kind,
            baselines,
            metrics,
            remarks,
            is_over,
            began_warm,
            len(in_order),
        )

    def series(self, name: str) -> Series:
        """Return a metric, empty if it was never measured."""
        return self.columns.get(name, Series(np.empty(0), np.empty(0)))

    @property
    def last_epoch(self) -> int:
        """The last epoch with a metric."""
        return max((series.span[1] for series in self.columns.values()), default=0)

    @property
    def loss(self) -> Series:
        """The metric that should fall: 1 − nDCG@10 if lists are measured, otherwise the NLL.

        A joint machine learns choices before ratings: its validation NLL may rise, even to the
        end, while the nDCG of its lists doubles.
        """
        lists = self.series("validation_ndcg")
        if lists.values.size:
            return Series(lists.epochs, 1.0 - lists.values)
        validation = self.series("validation_nll")
        return validation if validation.values.size else self.series("train_nll")

    @property
    def makes_lists(self) -> bool:
        """Whether its lists are measured."""
        return self.series("validation_ndcg").values.size > 0

    @property
    def ratio(self) -> Series:
        """The update-to-weight ratio after the warm-up."""
        return self.series("update_to_weight_ratio").after(WARM_UP)

    @property
    def flat_start(self) -> int:
        """The epochs in which small weights diverge from each other; 0 if lists are measured."""
        if self.makes_lists:
            return 0
        if self.hyper is None or not self.knows("warm_up_epochs"):
            return FLAT_START
        return self.hyper.warm_up_epochs

    @property
    def may_be_flat(self) -> bool:
        """Whether small weights may still be diverging from each other.

        An epoch of a small data set has few steps, so its flat start takes more epochs.
        """
        if self.makes_lists or (self.loss.values.size and self.loss.total_gain >= NOTHING_LEARNED):
            return False
        last = self.flat_start
        if self.hyper is not None and not self.is_external:
            last = max(last, min(self.hyper.epochs, longest_flat_start(self.hyper)) - 1)
        return self.last_epoch <= last

    def knows(self, *names: str) -> bool:
        """Return whether the values of these hyperparameters are known."""
        return self.hyper is not None and (self.sent is None or self.sent >= set(names))

    @property
    def is_external(self) -> bool:
        """Whether its metrics may have been measured in another way."""
        return self.hyper is None or self.sent is not None

    @property
    def is_too_early(self) -> bool:
        """Whether it is too early for "healthy": few epochs, no loss, or a flat start."""
        return self.n_epochs <= WARM_UP + 1 or not self.loss.values.size or self.may_be_flat

    @property
    def decays_too_much(self) -> bool:
        """Whether the weight decay is far above the default."""
        if self.hyper is None:
            return False
        return self.hyper.weight_decay > STRONG_DECAY * self.usual.weight_decay

    @property
    def usual(self) -> Hyperparameters:
        """The defaults of the kind of machine."""
        return Hyperparameters.defaults(self.model_kind)

    def cold_start_change(self) -> Change | None:
        """Return the change to random initial weights, None unless the run had a warm start."""
        return Change("warm_start", "true", "false") if self.began_warm else None

    def default_change(self, name: str) -> Change | None:
        """Return the change to the default, None if the value is unknown or the default."""
        if self.hyper is None or not self.knows(name):
            return None
        before, to = getattr(self.hyper, name), getattr(self.usual, name)
        return Change(name, before, to) if before != to else None

    def rate_change(self, factor: float) -> Change | None:
        """Return a change of the learning rate; to the default if the rate is far from it."""
        if self.hyper is not None:
            off = self.usual.learning_rate / self.hyper.learning_rate
            if (off > FAR_OFF and factor > 1) or (off < 1 / FAR_OFF and factor < 1):
                return self.default_change("learning_rate")
        return self.scale_change("learning_rate", factor)

    def scale_change(self, name: str, factor: float) -> Change | None:
        """Return the change to a multiple, within bounds; a multiple of the default instead of 0.

        None if the value is unknown or already at its bound.
        """
        if self.hyper is None or not self.knows(name):
            return None
        before = float(getattr(self.hyper, name))
        wanted = before * factor if before else float(getattr(self.usual, name))
        to = float(Hyperparameters.nearest_allowed(name, float(f"{wanted:.2g}")))
        return Change(name, before, to) if to != before else None


def _series(points: list[tuple[float, float]]) -> Series:
    epochs, values = np.array(points, dtype=np.float64).T
    return Series(epochs, np.clip(values, -MOST, MOST))


def _epoch(row: Mapping[str, float | None]) -> float:
    epoch = row.get("epoch")
    return -1.0 if epoch is None else float(epoch)
