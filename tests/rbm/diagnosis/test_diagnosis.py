"""Diagnosis: faults put into real training are found and named, healthy training is left alone."""

import math
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from recsvc.errors import Diverged
from recsvc.rbm.diagnosis import Change, RunRecord, diagnose
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.training.trainer import EpochReport, TrainerState, TrainingData, train
from tests.factories.machines import STARS

BELOW = (
    "rate_too_low",
    "no_decrease",
    "stopped_too_soon",
)  # their figures fall short; those of others go beyond
RATE = Hyperparameters().learning_rate
COLUMNS = [field.name for field in fields(EpochReport) if field.name != "epoch"]


@pytest.fixture(scope="module")
def ratings(movielens):
    return movielens("u.data")


def run_of(ratings, kind="user_rbm", seed=0, epochs=40, **changes) -> RunRecord:
    """Train on nine tenths of ml-100k and give the run as a job would."""
    held_out = np.random.default_rng(seed).random(ratings.n_ratings) < 0.1
    hyper = Hyperparameters.from_changes(kind, {"epochs": epochs, **changes})
    parts = ratings.select(~held_out), ratings.select(held_out)
    rng = np.random.default_rng(seed)
    first = machine_functions(kind).initial_params(parts[0], 5, hyper, rng=rng)
    rows, diverged_at = [], None
    data, state = TrainingData(*parts, STARS), TrainerState.initial(first)
    try:
        for report, _ in train(data, hyper, seed=seed, state=state, model_kind=kind):
            rows.append(asdict(report))
    except Diverged as error:
        diverged_at = error.facts["epoch"]
    return RunRecord.from_rows(
        rows,
        diverged_at=diverged_at,
        hyper=hyper,
        model_kind=kind,
        baselines={"item_mean": {"rmse": 1.03}},
    )


def codes(run: RunRecord, severity: str | None = None) -> list[str]:
    return [one.code for one in diagnose(run) if severity in (None, one.severity)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("kind", "epochs"), [("user_rbm", 60), ("joint_rbm", 24)])
def test_healthy_training_has_no_findings_at_any_epoch(ratings, kind, epochs, seed):
    whole = run_of(ratings, kind, seed=seed, epochs=epochs)

    assert codes(whole) == []
    for n in (1, 4, 8, 15, 25):
        columns = {
            name: type(one)(*(part[:n] for part in one)) for name, one in whole.columns.items()
        }
        assert codes(RunRecord(columns, hyper=whole.hyper, model_kind=kind, is_over=False)) == []


@pytest.mark.parametrize(
    ("fault", "code", "cure"),
    [
        ({"learning_rate": 100 * RATE}, "rate_too_high", "learning_rate"),
        ({"learning_rate": RATE / 100}, "rate_too_low", "learning_rate"),
        ({"learning_rate": RATE / 1000}, "rate_too_low", "learning_rate"),
        ({"initial_weight": 5.0}, "bad_start", "initial_weight"),
        ({"initial_weight": 0.0}, "twin_units", "initial_weight"),
        ({"weight_decay": 10.0}, "dead_units", "weight_decay"),
        ({"batch_size": 1000}, "no_decrease", "learning_rate"),
        ({"batch_size": 50_000}, "no_decrease", "batch_size"),
        ({"learning_rate": 10 * RATE}, "rate_too_high", "learning_rate"),
        ({"initial_weight": 0.05, "initialisation": "constant"}, "twin_units", "initialisation"),
        ({"patience": 1, "warm_up_epochs": 0}, "stopped_too_soon", "warm_up_epochs"),
    ],
)
def test_fault_is_first_finding_with_its_change(ratings, fault, code, cure):
    first, *_ = diagnose(run_of(ratings, **fault))

    assert (first.code, first.severity) == (code, "problem")
    for one in first.evidence:
        assert (one.value < one.threshold) == (code in BELOW), "what is shown is what was passed"
    assert first.change.hyperparameter == cure
    if cure in fault:
        usual, before = getattr(Hyperparameters(), cure), fault[cure]
        assert first.change.before == before
        if isinstance(usual, str):
            assert first.change.to == usual
            return
        assert abs(math.log(first.change.to + 1e-9) - math.log(usual)) < abs(
            math.log(before + 1e-9) - math.log(usual)
        )


