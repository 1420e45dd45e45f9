"""The cache of compiled kernels."""

import copy
import pickle

import numba
import pytest

from recsvc.rbm import kernels
from recsvc.rbm.kernels.compilation import DIGEST


@pytest.fixture
def cache_file(tmp_path):
    """Return the index of a kernel's cache at another path."""
    own = copy.copy(kernels.uniform._cache._cache_file)
    own._index_path = str(tmp_path / "kernel.nbi")
    own._cache_path = str(tmp_path)
    return own


@pytest.mark.parametrize("version", [numba.__version__, f"{numba.__version__} {64 * '0'}"])
def test_cache_ignores_unreadable_index_of_other_sources(cache_file, tmp_path, version):
    missing_class = b"crecsvc.rbm.kernels.cd_state\nNoSuchClass\n."
    (tmp_path / "kernel.nbi").write_bytes(pickle.dumps(version) + missing_class)

    assert cache_file._load_index() == {}


def test_cache_reads_index_of_same_sources(cache_file):
    cache_file._save_index({"key": "kernel.1.nbc"})

    assert DIGEST in cache_file._version
    assert cache_file._load_index() == {"key": "kernel.1.nbc"}
