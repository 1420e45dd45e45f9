"""All users of a rating matrix, folded in to a model; used by evaluation."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints, Numbers
from recsvc.rbm.inference import scoring
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.rating_matrix import RatingMatrix


@dataclass(frozen=True)
class FoldedUsers:
    """The users of a matrix, folded in at once.

    ratings        the ratings that the users are folded in from; rows are users
    hidden         (n_cases, n_hidden) of the users, or of the items of an item_rbm
    rating_hidden  (n_users, width) of the users, in the rating ensemble of a joint_rbm
    n_rated        (n_users,) number of ratings that the ensemble folds in
    """

    model: Model
    ratings: RatingMatrix
    hidden: Floats
    rating_hidden: Floats | None = None
    n_rated: Ints | None = None

    @classmethod
    def from_ratings(cls, model: Model, ratings: RatingMatrix) -> "FoldedUsers":
        """Fold in users from these ratings; an item_rbm needs the users of training.

        ratings  rows are users, columns the model's items
        """
        cases = ratings.transpose() if model.machine.cases_are_items else ratings
        machine = machine_functions(model.model_kind)
        hidden = machine.hidden_probabilities(model.params, cases)
        if model.raters is None:
            return cls(model, ratings, hidden)
        rated = ratings.without_interactions(model.scale)
        return cls(
            model,
            ratings,
            hidden,
            model.raters.by_user.hidden_probabilities(rated),
            np.diff(rated.indptr),
        )

    def level_probabilities(self, users: Ints | Numbers, items: Ints | Numbers) -> Doubles:
        """Return p(level | the user's ratings) of each (user, item), (n, n_levels).

        For a model with a rating ensemble, the rows of the ratings are the users of training.
        """
        raters, n_rated = self.model.raters, self.n_rated
        if raters is not None and n_rated is not None and self.rating_hidden is not None:
            own, rated = users.astype(np.int64), items.astype(np.int64)
            return raters.level_probabilities(
                self.rating_hidden, own, own, rated, n_rated[own], in_parallel=True
            )
        cases, visible = users.astype(np.int64), items.astype(np.int64)
        if self.model.machine.cases_are_items:
            cases, visible = visible, cases
        return self.model.predictor.level_probabilities(
            self.hidden, cases, visible, in_parallel=True
        )

    def scores(self, user: int) -> Doubles:
        """Return the scores of all items for one user, (n_items,); they only serve for ranking."""
        if self.model.machine.makes_lists:
            rated, _ = self.ratings.row(user)
            return scoring.list_scores(self.model, self.hidden[user], rated)
        items = np.arange(len(self.model.items))
        shares = self.level_probabilities(np.full_like(items, user), items)
        liked = shares[:, self.model.scale.first_liked :].sum(axis=1)
        return scoring.ranking_scores(self.model, liked)