@pytest.mark.parametrize("learning_rate", [0.06, 0.6])
def test_rate_too_high_is_found_for_joint_machine(ratings, learning_rate):
    first, *_ = diagnose(run_of(ratings, "joint_rbm", epochs=24, learning_rate=learning_rate))

    assert (first.code, first.change.hyperparameter) == ("rate_too_high", "learning_rate")
    assert all(one.value > one.threshold for one in first.evidence)
    assert first.change.to < 0.02


def test_exploding_weights_are_found_without_decay_and_dropout(ratings):
    faults = {"learning_rate": 1.0, "weight_decay": 0.0, "dropout": 0.0}
    found = {one.code: one for one in diagnose(run_of(ratings, "joint_rbm", epochs=16, **faults))}

    assert found["exploding_weights"].change == Change("weight_decay", 0.0, 0.3)
    assert found["exploding_weights"].evidence[0].value > 10


def test_diverged_run_has_not_finite_as_only_finding(ratings):
    run = run_of(ratings, learning_rate=100.0, weight_decay=10.0, rollbacks=0)
    first = diagnose(run)[0]

    assert codes(run) == ["not_finite"], "whatever else there is follows from it"
    assert 1 <= run.non_finite_at <= 40
    assert first.epochs == (run.non_finite_at, run.non_finite_at)
    assert first.change == Change("learning_rate", 100.0, 10.0)


def test_rollbacks_are_a_not_finite_warning_with_lower_rate():
    curve = rows(validation_nll=falling(30), rollbacks=[*[0] * 4, *[1] * 6, *[2] * 20])

    (found,) = diagnose(RunRecord.from_rows(curve, hyper=Hyperparameters(learning_rate=50.0)))

    assert (found.code, found.severity, found.epochs) == ("not_finite", "warning", (4, 10))
    assert found.change == Change("learning_rate", 50.0, 0.5)


@pytest.mark.parametrize(("spread", "told"), [(0.09, True), (0.11, False)])
def test_constant_predictions_are_found_after_flat_start(spread, told):
    curve = rows(validation_nll=falling(30), prediction_spread=[0.5] * 25 + [spread] * 5)

    assert ("constant_predictions" in codes(RunRecord.from_rows(curve))) is told
    assert "constant_predictions" not in codes(RunRecord.from_rows(curve[:20])), (
        "small weights say little at first"
    )


def test_too_little_data_suggests_smaller_n_hidden():
    run = RunRecord.from_rows(
        rows(validation_nll=falling(30)), hyper=Hyperparameters(n_hidden=1000)
    )

    (found,) = diagnose(replace(run, ratings_per_parameter=0.003))

    assert (found.code, found.change) == ("too_little_data", Change("n_hidden", 1000.0, 150.0))
    assert diagnose(replace(run, ratings_per_parameter=0.021)) == []


def test_stalled_is_found_when_running_job_is_idle():
    quiet = replace(
        RunRecord.from_rows(rows(validation_nll=falling(5)), is_over=False), idle_seconds=1801.0
    )

    assert [one.code for one in diagnose(quiet)] == ["stalled"]
    assert diagnose(replace(quiet, is_over=True)) == []
    assert diagnose(replace(quiet, idle_seconds=1799.0)) == []


# ------------------------------------------------------------------- curves made by hand


def rows(**columns) -> list[dict]:
    n = max(len(column) for column in columns.values())
    return [
        {"epoch": at, **{name: column[at] for name, column in columns.items()}} for at in range(n)
    ]


def falling(n: int, by: float = 0.01) -> list[float]:
    return [2.0 * (1 - by) ** at for at in range(n)]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_non_finite_metric_is_only_finding(number):
    curve = rows(validation_nll=[2.0, 1.9, number, 1.0])

    (found,) = diagnose(RunRecord.from_rows(curve))

    assert (found.code, found.epochs) == ("not_finite", (2, 2))
    assert found.change is None, "nothing is known of how it was trained"


def test_diagnosis_accepts_missing_or_unordered_metrics():
    curve = rows(validation_nll=[None, *falling(29)], train_nll=falling(30))

    assert diagnose(RunRecord.from_rows(curve[::-1])) == []
    assert diagnose(RunRecord.from_rows([])) == []
    assert diagnose(RunRecord.from_rows([{"epoch": 0}])) == []


