import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsvc.errors import CheckpointUnreadable
from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.model import Model
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS, learn, random_params

NAMES = ["", "naïve/ﬀ", "日本", "🜁🜂", "a b", "\u200b", "é", "é", "~", "x" * 256]

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@pytest.fixture
def state(rng):
    """In the midst of training, best and present parameters apart."""
    params, velocity, square, best = (random_params(rng) for _ in range(4))
    return TrainerState(17, params, velocity, square, 11, 1.1 / 3, best)


@pytest.fixture(params=["user_rbm", "item_rbm"])
def model(request, rng, ratings):
    n_visible = ratings.n_items if request.param == "user_rbm" else ratings.n_users
    return Model.build(
        request.param,
        random_params(rng, n_items=n_visible),
        ratings,
        scale=RatingScale((0.1 + 0.2, 1, 2, 3, 4), (0.5, 1.5, 2.5, 3.5)),
        users=Vocabulary.from_ids([*NAMES, "u", "v"]),
        items=Vocabulary.from_ids(NAMES[1:]),
    )


def arrays_of(model: Model) -> dict[str, np.ndarray]:
    return {
        **model.params.arrays(),
        "expm1_weights": model.predictor.expm1_weights,
        "visible_odds": model.predictor.visible_odds,
        "level_counts": model.level_counts,
        "case_hidden": model.case_hidden,
    }


def test_state_round_trips_bit_for_bit(state):
    found = checkpoint.read_state(checkpoint.write_state(state))

    for part in ("params", "velocity", "square", "best_params"):
        assert getattr(found, part).sha256() == getattr(state, part).sha256()
    assert (found.epoch, found.best_epoch, found.best_nll) == (17, 11, 1.1 / 3)


@pytest.mark.parametrize("nll", [float("inf"), 0.1 + 0.2, 5e-324, 1e308])
def test_best_nll_round_trips_exactly(state, nll):
    state = TrainerState(**{**vars(state), "best_nll": nll})

    assert checkpoint.read_state(checkpoint.write_state(state)).best_nll == nll


def test_state_arrays_are_writable_and_share_no_memory(state):
    found = checkpoint.read_state(memoryview(checkpoint.write_state(state)))
    arrays = [
        array
        for part in ("params", "velocity", "best_params")
        for array in getattr(found, part).arrays().values()
    ]

    assert all(array.flags.writeable for array in arrays)
    for n, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:n])


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_training_resumes_from_checkpoint_to_same_bits(ratings, stop):
    hyper = {"n_hidden": 6, "epochs": 5, "batch_size": 4}
    whole = learn(ratings, validation=ratings, **hyper)
    data = TrainingData(ratings, ratings, STARS)
    chosen = Hyperparameters.from_changes("user_rbm", hyper)
    start = learn(ratings, validation=ratings, **{**hyper, "epochs": 1})[0][1].best_params
    start, kind = TrainerState.initial(start), "user_rbm"
    run = train(data, chosen, seed=0, state=start, model_kind=kind)
    kept = next(checkpoint.write_state(state) for report, state in run if report.epoch == stop)

    taken_up = checkpoint.read_state(kept)
    *_, (report, state) = train(data, chosen, seed=0, state=taken_up, model_kind=kind)

    assert state.params.sha256() == whole[-1][1].params.sha256()
    assert state.best_params.sha256() == whole[-1][1].best_params.sha256()
    assert report == whole[-1][0]


def test_model_round_trips_bit_for_bit(model):
    found = checkpoint.read_model(checkpoint.write_model(model))

    for name, array in arrays_of(model).items():
        assert arrays_of(found)[name].tobytes() == array.tobytes(), name
        assert arrays_of(found)[name].dtype == array.dtype
        assert arrays_of(found)[name].shape == array.shape
    assert found.predictor.block == model.predictor.block
    assert (found.model_kind, found.scale) == (model.model_kind, model.scale)
    assert (found.users, found.items) == (model.users, model.items)
    assert found.params.sha256() == model.params.sha256()


def test_mapped_model_is_read_only_view_of_bytes(model):
    """Several processes that map one file share its pages."""
    buffer = memoryview(checkpoint.write_model(model))

    found = checkpoint.read_model(buffer)

    whole = np.frombuffer(buffer, np.uint8)
    for name, array in arrays_of(found).items():
        assert array.size == 0 or np.shares_memory(array, whole), name
        assert not array.flags.writeable
        assert array.flags.aligned


