"""A trained machine ready to answer: parameters, vocabularies, scale and popularity together."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.couplings import Couplings
from recsvc.rbm.machines.functions import AnyPredictor, machine_functions
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model_kind import MACHINES, MachineSpec, ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Model:
    """What a checkpoint of a model version holds.

    Of a user_rbm, items are the visible units and a user is folded in from their ratings. Of an
    item_rbm, users are the visible units and items the cases: it knows the users it was trained
    on, and `case_hidden` keeps every item's hidden probabilities.

    scale         what the levels stand for
    level_counts  (n_items, n_all_levels) how often each item had got each level at training
    case_hidden   (n_items, width) of an item_rbm, as the predictor wants it; else empty
    couplings     of a joint_rbm, else none
    coupling_scale  how much they count in a list: see `inference.list_scores`
    raters        what predicts ratings beside a joint_rbm, None where it does so itself
    """

    model_kind: ModelKind
    params: Params
    predictor: AnyPredictor
    scale: RatingScale
    users: Vocabulary
    items: Vocabulary
    level_counts: Ints
    case_hidden: Floats
    couplings: Couplings
    coupling_scale: float
    raters: RatingEnsemble | None = None

    @classmethod
    def build(
        cls,
        model_kind: ModelKind,
        params: Params,
        ratings: RatingMatrix,
        *,
        scale: RatingScale,
        users: Vocabulary,
        items: Vocabulary,
        couplings: Couplings | None = None,
        coupling_scale: float = 0.0,
    ) -> "Model":
        """Make a model that answers from these ratings, rows of which are users."""
        functions = machine_functions(model_kind)
        predictor = functions.predictor(params, scale.n_levels)
        case_hidden = np.empty((0, params.hidden_bias.size), dtype=np.float32)
        if MACHINES[model_kind].cases_are_items and isinstance(predictor, Predictor):
            hidden = functions.hidden_probabilities(params, ratings.transpose())
            case_hidden = predictor.pad_hidden(hidden)
        return cls(
            model_kind,
            params,
            predictor,
            scale,
            users,
            items,
            ratings.level_counts(scale.n_all_levels),
            case_hidden,
            couplings or Couplings.empty(len(items)),
            coupling_scale,
        )

    @property
    def machine(self) -> MachineSpec:
        """The facts about its kind."""
        return MACHINES[self.model_kind]

    @cached_property
    def item_counts(self) -> Ints:
        """How many ratings and interactions each item had at training, (n_items,)."""
        counts: Ints = self.level_counts.sum(axis=1)
        return counts

    @cached_property
    def root_popularity(self) -> Doubles:
        """√ of the item counts, (n_items,)."""
        return np.sqrt(self.item_counts)

    @cached_property
    def list_score_bounds(self) -> tuple[Doubles, Doubles]:
        """Of a joint_rbm: see `joint.field_bounds`."""
        return joint.field_bounds(self.params, self.scale.first_liked)

    @cached_property
    def by_popularity(self) -> Ints:
        """Item numbers, the most rated first, (n_items,)."""
        return np.argsort(-self.item_counts, kind="stable")

    @cached_property
    def all_items(self) -> Ints:
        """Every item number, (n_items,)."""
        return np.arange(len(self.items))

    @cached_property
    def values(self) -> Doubles:
        """The rating that each level stands for, (n_levels,)."""
        return np.array(self.scale.values)
