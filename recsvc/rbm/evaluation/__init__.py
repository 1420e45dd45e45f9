"""How good it is: how ratings are divided, the figures of ratings and of lists, a model's own.

What each figure means to a reader is told in docs/explanation/evaluation.md.
"""

from recsvc.rbm.evaluation.baselines import baseline_figures, most_rated_figures
from recsvc.rbm.evaluation.calibration import Calibration
from recsvc.rbm.evaluation.leakage import refuse_leaks
from recsvc.rbm.evaluation.protocol import Division, Protocol
from recsvc.rbm.evaluation.ranking import RankingFigures, ranking_figures, sampled_users
from recsvc.rbm.evaluation.rating_accuracy import RatingFigures, rating_figures
from recsvc.rbm.evaluation.report import ModelFigures, model_figures
from recsvc.rbm.evaluation.splits import at_random, by_hash, validation_share
from recsvc.rbm.kernels import use_threads
from recsvc.rbm.ndcg import LIST_LENGTH

__all__ = [
    "LIST_LENGTH",
    "Calibration",
    "Division",
    "ModelFigures",
    "Protocol",
    "RankingFigures",
    "RatingFigures",
    "at_random",
    "baseline_figures",
    "by_hash",
    "model_figures",
    "most_rated_figures",
    "ranking_figures",
    "rating_figures",
    "refuse_leaks",
    "sampled_users",
    "use_threads",
    "validation_share",
]
