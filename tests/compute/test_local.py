"""Training in this process."""

import numpy as np
import pytest

from recsvc.compute import local
from recsvc.errors import NotEnoughMemory
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import initial_params
from recsvc.rbm.training import trainer
from recsvc.rbm.training.trainer import TrainerState, TrainingData
from tests.factories.machines import STARS, random_ratings

HYPER = Hyperparameters(n_hidden=4, epochs=3)


def train_and_hash(train, model_kind, **options) -> tuple[list[float], str]:
    rng = np.random.default_rng(1)
    ratings = random_ratings(rng)
    held_out = np.arange(ratings.n_ratings) % 5 == 0
    data = TrainingData(ratings.select(~held_out), ratings.select(held_out), STARS)
    state = TrainerState.initial(initial_params(data.train, 5, HYPER, rng=rng))
    told = list(train(data, HYPER, seed=7, state=state, model_kind=model_kind, **options))
    return [report.validation_nll for report, _ in told], told[-1][1].params.sha256()


@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_local_train_equals_trainer_on_any_number_of_threads(model_kind):
    expected = train_and_hash(trainer.train, model_kind)

    assert train_and_hash(local.train, model_kind, n_threads=1) == expected
    assert train_and_hash(local.train, model_kind, n_threads=2) == expected


def test_check_memory_reports_required_and_available_bytes():
    local.check_memory(1000, limit_bytes=1000)

    with pytest.raises(NotEnoughMemory, match=r"about 2,000 MB and 1,000 MB are available") as told:
        local.check_memory(2_000_000_000, limit_bytes=1_000_000_000)

    assert told.value.facts == {"needed_bytes": 2_000_000_000, "available_bytes": 1_000_000_000}


def test_check_memory_uses_the_machine_when_no_limit_is_configured():
    local.check_memory(1, limit_bytes=None)

    with pytest.raises(NotEnoughMemory):
        local.check_memory(10**18, limit_bytes=None)
