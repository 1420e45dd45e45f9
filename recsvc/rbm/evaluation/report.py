"""The metrics of a model on its card, for ratings and for lists."""

from dataclasses import dataclass

from recsvc.rbm.arrays import Ints
from recsvc.rbm.evaluation.leakage import check_leakage
from recsvc.rbm.evaluation.ranking import RankingMetrics, ranking_metrics
from recsvc.rbm.evaluation.rating_accuracy import RatingMetrics, rating_metrics
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.ndcg import LIST_LENGTH
from recsvc.rbm.rating_matrix import RatingMatrix


@dataclass(frozen=True)
class ModelMetrics:
    """The metrics of a model.

    ratings    None if all test data are interactions
    lists      of all test items, rated or chosen
    n_ratings  number of test ratings and interactions
    """

    ratings: RatingMetrics | None
    lists: RankingMetrics
    n_ratings: int

    def as_dict(self) -> dict[str, float]:
        """Return the metrics by their names on a model card."""
        return {
            **(self.ratings.as_dict() if self.ratings else {}),
            **self.lists.as_dict(),
            "n_ratings": self.n_ratings,
            "n_users_ranked": self.lists.n_users,
            "n_liked_users_ranked": self.lists.n_liked_users,
        }


def model_metrics(
    folded: FoldedUsers,
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    *,
    n: int = LIST_LENGTH,
) -> ModelMetrics:
    """Measure a model on at least one test rating.

    folded       its users folded in from their train ratings alone
    train, test  rows are users, columns the model's items
    users        the users whose lists are measured; ratings are measured for all users

    Raises RatingsLeaked if a test rating is among the train ratings.
    """
    check_leakage(train, test)
    scale = folded.model.scale
    return ModelMetrics(
        _rating_metrics(folded, test.without_interactions(scale)),
        ranking_metrics(folded.scores, train, test, users, n=n, first_liked=scale.first_liked),
        test.n_ratings,
    )


def _rating_metrics(folded: FoldedUsers, test: RatingMatrix) -> RatingMetrics | None:
    if test.n_ratings == 0:
        return None
    shares = folded.level_probabilities(test.users(), test.items)
    return rating_metrics(shares, test.levels, folded.model.scale)
