"""Evaluation of models: splits, metrics of ratings and lists, baselines.

docs/explanation/evaluation.md explains each metric.
"""

from recsvc.rbm.evaluation.baselines import baseline_metrics, most_rated_metrics
from recsvc.rbm.evaluation.calibration import Calibration
from recsvc.rbm.evaluation.leakage import check_leakage
from recsvc.rbm.evaluation.protocol import DataSplit, Protocol
from recsvc.rbm.evaluation.ranking import RankingMetrics, ranking_metrics, sample_users
from recsvc.rbm.evaluation.rating_accuracy import RatingMetrics, rating_metrics
from recsvc.rbm.evaluation.report import ModelMetrics, model_metrics
from recsvc.rbm.evaluation.splits import split_at_random, split_by_hash, validation_flags
from recsvc.rbm.kernels import use_threads
from recsvc.rbm.ndcg import LIST_LENGTH

__all__ = [
    "LIST_LENGTH",
    "Calibration",
    "DataSplit",
    "ModelMetrics",
    "Protocol",
    "RankingMetrics",
    "RatingMetrics",
    "baseline_metrics",
    "check_leakage",
    "model_metrics",
    "most_rated_metrics",
    "ranking_metrics",
    "rating_metrics",
    "sample_users",
    "split_at_random",
    "split_by_hash",
    "use_threads",
    "validation_flags",
]
