import numpy as np
import pytest

from tests.factories.machines import movielens_1m, movielens_100k, random_params, random_ratings


@pytest.fixture
def rng():
    return np.random.default_rng(20260601)


@pytest.fixture
def ratings(rng):
    return random_ratings(rng)


@pytest.fixture
def params(rng):
    return random_params(rng)


@pytest.fixture(scope="session")
def movielens(data_dir):
    """Reads a file of ml-100k."""
    return lambda name: movielens_100k(data_dir, name)


@pytest.fixture(scope="session")
def million(data_dir):
    """ml-1m."""
    return movielens_1m(data_dir)
