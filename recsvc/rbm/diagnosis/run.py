"""What is diagnosed: an error curve, and what is known of who drew it."""

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

WARM_UP = 3  # epochs in which the first, large steps of fresh weights are as they should be
PATIENCE = 10  # epochs: [SM] looks at ten steps
FLAT_START = 20  # epochs for which the loss of a masked machine may stand still [own]
STRONG_DECAY = 10.0  # times the usual
FAR_OFF = 3.0  # times the usual rate, or a part of it
NOTHING_LEARNED, MUCH_LEARNED = 0.005, 0.05  # of the first loss
FLAT = 0.001  # [SM] a tenth of a percent
LEAST_LOSS, MOST = 1e-12, 1e100  # a curve from elsewhere may hold anything


def above(now: float, before: float) -> float:
    """By which share of `before` a figure is above it."""
    return float((now - before) / max(abs(before), LEAST_LOSS))


class Series(NamedTuple):
    """One column of a curve, where it was measured."""

    epochs: Doubles
    values: Doubles

    def after(self, epoch: int) -> "Series":
        """Leave out the epochs up to this one."""
        later = self.epochs > epoch
        return Series(self.epochs[later], self.values[later])

    @property
    def span(self) -> tuple[int, int]:
        """Give the first and the last epoch."""
        return int(self.epochs[0]), int(self.epochs[-1])

    @property
    def total_gain(self) -> float:
        """By which share the best is below the first."""
        return -above(self.values[1:].min(initial=np.inf), self.values[0])

    def gain(self, n: int) -> float:
        """By which share the best of the last n epochs is below the one before them."""
        return -above(self.values[-n:].min(), self.values[-n - 1])


@dataclass(frozen=True)
class RunRecord:
    """What is diagnosed.

    columns      by name as `training.EpochReport` has them, finite epochs alone
    non_finite_at  the first epoch with a figure, or a parameter, that was no finite number
    hyper        None of a curve from elsewhere that came without any
    sent         which of them came with a curve from elsewhere; the rest are defaults here, and
                 nobody knows what they were there. None: all are known
    model_kind   of machine; its usual hyperparameters are compared with
    baselines    RMSE and nDCG@10 of methods that hardly learn, by name
    metrics      of the finished model
    remarks      of the data profile, by code: the share of users, items or ratings that they are on
    is_over      whether no epoch will follow
    began_warm   whether it began at an earlier version's weights
    n_epochs     that were looked at
    ratings_per_parameter  as many as there are to learn each parameter from
    idle_seconds           since the last epoch of a run that goes on
    loss_without           loss of the best epoch on the validation ratings that a choice of
                           leave_out leaves, by choice
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
        """Read a curve, a row an epoch; a figure that was not measured is None or not there."""
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
        """Give a column, empty where it was never measured."""
        return self.columns.get(name, Series(np.empty(0), np.empty(0)))

    @property
    def last_epoch(self) -> int:
        """Give the last epoch of which anything was measured."""
        return max((series.span[1] for series in self.columns.values()), default=0)

    @property
    def loss(self) -> Series:
        """Give what should fall: 1 − nDCG@10 of a kind that makes lists, else the NLL.

        A joint machine learns what is chosen before how it is rated: its validation NLL may rise
        for a while, or for good, while its lists get twice as good.
        """
        lists = self.series("validation_ndcg")
        if lists.values.size:
            return Series(lists.epochs, 1.0 - lists.values)
        validation = self.series("validation_nll")
        return validation if validation.values.size else self.series("train_nll")

    @property
    def makes_lists(self) -> bool:
        """Tell whether its lists are measured."""
        return self.series("validation_ndcg").values.size > 0

    @property
    def ratio(self) -> Series:
        """Give the update-to-weight ratio after the warm-up."""
        return self.series("update_to_weight_ratio").after(WARM_UP)

    @property
    def flat_start(self) -> int:
        """Give the epochs in which small weights grow apart; lists do not wait."""
        if self.makes_lists:
            return 0
        if self.hyper is None or not self.knows("warm_up_epochs"):
            return FLAT_START
        return self.hyper.warm_up_epochs

    @property
    def may_be_flat(self) -> bool:
        """Tell whether they may still be growing apart.

        In a small shop an epoch has few steps, and a flat start as many more epochs.
        """
        if self.makes_lists or (self.loss.values.size and self.loss.total_gain >= NOTHING_LEARNED):
            return False
        last = self.flat_start
        if self.hyper is not None and not self.is_external:
            last = max(last, min(self.hyper.epochs, longest_flat_start(self.hyper)) - 1)
        return self.last_epoch <= last

    def knows(self, *names: str) -> bool:
        """Tell whether these hyperparameters are what the run was trained with."""
        return self.hyper is not None and (self.sent is None or self.sent >= set(names))

    @property
    def is_external(self) -> bool:
        """Tell whether its figures may have been measured in another way."""
        return self.hyper is None or self.sent is not None

    @property
    def is_too_early(self) -> bool:
        """Tell whether "healthy" would be said too soon: a few epochs, no loss, a flat start."""
        return self.n_epochs <= WARM_UP + 1 or not self.loss.values.size or self.may_be_flat

    @property
    def decays_too_much(self) -> bool:
        """Tell whether weights are pulled to zero far harder than is usual."""
        if self.hyper is None:
            return False
        return self.hyper.weight_decay > STRONG_DECAY * self.usual.weight_decay

    @property
    def usual(self) -> Hyperparameters:
        """Give the defaults of the kind of machine."""
        return Hyperparameters.defaults(self.model_kind)

    def cold_start_change(self) -> Change | None:
        """Suggest first weights drawn at random, where they were an earlier version's."""
        return Change("warm_start", "true", "false") if self.began_warm else None

    def default_change(self, name: str) -> Change | None:
        """Suggest a hyperparameter's default. None where it is not known, or is the default."""
        if self.hyper is None or not self.knows(name):
            return None
        before, to = getattr(self.hyper, name), getattr(self.usual, name)
        return Change(name, before, to) if before != to else None

    def rate_change(self, factor: float) -> Change | None:
        """Suggest a learning rate: the usual one, where the present one is far off on that side."""
        if self.hyper is not None:
            off = self.usual.learning_rate / self.hyper.learning_rate
            if (off > FAR_OFF and factor > 1) or (off < 1 / FAR_OFF and factor < 1):
                return self.default_change("learning_rate")
        return self.scale_change("learning_rate", factor)

    def scale_change(self, name: str, factor: float) -> Change | None:
        """Suggest a hyperparameter times a factor, or its default in place of 0, as far as allowed.

        None where it is not known, or already at its bound.
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
