"""The same seed, data and state give the same bits: whatever the threads, whenever interrupted."""

import os
import subprocess
import sys

import numpy as np
import pytest

from recsvc.rbm import checkpoint, kernels
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import initial_params
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, learn, learn_joint, random_ratings

HYPER = {"n_hidden": 24, "epochs": 6, "batch_size": 16, "momentum_epoch": 2, "final_cd_steps": 3}

IN_A_PROCESS_OF_ITS_OWN = """
import numpy as np
from tests.factories.machines import learn, random_ratings
ratings = random_ratings(np.random.default_rng(5), n_users=150, n_items=80)
held_out = np.random.default_rng(6).random(ratings.n_ratings) < 0.1
curve = learn(ratings.select(~held_out), validation=ratings.select(held_out), n_hidden=24, epochs=6,
              batch_size=16, momentum_epoch=2, final_cd_steps=3)
print(curve[-1][1].params.sha256(), curve[-1][1].best_params.sha256(), curve[-1][0])
"""


@pytest.fixture(scope="module")
def data():
    ratings = random_ratings(np.random.default_rng(5), n_users=150, n_items=80)
    held_out = np.random.default_rng(6).random(ratings.n_ratings) < 0.1
    return TrainingData(ratings.select(~held_out), ratings.select(held_out), STARS)


def start(data: TrainingData) -> TrainerState:
    rng = np.random.default_rng(0)
    return TrainerState.initial(initial_params(data.train, 5, Hyperparameters(**HYPER), rng=rng))


def copy_state(state: TrainerState) -> TrainerState:
    """As a checkpoint keeps it: no array shared with the trainer."""
    arrays = ("params", "velocity", "square", "best_params")
    return TrainerState(**{**vars(state), **{name: getattr(state, name).copy() for name in arrays}})


def run(data: TrainingData, state: TrainerState, *, seed: int = 0) -> list:
    """Every report and a copy of every state."""
    trainer = train(data, Hyperparameters(**HYPER), seed=seed, state=state, model_kind="user_rbm")
    return [(report, copy_state(state)) for report, state in trainer]


def hashes(curve: list) -> list[tuple[str, str, str]]:
    return [(s.params.sha256(), s.velocity.sha256(), s.best_params.sha256()) for _, s in curve]


@pytest.fixture(scope="module")
def reference_run(data):
    return run(data, start(data))


def test_same_seed_has_same_bits_and_curve(data, reference_run):
    again = run(data, start(data))

    assert hashes(again) == hashes(reference_run)
    assert [report for report, _ in again] == [report for report, _ in reference_run]


def test_seed_changes_weights_from_first_epoch_on(data, reference_run):
    other = run(data, start(data), seed=1)

    assert hashes(other)[0][0] == hashes(reference_run)[0][0]  # both start from the same weights
    for one, two in zip(hashes(other)[1:], hashes(reference_run)[1:], strict=True):
        assert one[0] != two[0]


@pytest.mark.parametrize("stop", range(6))
def test_resumed_run_has_same_bits_after_any_epoch(data, reference_run, stop):
    report, state = reference_run[stop]
    assert report.epoch == state.epoch == stop

    rest = run(data, copy_state(state))

    skipped = stop + 1 if stop else 0  # before the first step, epoch 0 is measured again
    assert hashes(rest) == hashes(reference_run)[skipped:]
    assert [report for report, _ in rest] == [report for report, _ in reference_run[skipped:]]
    assert rest[-1][1].best_epoch == reference_run[-1][1].best_epoch
    assert rest[-1][1].best_nll == reference_run[-1][1].best_nll


def test_train_yields_no_epoch_after_last(data, reference_run):
    assert run(data, copy_state(reference_run[-1][1])) == []


def test_train_has_same_bits_with_one_and_two_threads(data, reference_run):
    kernels.use_threads(1)
    try:
        alone = run(data, start(data))
    finally:
        kernels.use_threads(os.cpu_count() or 1)

    assert hashes(alone) == hashes(reference_run)
    assert [report for report, _ in alone] == [report for report, _ in reference_run]


def test_processes_with_one_and_two_threads_have_same_bits(data):
    answers = {
        subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN],
            env={
                **os.environ,
                "NUMBA_NUM_THREADS": threads,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }

    assert len(answers) == 1
    here = learn(data.train, validation=data.validation, **HYPER)[-1]
    assert answers == {f"{here[1].params.sha256()} {here[1].best_params.sha256()} {here[0]}\n"}


def test_batch_order_differs_between_epochs(data):
    """Chance and order both come from (seed, epoch), so epochs differ though data does not."""
    curve = run(data, start(data))
    velocities = [state.velocity.sha256() for _, state in curve]

    assert len(set(velocities)) == len(velocities)


JOINT = [
    {"objective": objective, "candidates": candidates, "final_cd_steps": 2}
    for objective in ("conditional", "contrastive")
    for candidates in (1000, 25)  # all items, and a sample
]


@pytest.mark.parametrize("how", JOINT)
def test_joint_machine_has_same_bits_with_one_and_two_threads(rng, how):
    ratings, hashes = random_ratings(rng, n_users=60, n_items=300), []
    try:
        for n_threads in (1, 2):
            kernels.use_threads(n_threads)
            *_, (_, state) = learn_joint(ratings, epochs=3, batch_size=16, **how)
            hashes.append((state.params.sha256(), state.square.sha256()))
    finally:
        kernels.use_threads(os.cpu_count() or 1)

    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("how", JOINT)
def test_joint_machine_has_same_bits_when_resumed_from_checkpoint(rng, how):
    ratings, how = random_ratings(rng, n_users=40, n_items=30), {"batch_size": 8, **how}
    reached = [checkpoint.write_state(state) for _, state in learn_joint(ratings, epochs=6, **how)]
    taken_up = checkpoint.read_state(reached[3])

    *_, (report, state) = learn_joint(ratings, epochs=6, state=taken_up, **how)

    assert report.epoch == 6
    assert checkpoint.write_state(state) == reached[6]
