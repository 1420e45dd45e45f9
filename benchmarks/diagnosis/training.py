"""Train a case of the bank and give its run; what was trained is kept until the model changes."""

import json
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import data_set
from benchmarks.diagnosis.bank import EPOCHS, Case
from benchmarks.diagnosis.faults import as_begun
from recsvc.errors import Diverged
from recsvc.rbm.auto_hyperparameters import DataShape, resolve_hyperparameters
from recsvc.rbm.data_profile import profile
from recsvc.rbm.data_profile.exclusions import exclude_suspect_ratings, snapshots_by_exclusion
from recsvc.rbm.diagnosis import RunRecord
from recsvc.rbm.evaluation import split_by_hash
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.params import Params, base_rates
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.trainer import TrainerState, TrainingData, build_evaluator, train
from recsvc.rbm.tuning import autopilot
from recsvc.rbm.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
N_USERS = 1_000
THOUSANDS = ("first", "second", "third", "fourth", "fifth", "sixth")
OF_NO_EFFECT = {"diagnosis", "autopilot.py", "sweeping.py", "watching.py"}
CACHE = ROOT / "benchmarks" / ".cache" / "diagnosis"


Told = dict[str, Any]


def told_of(
    case: Case, changes: dict[str, Any] | None = None, *, before: RunRecord | None = None
) -> Told:
    """Give what came of a case, changed as a diagnosis suggests; trained once, then remembered.

    before  the run that the changes are to mend: training stops where they do not
    """
    key = f"{case.name} {changes or {}} {model_code()}"
    if before is not None:
        key += Path(autopilot.__file__).read_text()
    known = CACHE / f"{sha256(key.encode()).hexdigest()[:24]}.json"
    if not known.is_file():
        known.parent.mkdir(parents=True, exist_ok=True)
        told = json.dumps(trained(case, changes or {}, before))
        known.write_text(told)
    return json.loads(known.read_text())


def run_of(case: Case, told: Told, changes: dict[str, Any] | None = None) -> RunRecord:
    """Give what is diagnosed of a case, trained with these changes."""
    hyper = Hyperparameters(**told["hyper"])
    ratings, scale = given(case, changes or {})
    shape = DataShape(len(ratings.users), len(ratings.items), ratings.values.size, scale.n_levels)
    run = RunRecord.from_rows(
        told["rows"],
        diverged_at=told["diverged_at"],
        model_kind=case.kind,
        hyper=hyper,
        baselines=told["baselines"],
        remarks=told["remarks"],
        began_warm=began_warm(case, changes or {}),
    )
    return replace(
        run,
        ratings_per_parameter=shape.ratings_per_parameter(hyper.n_hidden),
        loss_without=told["loss_without"],
    )


def given(case: Case, changes: dict[str, Any]) -> tuple[Snapshot, RatingScale]:
    """Give the ratings as the fault and the changes leave them, and their scale."""
    asked, ratings = asked_of(case, changes), sample(case.data)
    if case.fault is not None:
        ratings = case.fault.spoil(ratings, case.strength, np.random.default_rng(case.seed))
    ratings = exclude_suspect_ratings(ratings, asked.get("leave_out", "nobody"))
    return ratings, RatingScale.infer(ratings.values, asked.get("scaling", "quantiles"))


def trained(case: Case, changes: dict[str, Any], before: RunRecord | None) -> Told:
    fault, (ratings, scale) = case.fault, given(case, changes)
    remarks = {one.code: one.share for one in profile(ratings).issues}
    learn, validation = split(ratings.matrix(scale), ratings, case.seed)
    hyper, _ = resolve_hyperparameters(
        case.kind, DataShape.from_ratings(learn, scale.n_levels), asked_of(case, changes)
    )
    first = first_params(case, learn, scale.n_levels, hyper, changes)
    if fault is not None and fault.leaks:
        leaked = np.random.default_rng(case.seed).random(validation.n_ratings) < case.strength
        learn = with_ratings(learn, validation.select(leaked))
    data = TrainingData(learn, validation, np.array(scale.values))
    rows, diverged_at, params = followed(case, data, hyper, first, before)
    return {
        "rows": rows,
        "diverged_at": diverged_at,
        "hyper": hyper.as_dict(),
        "remarks": remarks,
        "baselines": {"item_mean": item_means(learn, validation, data.values)},
        "loss_without": losses_without(case, ratings, scale, data, params),
        "on_sound": figures_on_sound_ratings(case, ratings, data, params),
    }


def followed(
    case: Case, data: TrainingData, hyper: Hyperparameters, first: Params, before: RunRecord | None
) -> tuple[list[Told], int | None, Params]:
    """Train to the end, or to where a change has not helped; give the best parameters, too."""
    rows: list[Told] = []
    state, frozen = TrainerState.initial(first), None
    if case.fault is not None and case.fault.frozen:
        frozen = first.weights.copy()
    compared_at = autopilot.comparison_epoch(hyper, before) if before is not None else None
    try:
        for report, reached in train(
            data, hyper, seed=case.seed, state=state, model_kind=case.kind
        ):
            rows.append(asdict(report))
            state = reached
            if frozen is not None:
                state.params.weights[...] = frozen
            if before is not None and report.epoch == compared_at:
                now = RunRecord.from_rows(rows, hyper=hyper, model_kind=case.kind)
                if not autopilot.is_better(now, before, epoch=report.epoch):
                    break
    except Diverged as error:
        return rows, error.facts["epoch"], state.best_params
    return rows, None, state.best_params


