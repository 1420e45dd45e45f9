"""A trained model: parameters, predictor, vocabularies, scale and popularity."""

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
    """The content of a checkpoint of a model version.

    The visible units of a user_rbm are items, and a user is folded in from their ratings. The
    visible units of an item_rbm are users and its cases items: it knows the users of training, and
    `case_hidden` has the hidden probabilities of every item.

    scale           the values of the levels
    level_counts    (n_items, n_all_levels) counts of each item's levels at training
    case_hidden     (n_items, width) of an item_rbm, as the predictor needs it; otherwise empty
    couplings       of a joint_rbm; otherwise none
    coupling_scale  their weight in a list, see `scoring.list_scores`
    raters          the rating ensemble of a joint_rbm, None if it predicts ratings by itself
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
        """Build a model that predicts from these ratings; rows are users."""
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
        """Number of ratings and interactions of each item at training, (n_items,)."""
        counts: Ints = self.level_counts.sum(axis=1)
        return counts

    @cached_property
    def root_popularity(self) -> Doubles:
        """√ of the item counts, (n_items,)."""
        return np.sqrt(self.item_counts)

    @cached_property
    def list_score_bounds(self) -> tuple[Doubles, Doubles]:
        """Bounds of the fields of a joint_rbm, see `joint.field_bounds`."""
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
        """The rating of each level, (n_levels,)."""
        return np.array(self.scale.values)
