"""Why the loss does not go down: an error curve in, findings out.

Checks run in a fixed order, from what spoils every other figure to what only spoils the list; each
compares measured figures with a threshold that has a source: [H10], Hinton's practical guide; [SM],
the default of a rule of SageMaker Debugger; [own], seen to part healthy runs from faulty ones
(docs/diagnosis.md). A finding names its epochs, its evidence, a cause and one change to try.

A curve from elsewhere does as well, as far as its columns go: a check that lacks one says nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from recsvc.rbm.params import Hyperparameters, ModelKind
from recsvc.rbm.ratings import Doubles

Severity = Literal["problem", "warning", "note"]

WARM_UP = 3  # epochs in which the first, large steps of fresh weights are as they should be
PATIENCE = 10  # epochs: [SM] looks at ten steps
FLAT = 0.001  # [SM] a tenth of a percent
RISEN = 0.05  # [SM]
STEP_TOO_LONG, STEP_TOO_SHORT, STEP_WANTED = 1e-2, 1e-4, 1e-3  # [H10 section 7]
STANDING_STILL, FAR_TOO_LONG = 1e-7, 0.2
OVERFIT = 0.1  # [SM] of the train loss
WORSE_THAN_BEST = WORSE_THAN_START = 0.01
SATURATED, NEARLY_SATURATED = 0.95, 0.9
WORSE_THAN_ITEM_MEANS = 1.05
SHOCK_EPOCHS, SHOCK = 3, 0.05
STILL_FALLING = NOTHING_LEARNED = 0.005
LEAST_LOSS, MOST = 1e-12, 1e100  # a curve from elsewhere may hold anything
FLAT_START = 20  # epochs for which the loss of a masked machine may stand still [own]
STRONG_DECAY = 10.0  # times the usual


class Evidence(NamedTuple):
    """A figure beside what it must not pass, and who says so."""

    metric: str
    value: float
    threshold: float
    source: str


class Change(NamedTuple):
    """One hyperparameter to change."""

    hyperparameter: str
    before: float | str
    to: float | str


@dataclass(frozen=True)
class Finding:
    """What is wrong, since when, and what to do about it.

    severity    problem: the model is spoilt; warning: it could be better; note: do not be misled
    epochs      the first and the last that it speaks of
    change      None where no hyperparameter is to blame
    confidence  in [0, 1], that this is the cause
    """

    code: str
    severity: Severity
    epochs: tuple[int, int]
    evidence: tuple[Evidence, ...]
    cause: str
    change: Change | None
    confidence: float


class Series(NamedTuple):
    """One column of a curve, where it was measured."""

    epochs: Doubles
    values: Doubles

    def after(self, epoch: int) -> "Series":
        """Leave out the epochs up to this one."""
        later = self.epochs > epoch
        return Series(self.epochs[later], self.values[later])


@dataclass(frozen=True)
class Run:
    """What is diagnosed.

    columns      by name as `training.EpochReport` has them, finite epochs alone
    spoilt_at    the first epoch with a figure, or a parameter, that was no finite number
    hyper        None of a curve from elsewhere
    model_kind   of machine; its usual hyperparameters are compared with
    baselines    RMSE and nDCG@10 of methods that hardly learn, by name
    metrics      of the finished model
    is_over      whether no epoch will follow
    """

    columns: Mapping[str, Series]
    spoilt_at: int | None = None
    hyper: Hyperparameters | None = None
    model_kind: ModelKind = "user_rbm"
    baselines: Mapping[str, Mapping[str, float | None]] | None = None
    metrics: Mapping[str, float | None] | None = None
    is_over: bool = True

    @classmethod
    def of(
        cls,
        rows: Iterable[Mapping[str, float | None]],
        *,
        diverged_at: int | None = None,
        hyper: Hyperparameters | None = None,
        model_kind: ModelKind = "user_rbm",
        baselines: Mapping[str, Mapping[str, float | None]] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        is_over: bool = True,
    ) -> "Run":
        """Read a curve, a row an epoch; a figure that was not measured is None or not there."""
        found: dict[str, list[tuple[float, float]]] = {}
        spoilt_at = diverged_at
        for row in sorted(rows, key=_epoch):
            measured = {name: float(figure) for name, figure in row.items() if figure is not None}
            epoch = measured.pop("epoch")
            if not np.isfinite(list(measured.values())).all():
                spoilt_at = int(epoch) if spoilt_at is None else min(spoilt_at, int(epoch))
                break
            for name, figure in measured.items():
                bounded = min(max(figure, -MOST), MOST)
                found.setdefault(name, []).append((epoch, bounded))
        columns = {name: Series(*np.array(points).T) for name, points in found.items()}
        return cls(columns, spoilt_at, hyper, model_kind, baselines, metrics, is_over)

    def series(self, name: str) -> Series:
        """Give a column, empty where it was never measured."""
        return self.columns.get(name, Series(np.empty(0), np.empty(0)))

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
    def ratio(self) -> Series:
        """Give the update-to-weight ratio after the warm-up."""
        return self.series("update_to_weight_ratio").after(WARM_UP)

    @property
    def usual(self) -> Hyperparameters:
        """Give the defaults of the kind of machine."""
        return Hyperparameters.defaults(self.model_kind)

    def scaled(self, name: str, factor: float) -> Change | None:
        """Suggest a hyperparameter times a factor, if it is known."""
        if self.hyper is None:
            return None
        before = float(getattr(self.hyper, name))
        return Change(name, before, float(f"{before * factor:.2g}"))


def _epoch(row: Mapping[str, float | None]) -> float:
    epoch = row.get("epoch")
    return -1.0 if epoch is None else float(epoch)


Check = Callable[[Run], Finding | None]


def diagnose(run: Run) -> list[Finding]:
    """Give the findings in the order of the checks; none: healthy, as far as it was measured."""
    found = [finding for check in CHECKS if (finding := check(run)) is not None]
    if not any(finding.severity == "problem" for finding in found):
        found += [finding for finding in [_no_decrease(run)] if finding is not None]
    return found


def _above(now: float, before: float) -> float:
    """By which share of `before` a figure is above it."""
    return float((now - before) / max(abs(before), LEAST_LOSS))


def _gain(series: Series, n: int) -> float:
    """By which share the best of the last n epochs is below the one before them."""
    return -_above(series.values[-n:].min(), series.values[-n - 1])


def _learned(loss: Series) -> float:
    """By which share the best loss is below the first."""
    return -_above(loss.values[1:].min(), loss.values[0])


def _extreme(activity: float) -> float:
    """How near the mean activity of hidden units is to all or to none."""
    return float(max(activity, 1.0 - activity))


def _span(series: Series) -> tuple[int, int]:
    return int(series.epochs[0]), int(series.epochs[-1])


def _not_finite(run: Run) -> Finding | None:
    if run.spoilt_at is None:
        return None
    seen = Evidence("epoch with a number that is not finite", run.spoilt_at, 0, "own")
    cause = "Steps were so long that parameters left what numbers can hold."
    at = (run.spoilt_at, run.spoilt_at)
    change = run.scaled("learning_rate", 0.1)
    return Finding("not_finite", "problem", at, (seen,), cause, change, 0.95)


def _rate_too_high(run: Run) -> Finding | None:
    """Long steps are as they should be while the loss falls by them."""
    ratio, loss = run.ratio, run.loss
    if ratio.values.size < WARM_UP or loss.values.size < WARM_UP:
        return None
    middle, active = float(np.median(ratio.values)), run.series("hidden_activity").values
    worse = _above(loss.values[-1], loss.values[0])
    is_jammed = (
        middle > FAR_TOO_LONG and active.size > 0 and _extreme(active[-1]) > NEARLY_SATURATED
    )
    if not is_jammed and (middle <= STEP_TOO_LONG or worse <= WORSE_THAN_START):
        return None
    factor = 0.5 ** max(1, round(np.log2(middle / STEP_WANTED)))
    beside = Evidence("last loss above the first", worse, WORSE_THAN_START, "own")
    if is_jammed:
        extreme = _extreme(active[-1])
        beside = Evidence("hidden_activity, or 1 − it", extreme, NEARLY_SATURATED, "own")
    seen = (Evidence("update_to_weight_ratio", middle, STEP_TOO_LONG, "H10"), beside)
    cause = "Each step changes the weights by more than they have learned: the rate is too high."
    change = run.scaled("learning_rate", factor)
    return Finding("rate_too_high", "problem", _span(ratio), seen, cause, change, 0.85)


def _rate_too_low(run: Run) -> Finding | None:
    ratio, loss = run.ratio, run.loss
    if ratio.values.size < WARM_UP or loss.values.size <= WARM_UP:
        return None
    middle = float(np.median(ratio.values))
    gain = _gain(loss, min(PATIENCE, loss.values.size - 1))
    is_slow = middle < STEP_TOO_SHORT and gain < STILL_FALLING
    is_flat = middle < STEP_WANTED and _learned(loss) < FLAT
    if middle <= STANDING_STILL or not (is_slow or is_flat):
        return None
    factor = 10.0 ** min(3, max(1, round(np.log10(STEP_WANTED / middle))))
    seen = (
        Evidence("update_to_weight_ratio", middle, STEP_TOO_SHORT, "H10"),
        Evidence("gain of the loss", gain, STILL_FALLING, "own"),
    )
    if not is_slow:
        seen = (
            Evidence("update_to_weight_ratio", middle, STEP_WANTED, "H10"),
            Evidence("gain of the loss since epoch 0", _learned(loss), FLAT, "SM"),
        )
    cause = "Steps are too short to get anywhere: the rate is too low."
    change = run.scaled("learning_rate", factor)
    return Finding("rate_too_low", "problem", _span(ratio), seen, cause, change, 0.85)


def _not_moving(run: Run) -> Finding | None:
    ratio = run.ratio
    if ratio.values.size < WARM_UP or ratio.values[-WARM_UP:].max() > STANDING_STILL:
        return None
    largest = float(ratio.values[-WARM_UP:].max())
    seen = Evidence("update_to_weight_ratio", largest, STANDING_STILL, "own")
    cause = "The weights do not change at all: they began equal, or the rate is next to nothing."
    change = run.scaled("learning_rate", 1000.0)
    if run.hyper is not None and run.hyper.initial_weight == 0:
        change = Change("initial_weight", 0.0, run.usual.initial_weight)
    return Finding("not_moving", "problem", _span(ratio), (seen,), cause, change, 0.9)


def _bad_start(run: Run) -> Finding | None:
    rmse = run.series("validation_rmse")
    known = (run.baselines or {}).get("item_mean", {}).get("rmse")
    if rmse.values.size == 0 or rmse.epochs[0] != 0 or not known:
        return None
    times = float(rmse.values[0] / known)
    if times <= WORSE_THAN_ITEM_MEANS:
        return None
    seen = Evidence(
        "validation_rmse of epoch 0 over that of item means", times, WORSE_THAN_ITEM_MEANS, "own"
    )
    cause = "The machine begins worse than the items' own means: its first weights are too large."
    change = None
    usual = run.usual.initial_weight
    if run.hyper is not None and run.hyper.initial_weight > usual:
        change = Change("initial_weight", run.hyper.initial_weight, usual)
    return Finding("bad_start", "problem", (0, 0), (seen,), cause, change, 0.9)


def _momentum_shock(run: Run) -> Finding | None:
    loss, hyper = run.loss, run.hyper
    if hyper is None or hyper.momentum <= hyper.initial_momentum:
        return None
    at = hyper.momentum_epoch
    calm = loss.values[loss.epochs == at]
    shaken = loss.after(at).values[:SHOCK_EPOCHS]
    if calm.size == 0 or shaken.size == 0:
        return None
    jump = _above(shaken.max(), calm[0])
    if jump <= SHOCK:
        return None
    seen = Evidence("jump of the loss", jump, SHOCK, "own")
    cause = "The loss jumped when the momentum rose: the rate is too high for the full momentum."
    change = run.scaled("learning_rate", 0.5)
    epochs = (at, at + SHOCK_EPOCHS)
    return Finding("momentum_shock", "warning", epochs, (seen,), cause, change, 0.7)


def _saturated(run: Run) -> Finding | None:
    activity = run.series("hidden_activity")
    if activity.values.size == 0:
        return None
    extreme = _extreme(activity.values[-1])
    if extreme <= SATURATED:
        return None
    seen = Evidence("hidden_activity, or 1 − it", extreme, SATURATED, "own")
    cause = "Hidden units are nearly all on, or nearly all off, whoever the user is."
    change = None
    if run.hyper is not None:
        change = Change("sparsity_target", run.hyper.sparsity_target, 0.2)
    return Finding("saturated", "problem", _span(activity), (seen,), cause, change, 0.6)


def _overfit(run: Run) -> Finding | None:
    validation, train, loss = run.series("validation_nll"), run.series("train_nll"), run.loss
    if loss.values.size <= WARM_UP or train.values.size != validation.values.size:
        return None
    first_gap, gap = (_above(validation.values[at], train.values[at]) for at in (0, -1))
    risen = _above(loss.values[-1], loss.values.min())
    if gap <= max(OVERFIT, first_gap) or risen <= WORSE_THAN_BEST:
        return None
    best = int(loss.epochs[np.argmin(loss.values)])
    seen = (
        Evidence("(validation − train) / train NLL", gap, OVERFIT, "SM"),
        Evidence("loss above its least", risen, WORSE_THAN_BEST, "own"),
    )
    cause = f"It learns the train ratings by heart: validation was best at epoch {best}."
    change = run.scaled("weight_decay", 3.0)
    epochs = (best, int(loss.epochs[-1]))
    return Finding("overfit", "warning", epochs, seen, cause, change, 0.8)


def _reconstruction_misleads(run: Run) -> Finding | None:
    """Reconstruction says how far one step of the chain leads, not how well ratings are told."""
    shown, loss = run.series("reconstruction_error"), run.series("validation_nll").after(0)
    if min(shown.values.size, loss.values.size) <= PATIENCE:
        return None
    by_loss, by_shown = _gain(loss, PATIENCE), _gain(shown, PATIENCE)
    rises = _above(loss.values[-1], loss.values[-PATIENCE - 1])
    epochs = int(loss.epochs[-PATIENCE]), int(loss.epochs[-1])
    if by_shown < FLAT and by_loss > 10 * FLAT:
        seen = Evidence("gain of reconstruction_error", by_shown, FLAT, "SM")
        cause = "Reconstruction stands still while validation improves: watch validation_nll."
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    if by_shown > FLAT and rises > WORSE_THAN_BEST:
        seen = Evidence("rise of validation_nll", rises, WORSE_THAN_BEST, "own")
        cause = "Reconstruction improves while validation gets worse: watch validation_nll."
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    return None


def _no_decrease(run: Run) -> Finding | None:
    """Tell what no other check explains; the hyperparameters tell the likeliest cause."""
    loss, hyper = run.loss, run.hyper
    flat_start = hyper.warm_up_epochs if hyper is not None else FLAT_START
    if run.series("validation_ndcg").values.size:  # lists get better at once
        flat_start = PATIENCE
    if loss.values.size <= max(flat_start, PATIENCE) + 1:
        return None
    gain = _learned(loss)
    if gain >= NOTHING_LEARNED:
        return None
    seen = Evidence("gain of the loss since epoch 0", gain, NOTHING_LEARNED, "own")
    cause = "Nothing was learned beyond how often each level is given: steps are too few or short."
    change, usual = run.scaled("learning_rate", 3.0), run.usual
    if hyper is not None and hyper.weight_decay > STRONG_DECAY * usual.weight_decay:
        cause = "Weights are pulled to zero faster than they learn."
        change = run.scaled("weight_decay", 0.1)
    elif hyper is not None and hyper.initial_weight == 0:
        cause = "Equal weights learn the same: hidden units must begin different."
        change = Change("initial_weight", 0.0, usual.initial_weight)
    return Finding("no_decrease", "problem", _span(loss), (seen,), cause, change, 0.5)


def _too_short(run: Run) -> Finding | None:
    loss, hyper = run.loss, run.hyper
    if hyper is None or not run.is_over or loss.values.size <= hyper.epochs:
        return None
    if loss.values.size <= PATIENCE or np.argmin(loss.values) != loss.values.size - 1:
        return None
    gain = _gain(loss, max(1, loss.values.size // 10))
    if gain <= STILL_FALLING or hyper.learning_rate_schedule == "cosine":
        return None
    seen = Evidence("gain of the loss in the last tenth", gain, STILL_FALLING, "own")
    cause = "The loss was still falling when the epochs ran out."
    change = Change("epochs", float(hyper.epochs), float(2 * hyper.epochs))
    epochs = int(loss.epochs[-max(1, loss.values.size // 10)]), int(loss.epochs[-1])
    return Finding("too_short", "warning", epochs, (seen,), cause, change, 0.8)


def _poor_list(run: Run) -> Finding | None:
    ours = (run.metrics or {}).get("ndcg_at_10")
    theirs = (run.baselines or {}).get("most_rated", {}).get("ndcg_at_10")
    if ours is None or theirs is None or ours >= theirs or run.model_kind == "joint_rbm":
        return None
    seen = Evidence("validation nDCG@10", ours, theirs, "the list of the most-rated items")
    cause = "Its lists are worse than that of the most-rated items, however well it rates."
    change = Change("model_kind", run.model_kind, "joint_rbm")
    return Finding("poor_list", "warning", _span(run.loss), (seen,), cause, change, 0.7)


CHECKS: tuple[Check, ...] = (
    _not_finite,
    _bad_start,
    _rate_too_high,
    _rate_too_low,
    _not_moving,
    _momentum_shock,
    _saturated,
    _reconstruction_misleads,
    _overfit,
    _too_short,
    _poor_list,
)