def test_mapped_model_predicts_as_original(model, ratings):
    found = checkpoint.read_model(memoryview(checkpoint.write_model(model)))
    answers = []
    for either in (model, found):
        row = ratings.row(3)
        hidden = scoring.fold_in(either, *row) if either.model_kind == "user_rbm" else None
        shares = scoring.level_probabilities(either, np.arange(9), hidden=hidden, user=3)
        nothing = np.zeros(9, np.bool_)
        best, scores = top_n.top_liked(either, 9, left_out=nothing, hidden=hidden, user=3)
        answers.append(shares.tobytes() + best.tobytes() + scores.tobytes())

    assert answers[0] == answers[1]


def test_checkpoint_bytes_are_deterministic(model, state):
    models = {checkpoint.write_model(model) for _ in range(8)}
    states = {checkpoint.write_state(state) for _ in range(8)}

    assert len(models) == len(states) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(ids), st.lists(ids))
def test_snapshot_round_trips_any_ids_and_values(user_ids, item_ids):
    users, items = Vocabulary.from_ids(user_ids), Vocabulary.from_ids(item_ids)
    pairs = min(len(users), len(items))
    numbers = np.arange(pairs, dtype=np.int32)
    snapshot = Snapshot(users, items, numbers, numbers[::-1].copy(), numbers / 3)

    found = checkpoint.read_snapshot(checkpoint.write_snapshot(snapshot))

    assert (found.users, found.items) == (users, items)
    assert found.user_numbers.tolist() == numbers.tolist()
    assert found.item_numbers.tolist() == numbers[::-1].tolist()
    assert found.values.tolist() == (numbers / 3).tolist()
    assert found.matrix(RatingScale((0.0, 1.0))).n_ratings == pairs


READERS = [checkpoint.read_state, checkpoint.read_model, checkpoint.read_snapshot]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"PK\3\4 a zip",
        bytes(100),
        b"\xff" * 100,
        *(
            len(text).to_bytes(8, "little") + text
            for text in (
                b"5",
                b"[]",
                b"{}",
                b'"x"',
                b"null",
                b'{"__metadata__": {}}',
                b'{"__metadata__": 3}',
                b'{"__metadata__": {"facts": "{}"}}',
                b'{"__metadata__": {"facts": "{\\"content\\": \\"trainer\\"}"}}',
                b'{"__metadata__": {"facts": "{\\"content\\": \\"model\\"}"}}',
                b'{"__metadata__": {"facts": "{\\"content\\": \\"snapshot\\"}"}}',
                b'{"__metadata__": {"facts": "[]"}}',
                b'{"__metadata__": {"facts": "{}"}, "a": 1}',
            )
        ),
    ],
)
def test_invalid_bytes_raise_checkpoint_unreadable(read, content):
    with pytest.raises(CheckpointUnreadable, match="cannot be read as a"):
        read(content)


def test_checkpoint_of_other_content_is_refused(model, state):
    for read, content in [
        (checkpoint.read_model, checkpoint.write_state(state)),
        (checkpoint.read_state, checkpoint.write_model(model)),
        (checkpoint.read_snapshot, checkpoint.write_model(model)),
    ]:
        with pytest.raises(CheckpointUnreadable, match="they hold a"):
            read(content)


def test_truncated_checkpoint_is_refused(state):
    whole = checkpoint.write_state(state)

    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        with pytest.raises(CheckpointUnreadable):
            checkpoint.read_state(memoryview(whole)[:length])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_header_raises_no_other_error(data):
    """The shelf's SHA-256 catches damage first; this is the second line."""
    numbers = np.arange(3, dtype=np.int32)
    names = Vocabulary(["a", "b", "c"])
    whole = bytearray(
        checkpoint.write_snapshot(Snapshot(names, names, numbers, numbers, np.arange(3.0)))
    )
    header = 8 + int.from_bytes(whole[:8], "little")
    at = data.draw(st.integers(0, header - 1))
    whole[at] = data.draw(st.integers(0, 255))

    with contextlib.suppress(CheckpointUnreadable):
        checkpoint.read_snapshot(bytes(whole))


def test_header_beyond_bounds_is_refused(state):
    whole = checkpoint.write_state(state)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    for changes in (
        {"shape": [10**6, 10**6, 10**6]},
        {"shape": [-1]},
        {"data_offsets": [10**12, 10**12]},
        {"data_offsets": [-4, 0]},
        {"data_offsets": []},
        {"dtype": "F16"},
    ):
        changed = {**header, "params.weights": {**header["params.weights"], **changes}}
        text = json.dumps(changed).encode()
        with pytest.raises(CheckpointUnreadable):
            checkpoint.read_state(len(text).to_bytes(8, "little") + text + whole[8 + length :])
