"""What a sweep is made of, on cases whose right answer can be seen."""

import numpy as np
import pytest

from recsvc.rbm.tuning import lr_range_test, median_pruning, search_space, sensitivity
from recsvc.rbm.tuning.search_space import Range


def test_grid_has_every_combination():
    over = {"learning_rate": [0.1, 0.2], "n_hidden": [5, 10, 20]}

    made = search_space.grid(over)

    assert len(made) == search_space.grid_size(over) == 6
    assert made[:2] == [
        {"learning_rate": 0.1, "n_hidden": 5},
        {"learning_rate": 0.1, "n_hidden": 10},
    ]


def test_sample_trials_draws_within_ranges_by_seed():
    over = {"learning_rate": Range(0.001, 1, True, False), "n_hidden": Range(5, 9, False, True)}

    made = search_space.sample_trials(over, trials=400, seed=3)

    assert made == search_space.sample_trials(over, trials=400, seed=3)
    assert made != search_space.sample_trials(over, trials=400, seed=4)
    drawn_rates = np.array([trial["learning_rate"] for trial in made])
    assert drawn_rates.min() >= 0.001
    assert drawn_rates.max() <= 1
    assert np.median(drawn_rates) == pytest.approx(10**-1.5, rel=0.4)
    assert {trial["n_hidden"] for trial in made} == {5, 6, 7, 8, 9}


def test_sample_trials_draws_from_lists():
    made = search_space.sample_trials({"model_kind": ["user_rbm", "item_rbm"]}, trials=20, seed=0)

    assert {trial["model_kind"] for trial in made} == {"user_rbm", "item_rbm"}


@pytest.mark.parametrize(
    ("own", "others", "epoch", "higher", "hopeless"),
    [
        (0.1, [0.2, 0.3, 0.4], 6, True, True),
        (0.3, [0.2, 0.3, 0.4], 6, True, False),  # as good as the median
        (0.1, [0.2, 0.3, 0.4], 5, True, False),  # still in its grace
        (0.1, [0.2, 0.3], 6, True, False),  # too few to compare with
        (1.5, [1.1, 1.2, 1.3], 6, False, True),
        (1.0, [1.1, 1.2, 1.3], 6, False, False),
    ],
)
def test_should_prune_trial_worse_than_median(own, others, epoch, higher, hopeless):
    told = median_pruning.should_prune(own, others, epoch=epoch, grace=5, higher_is_better=higher)

    assert told is hopeless


def test_sensitivity_of_grid_is_share_of_variance():
    trials = search_space.grid(
        {"learning_rate": [0.1, 0.2, 0.3], "n_hidden": [5, 10], "seed": [0, 1]}
    )
    effects = {0.1: 0, 0.2: 2, 0.3: 4, 5: 0, 10: 1}
    figures = [effects[one["learning_rate"]] + effects[one["n_hidden"]] for one in trials]

    shares = sensitivity.sensitivity(trials, figures)

    between_rates, between_sizes = 8 / 3, 1 / 4  # variances of (0, 2, 4) and of (0, 1)
    total = between_rates + between_sizes
    assert shares == pytest.approx(
        {"learning_rate": between_rates / total, "n_hidden": between_sizes / total, "seed": 0}
    )
    assert list(shares) == ["learning_rate", "n_hidden", "seed"]


def test_sensitivity_of_random_trials_finds_planted_effect():
    between = Range(0, 1, False, False)
    trials = search_space.sample_trials({"works": between, "idle": between}, trials=60, seed=1)

    shares = sensitivity.sensitivity(trials, [-((one["works"] - 0.5) ** 2) for one in trials])

    assert shares["works"] > 0.6  # no rank correlation would see a peak
    assert shares["idle"] < 0.1


def test_sensitivity_does_not_overfit_few_random_trials():
    """Eight different values of each would be eight groups of one, in which nothing varies."""
    between = Range(0, 1, False, False)
    trials = search_space.sample_trials({"works": between, "idle": between}, trials=8, seed=1)
    figures = [one["works"] for one in trials]

    shares = sensitivity.sensitivity(trials, figures)

    assert shares["works"] > 0.5 > 0.2 > shares["idle"]
    assert sensitivity.sensitivity(trials[:5], figures[:5]) == {}
    named = [{**one, "objective": f"objective {n}"} for n, one in enumerate(trials)]
    assert "objective" not in sensitivity.sensitivity(named, figures)


def test_sensitivity_is_one_for_only_varied_hyperparameter():
    for beside in ({}, {"n_hidden": [50]}):
        trials = search_space.grid({"learning_rate": [0.1, 0.2, 0.3], **beside})

        shares = sensitivity.sensitivity(trials, [1.0, 2.0, 2.5])

        assert shares == {"learning_rate": 1.0, **dict.fromkeys(beside, 0.0)}


@pytest.mark.parametrize("figures", [[], [1.0], [1.0, 1.0]])
def test_sensitivity_is_empty_without_variation(figures):
    assert (
        sensitivity.sensitivity([{"n_hidden": 5}, {"n_hidden": 6}][: len(figures)], figures) == {}
    )


def test_learning_rates_increase_by_constant_factor():
    assert lr_range_test.learning_rates(0.001, 1, 4) == pytest.approx([0.001, 0.01, 0.1, 1])


def test_range_test_suggests_steepest_rate_below_divergence():
    found = lr_range_test.find_rate_range(
        [0.001, 0.01, 0.1, 0.2, 1, 10],
        [[2, 1.999], [2, 1.8], [2, 1.4], [2, 1.2], [2, 2.5], [2, float("nan")]],
    )

    assert (found.falls_from, found.falls_to, found.diverges_at) == (0.01, 0.2, 1)
    assert found.learning_rate == 0.2
    near = lr_range_test.find_rate_range([0.1, 0.5, 1], [[2, 1.5], [2, 1.0], [2]])
    assert near.learning_rate == pytest.approx(0.333)


def test_range_test_suggests_no_rate_when_loss_never_decreases():
    assert lr_range_test.find_rate_range([0.1, 1], [[2, 2.1], [2]]) is None