def test_unit_findings_distinguish_saturated_dead_and_twin_units():
    jammed = rows(saturated_units=[0.0, *[0.8] * 9], hidden_activity=[0.5] * 10)
    asleep = rows(dead_units=[1.0] * 40)
    alike = rows(unit_similarity=[1.0] * 40)

    assert codes(RunRecord.from_rows(jammed), "problem") == ["saturated"]
    assert codes(RunRecord.from_rows(asleep), "problem") == ["dead_units"]
    assert codes(RunRecord.from_rows(alike), "warning") == ["twin_units"], (
        "more units than the ratings need"
    )


def test_unit_findings_wait_while_small_weights_grow():
    begun = rows(dead_units=[1.0] * 20 + [0.0] * 20)
    grown = rows(unit_similarity=[1.0] * 6 + [0.9] * 34)

    assert (
        codes(RunRecord.from_rows(begun[:20], is_over=False))
        == codes(RunRecord.from_rows(begun))
        == []
    )
    assert codes(RunRecord.from_rows(grown)) == []


def test_poor_mixing_is_found_when_chain_keeps_levels():
    curve = rows(validation_nll=falling(30), kept_levels=[None, *[0.97] * 29])

    (found,) = diagnose(RunRecord.from_rows(curve, hyper=Hyperparameters()))

    assert (found.code, found.change) == ("poor_mixing", Change("cd_steps", 1.0, 3.0))


def test_scale_change_stays_within_bounds():
    hyper = Hyperparameters(weight_decay=10.0, cd_steps=100)
    run = RunRecord.from_rows([], hyper=hyper)

    assert run.scale_change("weight_decay", 3.0) is None
    assert run.scale_change("cd_steps", 3.0) is None
    assert run.scale_change("n_hidden", 0.001) == Change("n_hidden", 100.0, 1.0)


def test_finding_not_moving_differs_from_rate_too_low():
    still = rows(validation_nll=[2.0] * 12, update_to_weight_ratio=[None, *[0.0] * 11])
    slow = rows(validation_nll=[2.0] * 12, update_to_weight_ratio=[None, *[1e-5] * 11])

    assert codes(RunRecord.from_rows(still)) == ["not_moving"]
    assert codes(RunRecord.from_rows(slow)) == ["rate_too_low"]


def test_finding_not_moving_covers_constant_largest_weight():
    steps = {"validation_nll": falling(12), "update_to_weight_ratio": [None, *[0.02] * 11]}
    frozen = rows(**steps, largest_weight=[0.05] * 12)
    free = rows(**steps, largest_weight=[0.05 + 1e-6 * n for n in range(12)])

    (found,) = diagnose(RunRecord.from_rows(frozen, hyper=Hyperparameters()))

    assert (found.code, found.change) == ("not_moving", None)
    assert codes(RunRecord.from_rows(free)) == []


def test_bad_warm_start_suggests_cold_start():
    jammed = rows(validation_nll=falling(12), saturated_units=[0.4, *[0.0] * 11])
    spoilt = rows(validation_nll=[math.nan])

    for curve, code in ((jammed, "bad_start"), (spoilt, "not_finite")):
        warm, cold = (
            diagnose(RunRecord.from_rows(curve, hyper=Hyperparameters(), began_warm=began))[0]
            for began in (True, False)
        )
        assert (warm.code, warm.change) == (code, Change("warm_start", "true", "false"))
        assert (cold.code, cold.change) == (code, None)


@pytest.mark.parametrize("name", ["rmse", "nll"])
def test_bad_start_is_found_when_initial_loss_exceeds_item_mean(name):
    baselines = {"item_mean": {"rmse": 2.0, "nll": 2.0} | {name: 1.9}}
    as_good = rows(**{f"validation_{name}": falling(12)})

    first, *_ = diagnose(RunRecord.from_rows(as_good, baselines=baselines))

    assert (first.code, first.evidence[0].threshold) == ("bad_start", 1.05)
    assert first.evidence[0].value == pytest.approx(2.0 / 1.9)
    baselines["item_mean"][name] = 1.91
    assert "bad_start" not in codes(RunRecord.from_rows(as_good, baselines=baselines))


def test_too_good_is_found_when_validation_gains_more_than_training():
    train = falling(30, 0.01)
    leaked = [1.05 * nll * (1 - 0.001 * at) for at, nll in enumerate(train)]
    better = [1.05 * nll * (1 - 0.002 * at) for at, nll in enumerate(train)]
    sound = [1.05 * nll * (1 - 0.0004 * at) for at, nll in enumerate(train)]
    easier = [0.99 * nll for nll in train]

    told = [
        [
            (one.code, one.severity)
            for one in diagnose(RunRecord.from_rows(curve, hyper=Hyperparameters()))
        ]
        for curve in (
            rows(validation_nll=one, train_nll=train) for one in (leaked, better, sound, easier)
        )
    ]

    assert told == [[("too_good", "warning")], [("too_good", "problem")], [], []]