def losses_without(
    case: Case, ratings: Snapshot, scale: RatingScale, data: TrainingData, params: Params
) -> dict[str, float]:
    """Give what a try that leaves ratings out is compared with, by what it leaves out."""
    losses: dict[str, float] = {}
    for choice, left in snapshots_by_exclusion(ratings).items():
        _, validation = split(left.matrix(scale), left, case.seed)
        on_left = replace(data, validation=validation)
        with np.errstate(all="ignore"):
            loss = autopilot.loss_of(params, on_left, case.kind, seed=case.seed)
        if loss is not None:
            losses[choice] = loss
    return losses


def first_params(
    case: Case, learn: RatingMatrix, n_levels: int, hyper: Hyperparameters, changes: dict[str, Any]
) -> Params:
    rng = np.random.default_rng([case.seed, 0])
    first = machine_functions(case.kind).initial_params(learn, n_levels, hyper, rng=rng)
    return case.fault.start(first, case.strength) if began_warm(case, changes) else first


def began_warm(case: Case, changes: dict[str, Any]) -> bool:
    """Tell whether it begins at given parameters, spoilt ones; a retry may draw them anew."""
    is_given = case.fault is not None and case.fault.start is not as_begun
    return is_given and "warm_start" not in changes


def figures_on_sound_ratings(
    case: Case, ratings: Snapshot, data: TrainingData, params: Params
) -> dict[str, float] | None:
    """Validation NLL and nDCG@10 of the ratings before the fault, which its cure is judged by.

    Where the levels are no more the same likelihoods do not compare. The lists of a joint machine
    do, which are of who rated what, if that is still so; of any other machine there is nothing.
    """
    before = sample(case.data)
    scale = RatingScale.infer(before.values)
    sound, as_before = data, np.array_equal(data.values, np.array(scale.values))
    if as_before:
        sound = TrainingData(*split(before.matrix(scale), before, case.seed), data.values)
    elif case.kind != "joint_rbm" or not same_pairs(ratings, before):
        return None
    with np.errstate(all="ignore"):
        figures = build_evaluator(sound, case.kind, seed=case.seed).measure(params)
    nll, ndcg = figures.validation_nll, figures.validation_ndcg
    if nll is None or not np.isfinite(nll):
        return None
    return {"nll": nll if as_before else np.inf, "ndcg": -1.0 if ndcg is None else ndcg}


def same_pairs(ratings: Snapshot, before: Snapshot) -> bool:
    """Tell whether the same users rated the same items."""
    return np.array_equal(ratings.user_numbers, before.user_numbers) and np.array_equal(
        ratings.item_numbers, before.item_numbers
    )


def split(matrix: RatingMatrix, ratings: Snapshot, seed: int) -> tuple[RatingMatrix, RatingMatrix]:
    """Divide: a user and an item are on the same side in whatever else has happened."""
    parts = split_by_hash(matrix, ratings.users, ratings.items, share=0.1, seed=seed)
    return parts.train, parts.test


def with_ratings(learn: RatingMatrix, more: RatingMatrix) -> RatingMatrix:
    return RatingMatrix.build(
        np.append(learn.users(), more.users()),
        np.append(learn.items, more.items),
        np.append(learn.levels, more.levels),
        shape=(learn.n_users, learn.n_items),
    )


def asked_of(case: Case, changes: dict[str, Any]) -> dict[str, Any]:
    """Give the hyperparameters that are asked for; faults are times the kind's defaults."""
    asked: dict[str, Any] = {"epochs": EPOCHS[case.kind], **dict(case.sound)}
    if case.fault is not None:
        asked |= case.fault.asked(Hyperparameters.defaults(case.kind), case.strength)
    return asked | {name: to for name, to in changes.items() if name != "warm_start"}


@cache
def sample(name: str) -> Snapshot:
    """Give MovieLens 100K, or some thousand users of MovieLens 1M with the items they rated.

    Of goodbooks and MovieTweetings a thousand users, even five thousand, are too few ratings an
    item for a masked machine to learn anything: no run is sound.
    """
    whole, _, which = name.partition(", ")
    data = data_set(whole)
    ratings, values = data.ratings, np.array(data.scale.values)
    if which:
        users = np.random.default_rng(0).permutation(ratings.n_users)
        first = N_USERS * THOUSANDS.index(which.removesuffix(" thousand"))
        ratings = ratings.rows(np.sort(users[first : first + N_USERS]))
    rated, items = np.unique(ratings.items, return_inverse=True)
    return Snapshot(
        Vocabulary(tuple(f"u{number:05}" for number in range(ratings.n_users))),
        Vocabulary(tuple(f"i{number:05}" for number in range(rated.size))),
        ratings.users(),
        items.astype(np.int32),
        values[ratings.levels],
    )


def item_means(learn: RatingMatrix, validation: RatingMatrix, values: np.ndarray) -> Told:
    means = Biases.fit(learn, values).item_means[validation.items]
    shares = base_rates(learn, values.size)[validation.items]
    return {
        "rmse": float(np.sqrt(np.mean(np.square(means - values[validation.levels])))),
        "nll": mean_nll(shares, validation.levels),
    }


@cache
def model_code() -> str:
    """Hash the code that training depends on; the diagnosis is not part of it."""
    digest = sha256()
    for file in sorted((ROOT / "recsvc" / "rbm").rglob("*.py")):
        if not OF_NO_EFFECT & {*file.parts, file.name}:
            digest.update(file.read_bytes())
    return digest.hexdigest()
