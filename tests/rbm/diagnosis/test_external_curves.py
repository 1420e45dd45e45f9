"""Curves from elsewhere: little is known of them, and nothing is made up."""

from dataclasses import replace

import pytest

from recsvc.rbm.diagnosis import RunRecord, diagnose
from recsvc.rbm.hyperparameters import Hyperparameters


def curve(*losses: float, **others: list[float]) -> list[dict[str, float]]:
    return [
        {"epoch": at, "validation_nll": loss, **{name: of[at] for name, of in others.items()}}
        for at, loss in enumerate(losses)
    ]


def run_of(rows, **sent) -> RunRecord:
    hyper = Hyperparameters.from_changes("user_rbm", sent)
    return replace(RunRecord.from_rows(rows, hyper=hyper), sent=frozenset(sent))


RISING = [1.5**at for at in range(20)]
FALLING = [2.0 * 0.99**at for at in range(40)]


@pytest.mark.parametrize("n", [5, 20])
def test_rate_too_high_is_found_for_rising_loss(n):
    rising = curve(*RISING[:n], train_nll=RISING[:n])

    (found,) = diagnose(RunRecord.from_rows(rising))
    (told,) = diagnose(run_of(rising, learning_rate=2.0))

    assert (found.code, found.severity, found.change) == ("rate_too_high", "problem", None)
    assert told.change == ("learning_rate", 2.0, 0.02)
    assert told.evidence[0].value == pytest.approx(RISING[n - 1] - 1)


@pytest.mark.parametrize(
    "losses",
    [RISING[:4], [1.0, *RISING[:18], 0.99], [1.0] * 19 + [1.049]],
    ids=["too short to tell", "below its start in the end", "risen by less than a twentieth"],
)
def test_rate_too_high_is_not_found_for_other_losses(losses):
    assert "rate_too_high" not in [
        one.code for one in diagnose(RunRecord.from_rows(curve(*losses)))
    ]


def test_rate_too_high_is_not_found_when_training_improves():
    overfitting = curve(*RISING, train_nll=FALLING[:20])

    assert "rate_too_high" not in [one.code for one in diagnose(RunRecord.from_rows(overfitting))]


def test_momentum_shock_needs_known_momentum():
    jump = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.9, 1.9, 1.5, 1.4, 1.3]
    momentum = {"momentum": 0.9, "initial_momentum": 0.5, "momentum_epoch": 5}

    assert "momentum_shock" not in codes(run_of(curve(*jump), learning_rate=0.02))
    assert "momentum_shock" in codes(run_of(curve(*jump), learning_rate=0.02, **momentum))


def test_too_short_ignores_default_epochs():
    long = curve(*[2.0 * 0.995**at for at in range(200)])

    assert codes(run_of(long, learning_rate=0.02)) == []
    assert codes(run_of(long, epochs=199)) == ["too_short"]


def test_too_good_needs_known_hyperparameters():
    better = curve(
        *FALLING, train_nll=[loss * (0.9 + 0.01 * at) for at, loss in enumerate(FALLING)]
    )

    assert codes(RunRecord.from_rows(better)) == codes(run_of(better, learning_rate=0.02)) == []
    assert codes(RunRecord.from_rows(better, hyper=Hyperparameters())) == ["too_good"]


@pytest.mark.parametrize(
    ("rows", "tells"),
    [
        (curve(*FALLING[:5]), True),
        (curve(*FALLING[:4]), False),
        (curve(*[1.0] * 15), False),
        ([{"epoch": at, "largest_weight": 1.0} for at in range(30)], False),
    ],
    ids=["falling", "four epochs", "flat so far", "no loss"],
)
def test_run_is_too_early_until_loss_decreases(rows, tells):
    run = RunRecord.from_rows(rows)

    assert diagnose(run) == []
    assert run.is_too_early is not tells


def codes(run: RunRecord) -> list[str]:
    return [one.code for one in diagnose(run)]
