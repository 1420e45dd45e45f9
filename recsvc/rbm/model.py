"""A trained machine ready to answer: parameters, vocabularies, scale and popularity together."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import units
from recsvc.rbm.params import ModelKind, Params
from recsvc.rbm.ratings import Floats, Ints, RatingMatrix, RatingScale, Vocabulary
from recsvc.rbm.units import Predictor


@dataclass(frozen=True)
class Model:
    """What a checkpoint of a model version holds.

    Of a user_rbm, items are the visible units and a user is folded in from their ratings. Of an
    item_rbm, users are the visible units and items the cases: it knows the users it was trained
    on, and `case_hidden` keeps every item's hidden probabilities.

    scale        values of the levels, float64
    item_counts  (n_items,) ratings of each item when the model was trained
    case_hidden  (n_items, n_hidden) of an item_rbm, empty of a user_rbm
    """

    model_kind: ModelKind
    params: Params
    predictor: Predictor
    scale: RatingScale
    users: Vocabulary
    items: Vocabulary
    item_counts: Ints
    case_hidden: Floats

    @classmethod
    def of(
        cls,
        model_kind: ModelKind,
        params: Params,
        ratings: RatingMatrix,
        *,
        scale: RatingScale,
        users: Vocabulary,
        items: Vocabulary,
    ) -> "Model":
        """Make a model that answers from these ratings, rows of which are users."""
        case_hidden = np.empty((0, params.hidden_bias.size), dtype=np.float32)
        if model_kind == "item_rbm":
            case_hidden = units.hidden_probabilities(params, ratings.transposed())
        return cls(
            model_kind,
            params,
            Predictor.of(params),
            scale,
            users,
            items,
            ratings.item_counts(),
            case_hidden,
        )
