"""A small model beside its catalogue, and what is stored of a user, as answers are made of them."""

from dataclasses import replace

import numpy as np

from recsvc.db.recommendations.user_histories import CatalogueRow, StoredHistory
from recsvc.rbm.model import Model
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import EVENT_TYPES, RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.recommendations.published_model import Catalogue, PublishedModel
from recsvc.service.recommendations.user_history import UserHistory
from tests.factories.machines import random_params
from tests.factories.shop import NOON

N_USERS, N_ITEMS, FIRST_KEY = 12, 15, 2000
SCALE = RatingScale((1.0, 2.0, 3.0, 4.0, 5.0))
USERS = Vocabulary([f"u{number:02}" for number in range(N_USERS)])
ITEMS = Vocabulary([f"i{number:02}" for number in range(N_ITEMS)])


def ratings() -> RatingMatrix:
    """Item 0 is rated most, by all users; the last item by two."""
    rng = np.random.default_rng(4)
    users, items = np.nonzero(
        np.arange(N_USERS)[:, None] * N_ITEMS < 12 * (14 - np.arange(15)) + 20
    )
    levels = rng.integers(5, size=users.size).astype(np.uint8)
    return RatingMatrix.build(users, items, levels, shape=(N_USERS, N_ITEMS))


def row(number: int, item_id: str, title: str | None = None, *, is_barred=False) -> CatalogueRow:
    return CatalogueRow(FIRST_KEY + number, item_id, title, is_barred, NOON)


def answering(
    kind="user_rbm", *changed: CatalogueRow, scale: RatingScale = SCALE
) -> PublishedModel:
    n_visible = N_USERS if kind == "item_rbm" else N_ITEMS
    params = random_params(
        np.random.default_rng(3), n_items=n_visible, n_levels=scale.n_all_levels, n_hidden=6
    )
    rated = ratings()
    rated = replace(rated, levels=rated.levels % scale.n_all_levels)
    model = Model.build(kind, params, rated, scale=scale, users=USERS, items=ITEMS)
    rows = [row(number, id_, f"Title of {id_}") for number, id_ in enumerate(ITEMS.ids)]
    return PublishedModel(1, 1, model, Catalogue(model, [*rows, *changed]))


def stored(answers: PublishedModel, **given: float) -> UserHistory:
    """Ratings as they are read from the database: item_id=value."""
    return of_rows(answers, [(int(item_id[1:]), value) for item_id, value in given.items()])


def of_rows(
    answers: PublishedModel, ratings: list[tuple[int, float]], *events: tuple[int, str]
) -> UserHistory:
    """Ratings and interactions of items by their numbers, as they are read from the database."""
    return UserHistory.from_store(answers, history_of(ratings, *events))


def history_of(ratings: list[tuple[int, float]], *events: tuple[int, str]) -> StoredHistory:
    rated, values = np.array(ratings).reshape(-1, 2).T
    chosen = np.array([FIRST_KEY + item for item, _ in events], dtype=np.int64)
    types = np.array([EVENT_TYPES.index(event) for _, event in events], dtype=np.uint8)
    return StoredHistory(rated.astype(np.int64) + FIRST_KEY, values, chosen, types)
