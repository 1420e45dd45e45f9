"""Where training begins: at random weights, or at those of the published version."""

from dataclasses import replace

import numpy as np

from recsvc.db.session import reading
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Hyperparameters, Params
from recsvc.rbm.rating_matrix import RatingMatrix, Vocabulary
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.models.comparison import Split
from recsvc.service.training_spec import TrainingSpec


def first_params(
    context: Context,
    split: Split,
    train: RatingMatrix,
    hyper: Hyperparameters,
    spec: TrainingSpec,
    *,
    judged: bool,
) -> tuple[Params, list[str]]:
    """Give the parameters to begin at, and warnings of what was asked for and not possible.

    train   rows are the machine's cases
    judged  whether a warm start is from the model that has seen no validation rating
    """
    model_kind = spec.model_kind
    rng = np.random.default_rng([spec.seed, 0])
    cold = machine_functions(model_kind).initial_params(
        train, split.scale.n_all_levels, hyper, rng=rng
    )
    if not spec.warm_start:
        return cold, []
    published = _published_model(context, judged=judged)
    if isinstance(published, str):
        return cold, [f"warm_start had no effect: {published}"]
    if reason := _unlike(published, split, hyper, model_kind):
        return cold, [f"warm_start had no effect: {reason}"]
    was, now = (
        (published.users, split.users)
        if MACHINES[model_kind].cases_are_items
        else (published.items, split.items)
    )
    return warm_params(cold, published.params, was, now), []


def warm_params(cold: Params, earlier: Params, was: Vocabulary, now: Vocabulary) -> Params:
    """Take over the weights of what was known before; what is new begins as in a cold start.

    was, now  the visible units' ids then and now
    """
    numbers = was.numbers(now.ids)
    known = numbers >= 0
    warm = replace(cold.copy(), hidden_bias=earlier.hidden_bias.copy())
    warm.weights[known] = earlier.weights[numbers[known]]
    warm.visible_bias[known] = earlier.visible_bias[numbers[known]]
    return warm


def _published_model(context: Context, *, judged: bool) -> Model | str:
    """Give the published model, or why there is none."""
    with reading(context.database) as session:
        version = publishing.published_version(session)
    if version is None:
        return "no version is published."
    try:
        sha256 = version.model_as_judged_sha256 if judged else version.checkpoint_sha256
        return checkpoint.read_model(context.shelf.map(sha256))
    except (ShelfError, CheckpointUnreadable) as error:
        return error.detail


def _unlike(
    published: Model, split: Split, hyper: Hyperparameters, model_kind: ModelKind
) -> str | None:
    """Say what keeps the published weights from fitting, None where nothing does."""
    n_hidden = published.params.hidden_bias.size
    if published.model_kind != model_kind:
        return f"the published version is a {published.model_kind}, this job a {model_kind}."
    if n_hidden != hyper.n_hidden:
        return f"the published version has n_hidden {n_hidden}, this job {hyper.n_hidden}."
    if published.scale != split.scale:
        return f"the published version's rating scale is {published.scale}, now {split.scale}."
    return None