def test_momentum_shock_is_found_when_loss_jumps_with_momentum():
    hyper = Hyperparameters(momentum_epoch=5)
    nll = [*falling(6), 2.2, 2.0, *falling(20, 0.02)]

    (found,) = diagnose(RunRecord.from_rows(rows(validation_nll=nll), hyper=hyper))

    assert (found.code, found.epochs) == ("momentum_shock", (5, 8))
    assert found.change == Change("learning_rate", 0.02, 0.01)


def test_overfit_is_found_when_validation_alone_rises():
    validation = [*falling(20, 0.02), *[1.36 + 0.01 * n for n in range(20)]]
    curve = rows(validation_nll=validation, train_nll=falling(40, 0.03))

    (found,) = diagnose(RunRecord.from_rows(curve, hyper=Hyperparameters()))

    assert (found.code, found.severity) == ("overfit", "warning")
    assert found.epochs[0] in (19, 20)
    assert found.change == Change("weight_decay", 0.01, 0.03)


def test_wrong_curve_is_found_when_curves_disagree():
    flat, worse = [0.5] * 30, [*falling(15, 0.02), *[1.5 + 0.01 * n for n in range(15)]]

    watched = diagnose(
        RunRecord.from_rows(rows(validation_nll=falling(30), reconstruction_error=flat))
    )
    misled = diagnose(
        RunRecord.from_rows(rows(validation_nll=worse, reconstruction_error=falling(30)))
    )

    assert [(one.code, one.severity) for one in watched] == [("wrong_curve", "note")]
    assert "wrong_curve" in [one.code for one in misled]


def test_too_short_is_found_when_loss_still_decreases_at_end():
    hyper = Hyperparameters(epochs=30)
    curve = rows(validation_nll=falling(31, 0.02))

    (found,) = diagnose(RunRecord.from_rows(curve, hyper=hyper))

    assert found.change == Change("epochs", 30, 60)
    assert diagnose(RunRecord.from_rows(curve, hyper=hyper, is_over=False)) == []


def test_lists_below_baseline_suggest_joint_machine():
    facts = {"baselines": {"most_rated": {"ndcg_at_10": 0.2}}, "metrics": {"ndcg_at_10": 0.1}}
    curve = rows(validation_nll=falling(30))

    (found,) = diagnose(RunRecord.from_rows(curve, **facts))

    assert found.change == Change("model_kind", "user_rbm", "joint_rbm")
    assert diagnose(RunRecord.from_rows(curve, model_kind="joint_rbm", **facts)) == []


@pytest.mark.parametrize("n", [1, 2, 4, 5, 40])
@pytest.mark.parametrize("name", COLUMNS)
def test_diagnosis_accepts_curve_of_single_column(name, n):
    curve = rows(**{name: falling(n)})

    for used in (None, Hyperparameters(epochs=20)):
        for kind in ("user_rbm", "joint_rbm"):
            told = diagnose(RunRecord.from_rows(curve, hyper=used, model_kind=kind))
            assert all(math.isfinite(one.value) for found in told for one in found.evidence)


@pytest.mark.parametrize("figure", [0.0, -1.0, 1e308, -1e308, 5e-324])
@pytest.mark.parametrize("other", [0.0, 1.0, -1e308, 1e308])
def test_diagnosis_evidence_is_finite_for_extreme_curves(figure, other):
    names = (
        "validation_nll",
        "train_nll",
        "validation_ndcg",
        "update_to_weight_ratio",
        "hidden_activity",
        "reconstruction_error",
        "saturated_units",
        "dead_units",
        "unit_similarity",
        "largest_weight",
        "kept_levels",
    )
    for n in (1, 2, 5, 40):
        column = [figure] + [other] * (n - 2) + [figure]
        curve = rows(**dict.fromkeys(names, column[-n:]))
        for used in (None, Hyperparameters(epochs=20)):
            for found in diagnose(RunRecord.from_rows(curve, hyper=used)):
                assert all(math.isfinite(one.value) for one in found.evidence)
                assert found.change is None or math.isfinite(found.change.to)
