"""Axes: round tick values and the position of a value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_EPOCH_TICKS = 10
MIN_LOG_TICKS, MAX_LOG_TICKS = 4, 8


@dataclass(frozen=True)
class Axis:
    """An axis of values; its first and last tick are its ends."""

    ticks: Sequence[float]
    is_log: bool = False

    @classmethod
    def enclosing(cls, values: Sequence[float], *, is_log: bool = False) -> "Axis":
        """Build an axis that encloses the values; a logarithmic axis needs positive values."""
        enclose = log_ticks_between if is_log else ticks_between
        return cls(enclose(min(values), max(values)), is_log)

    def share(self, value: float) -> float:
        """Return the position of a value on the axis, from 0 to 1; values outside are clipped."""
        low, high, at = (math.log(v) if self.is_log else v for v in (*self._ends(), value))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def labels(self) -> list[str]:
        """Format the ticks with as many digits as they need to differ."""
        low, high = self._ends()
        step = self.ticks[1] - low
        if self.is_log or max(abs(low), abs(high)) >= 1e6 or step < 1e-5:
            return [f"{tick:.6g}" for tick in self.ticks]
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        if not math.isclose(step, round(step, digits), rel_tol=1e-9):
            digits += 1  # steps of 2.5
        return [f"{tick:.{digits}f}" for tick in self.ticks]

    def _ends(self) -> tuple[float, float]:
        return self.ticks[0], self.ticks[-1]


def ticks_between(low: float, high: float) -> list[float]:
    """Return two to nine round values that enclose the range."""
    width = (high - low) or abs(high) * 0.1 or 1.0
    magnitude = 10.0 ** math.floor(math.log10(width / 5))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if width / (m * magnitude) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * n for n in range(first, max(last, first + 1) + 1)]


def log_ticks_between(low: float, high: float) -> list[float]:
    """Return positive values that enclose the range: powers of ten, or finer ones if few fit."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ((1,), (1, 2, 5)):
        ticks = _enclose([m * 10.0**power for power in powers for m in mantissas], low, high)
        if len(ticks) >= MIN_LOG_TICKS:
            step = math.ceil((len(ticks) - 1) / MAX_LOG_TICKS)
            return sorted({*ticks[::step], ticks[-1]})
    linear = [tick for tick in ticks_between(low, high) if tick > 0]
    return linear if linear[0] <= low * (1 + 1e-9) else [low, *linear]


def _enclose(ticks: Sequence[float], low: float, high: float) -> list[float]:
    first = max(n for n, tick in enumerate(ticks) if tick <= low * (1 + 1e-9))
    last = next((n for n, tick in enumerate(ticks) if tick >= high * (1 - 1e-9)), len(ticks) - 1)
    return list(ticks[first : max(last, first + 1) + 1])


def epoch_ticks(first: int, last: int, most: int = MAX_EPOCH_TICKS) -> list[int]:
    """Return at most `most` whole epochs, including the first."""
    step = next(
        m * 10**e for e in range(12) for m in (1, 2, 5) if (last - first) / (m * 10**e) < most
    )
    rounded = range(-(-first // step) * step, last + 1, step)
    return sorted({first, *(tick for tick in rounded if tick - first >= step * 0.6)})
