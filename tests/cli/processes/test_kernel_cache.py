"""Compiled kernels find a place to be kept, wherever the service runs."""

import os
import tempfile
from pathlib import Path

import pytest

from recsvc.cli.processes import kernel_cache
from recsvc.cli.processes.kernel_cache import VARIABLE

NOWHERE = "/proc/nowhere"  # not even root can make it


@pytest.fixture(autouse=True)
def set_unwritable_cache(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, NOWHERE)


def test_kernel_cache_keeps_writable_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))

    kernel_cache.configure(tmp_path / "home")

    assert os.environ[VARIABLE] == str(tmp_path / "mine")
    assert not (tmp_path / "home").exists()


def test_kernel_cache_uses_home_when_folder_is_not_writable(tmp_path):
    kernel_cache.configure(tmp_path)

    assert os.environ[VARIABLE] == str(tmp_path / "kernels")


def test_kernel_cache_uses_temporary_folder_when_home_is_not_writable():
    kernel_cache.configure(Path(NOWHERE) / "home")

    assert os.environ[VARIABLE].startswith(tempfile.gettempdir())


def test_kernel_cache_in_home_starts_as_copy_of_built_in_kernels(monkeypatch, tmp_path):
    built_in = tmp_path / "built-in"
    (built_in / "rbm").mkdir(parents=True)
    (built_in / "rbm" / "kernel.nbi").write_bytes(b"compiled")
    monkeypatch.setenv(VARIABLE, str(built_in))
    monkeypatch.setattr(kernel_cache, "_is_writable", lambda folder: folder != built_in)

    kernel_cache.configure(tmp_path / "home")

    assert (tmp_path / "home/kernels/rbm/kernel.nbi").read_bytes() == b"compiled"
