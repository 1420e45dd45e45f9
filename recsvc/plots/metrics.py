"""The figures of an epoch that can be drawn, and which belong in one panel."""

from enum import StrEnum


class Figure(StrEnum):
    """A figure of an epoch that can be drawn."""

    VALIDATION_NDCG = "validation_ndcg"
    VALIDATION_NLL = "validation_nll"
    TRAIN_NLL = "train_nll"
    VALIDATION_RMSE = "validation_rmse"
    RECONSTRUCTION_ERROR = "reconstruction_error"
    TRAIN_FREE_ENERGY = "train_free_energy"
    VALIDATION_FREE_ENERGY = "validation_free_energy"
    UPDATE_TO_WEIGHT_RATIO = "update_to_weight_ratio"
    PREDICTION_SPREAD = "prediction_spread"
    KEPT_LEVELS = "kept_levels"
    HIDDEN_ACTIVITY = "hidden_activity"
    HIDDEN_CERTAINTY = "hidden_certainty"
    SATURATED_UNITS = "saturated_units"
    DEAD_UNITS = "dead_units"
    UNIT_SIMILARITY = "unit_similarity"
    LARGEST_WEIGHT = "largest_weight"
    ROLLBACKS = "rollbacks"
    LEARNING_RATE = "learning_rate"
    MOMENTUM = "momentum"
    CD_STEPS = "cd_steps"
    SECONDS = "seconds"

    @property
    def panel(self) -> str:
        """Name the panel that it is drawn in; two figures of one panel compare."""
        name = self.removeprefix("validation_").removeprefix("train_")
        return PANELS.get(name, name.replace("_", " "))

    @property
    def line(self) -> str:
        """Say what it is measured on."""
        return "validation" if self.startswith("validation_") else "training"


PANELS = {"ndcg": "nDCG@10", "nll": "negative log-likelihood", "rmse": "RMSE"}
BASELINES = {"nDCG@10": "ndcg_at_10", "negative log-likelihood": "nll", "RMSE": "rmse"}
USUAL = tuple(Figure)[:5]
