"""The defaults predict MovieLens as well as they should, asked as a shop would ask.

test_figures measures the default kind. `python -m benchmarks ratings` measures all kinds and folds.
"""

import pytest

from benchmarks.ratings import bias_rmse, fold, rmse_of_predictions
from tests.acceptance.conftest import imported, trained

pytestmark = pytest.mark.acceptance


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_kind", "least", "most"),
    [("user_rbm", 0.94, 1.0), ("item_rbm", 0.9, 0.95)],
)
def test_predictions_of_fold_u1_are_within_rmse_band(make_site, data_dir, model_kind, least, most):
    client = make_site().serve()
    base, test = fold(1)
    imported(client, base)

    trained(client, model_kind=model_kind, hyperparameters={})

    assert least < rmse_of_predictions(client, test) < most


def test_bias_baseline_of_fold_u1_has_known_rmse(data_dir):
    assert 0.95 < bias_rmse(*fold(1)) < 0.97
