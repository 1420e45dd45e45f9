"""Initial parameters: random weights, or a warm start from the published version."""

from dataclasses import replace

import numpy as np

from recsvc.db.session import reading
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.models.split import Split
from recsvc.service.training_spec import TrainingSpec


def initial_params(
    context: Context,
    split: Split,
    train: RatingMatrix,
    hyper: Hyperparameters,
    spec: TrainingSpec,
    *,
    is_evaluated: bool,
) -> tuple[Params, list[str]]:
    """Return the initial parameters, and a warning if a requested warm start was impossible.

    train         rows are the machine's cases
    is_evaluated  whether a warm start uses the model that has seen no validation rating
    """
    model_kind = spec.model_kind
    rng = np.random.default_rng([spec.seed, 0])
    cold = machine_functions(model_kind).initial_params(
        train, split.scale.n_all_levels, hyper, rng=rng
    )
    if not spec.warm_start:
        return cold, []
    published = _read_published(context, is_evaluated=is_evaluated)
    if isinstance(published, str):
        return cold, [f"warm_start was ignored: {published}"]
    if reason := _difference(published, split, hyper, model_kind):
        return cold, [f"warm_start was ignored: {reason}"]
    before, now = (
        (published.users, split.users)
        if MACHINES[model_kind].cases_are_items
        else (published.items, split.items)
    )
    return warm_params(cold, published.params, before, now), []


def warm_params(cold: Params, earlier: Params, before: Vocabulary, now: Vocabulary) -> Params:
    """Copy the earlier weights of visible units that existed; new units keep their cold weights.

    before, now  ids of the visible units of the earlier model and of this one
    """
    numbers = before.numbers(now.ids)
    known = numbers >= 0
    warm = replace(cold.copy(), hidden_bias=earlier.hidden_bias.copy())
    warm.weights[known] = earlier.weights[numbers[known]]
    warm.visible_bias[known] = earlier.visible_bias[numbers[known]]
    return warm


def _read_published(context: Context, *, is_evaluated: bool) -> Model | str:
    """Return the published model, or the reason why there is none."""
    with reading(context.database) as session:
        version = publishing.published_version(session)
    if version is None:
        return "no version is published."
    try:
        sha256 = version.model_as_judged_sha256 if is_evaluated else version.checkpoint_sha256
        return checkpoint.read_model(context.shelf.map(sha256))
    except (ShelfError, CheckpointUnreadable) as error:
        return error.detail


def _difference(
    published: Model, split: Split, hyper: Hyperparameters, model_kind: ModelKind
) -> str | None:
    """Return the difference that makes the published weights unusable; None if they are usable."""
    n_hidden = published.params.hidden_bias.size
    if published.model_kind != model_kind:
        return f"the published version is a {published.model_kind}, this job a {model_kind}."
    if n_hidden != hyper.n_hidden:
        return f"the published version has n_hidden {n_hidden}, this job {hyper.n_hidden}."
    if published.scale != split.scale:
        return f"the published version's rating scale is {published.scale}, now {split.scale}."
    return None
