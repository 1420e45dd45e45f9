"""The split of a snapshot, and how a model, the baselines and the published version do on it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recsvc.rbm import evaluation
from recsvc.rbm.arrays import Ints
from recsvc.rbm.evaluation import LIST_LENGTH, ModelFigures, Protocol, RankingFigures
from recsvc.rbm.inference.folded_users import Folded
from recsvc.rbm.model import Model
from recsvc.rbm.rating_matrix import NO_LEVEL, RatingMatrix, RatingScale, Vocabulary
from recsvc.rbm.snapshot import Snapshot

SPLIT_SEED = 0  # the same for all jobs, so that versions are compared on the same ratings
RANKED_USERS = 2000
EASE_IN_TRAINING = 5_000  # items: above that it would cost more than training does
EASE_AT_MOST = 20_000  # items: 1.6 GB


@dataclass(frozen=True)
class Split:
    """A snapshot as levels, divided; rows are users. Interactions have levels of the scale, too.

    train, validation  share no rating, and together have them all
    """

    users: Vocabulary
    items: Vocabulary
    scale: RatingScale
    train: RatingMatrix
    validation: RatingMatrix
    everything: RatingMatrix
    protocol: Protocol

    def ranked_users(self, most: int | None = RANKED_USERS) -> Ints:
        """Give the users whose lists are measured: those with validation items, at most `most`."""
        return evaluation.sampled_users(self.validation, most)


def split_of(snapshot: Snapshot, scale: RatingScale, *, share: float) -> Split:
    """Divide the ratings; where a rating goes depends on its ids and the share alone."""
    everything = snapshot.matrix(scale)
    users, items = snapshot.users, snapshot.items
    parts = evaluation.by_hash(everything, users, items, share=share, seed=SPLIT_SEED)
    return Split(users, items, scale, parts.train, parts.test, everything, parts.protocol)


def baseline_figures(
    split: Split,
    *,
    n: int = LIST_LENGTH,
    most_users: int | None = RANKED_USERS,
    ease_up_to: int = EASE_IN_TRAINING,
) -> dict[str, Any]:
    """Measure what needs no machine: means and biases, the most-rated list and EASE.

    ease_up_to  items; where there are more, EASE is left out
    """
    if split.validation.n_ratings == 0:
        return {}
    users, with_ease = split.ranked_users(most_users), len(split.items) <= ease_up_to
    return evaluation.baseline_figures(
        split.train, split.validation, users, split.scale, n=n, with_ease=with_ease
    )


def figures(
    model: Model,
    split: Split,
    *,
    n: int = LIST_LENGTH,
    most_users: int | None = RANKED_USERS,
) -> ModelFigures | None:
    """Measure a model trained on this split's train ratings on its validation ratings, if any.

    The guard is asked first, for it can name the users and items. Raises RatingsLeaked.
    """
    if split.validation.n_ratings == 0:
        return None
    train, test = split.train, split.validation
    evaluation.refuse_leaks(train, test, users=split.users, items=split.items)
    folded = Folded.of(_without_validation(model, split), train)
    return evaluation.model_figures(folded, train, test, split.ranked_users(most_users), n=n)


def calibration(figures: ModelFigures | None, scale: RatingScale) -> dict[str, Any]:
    """Give what a card keeps of whether the model's probabilities are to be believed."""
    if figures is None or figures.ratings is None:
        return {}
    return figures.ratings.calibration.as_dict(scale)


def ndcg_side_by_side(
    candidate: Model, published: Model, split: Split
) -> tuple[float, float] | None:
    """nDCG@10 of both on the validation items of the users that both can answer; None without any.

    An item that the published version does not know counts as missed by it; a user whom it
    cannot answer, item-oriented, is left out for both. Popularity is that of the train ratings
    for both: what is compared is what they learned.
    """
    rows = np.arange(len(split.users))
    if published.machine.cases_are_items:
        rows = published.users.numbers(split.users.ids)
    users = split.ranked_users()
    users = users[rows[users] >= 0]
    if users.size == 0:
        return None
    train, validation = _as_seen_by(published, split, rows)
    candidate, published = (_without_validation(model, split) for model in (candidate, published))
    ours = list_figures(candidate, split.train, split.validation, users)
    theirs = list_figures(published, train, validation, rows[users])
    return ours.ndcg_at_n, theirs.ndcg_at_n


def list_figures(
    model: Model, train: RatingMatrix, validation: RatingMatrix, users: Ints
) -> RankingFigures:
    """Measure the lists of a model whose users are folded in from train ratings."""
    scores_of = Folded.of(model, train).scores
    return evaluation.ranking_figures(scores_of, train, validation, users)


def _without_validation(model: Model, split: Split) -> Model:
    """Let a model know no item's popularity but from train ratings.

    To answer, it counts them all; that of the very ratings it is measured on would flatter it
    (ml-100k: nDCG@10 by 0.7 %).
    """
    counts = split.train.level_counts(split.scale.n_all_levels)
    numbers = split.items.numbers(model.items.ids)
    known = numbers[:, np.newaxis] >= 0
    seen = replace(model, level_counts=np.where(known, counts[numbers], 0))
    if model.raters is None or model.users.ids != split.users.ids:
        return seen
    return replace(seen, raters=model.raters.answering_from(split.train.rated(split.scale)))


def _as_seen_by(published: Model, split: Split, rows: Ints) -> tuple[RatingMatrix, RatingMatrix]:
    """Give train and validation ratings in the numbers and levels of an earlier model.

    rows  (n_users,) the row of each user of the split, −1 for none

    Items new since then are no train ratings; as validation items they get numbers beyond the
    model's own.
    """
    known = published.items.numbers(split.items.ids)
    n_known, is_new = len(published.items), known < 0
    numbers = np.where(is_new, n_known + np.cumsum(is_new) - 1, known)
    levels = _levels_to(published.scale, split.scale)
    n_rows = int(rows.max()) + 1
    if published.machine.cases_are_items:
        n_rows = len(published.users)

    def translated(part: RatingMatrix, n_items: int) -> RatingMatrix:
        users, items = rows[part.users()], numbers[part.items]
        kept = (users >= 0) & (items < n_items) & (levels[part.levels] != NO_LEVEL)
        own = levels[part.levels[kept]].astype(np.uint8)
        return RatingMatrix.build(users[kept], items[kept], own, shape=(n_rows, n_items))

    return translated(split.train, n_known), translated(
        split.validation, n_known + int(is_new.sum())
    )


def _levels_to(published: RatingScale, scale: RatingScale) -> Ints:
    """Give the published model's level of each level of a scale, (n_all_levels,)."""
    rated = np.full(scale.n_levels, NO_LEVEL)
    if published.values:
        rated = published.levels(np.array(scale.values)).astype(np.int64)
    events = [published.event_level(event) for event in scale.events]
    return np.append(rated, np.array(events, dtype=np.int64))
