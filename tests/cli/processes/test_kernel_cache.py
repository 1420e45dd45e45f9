"""Compiled kernels find a place to be kept, wherever the service runs."""

import os
import tempfile
from pathlib import Path

import pytest

from recsvc.cli.processes import kernel_cache
from recsvc.cli.processes.kernel_cache import VARIABLE

NOWHERE = "/proc/nowhere"  # not even root can make it


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, NOWHERE)


def test_a_folder_that_can_be_written_is_used_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))

    kernel_cache.configure(tmp_path / "home")

    assert os.environ[VARIABLE] == str(tmp_path / "mine")
    assert not (tmp_path / "home").exists()


def test_home_takes_the_place_of_a_folder_that_cannot_be_written(tmp_path):
    kernel_cache.configure(tmp_path)

    assert os.environ[VARIABLE] == str(tmp_path / "kernels")


def test_a_temporary_folder_takes_the_place_of_a_home_that_cannot_be_written():
    kernel_cache.configure(Path(NOWHERE) / "home")

    assert os.environ[VARIABLE].startswith(tempfile.gettempdir())


def test_what_was_built_in_is_where_the_copy_starts(monkeypatch, tmp_path):
    built_in = tmp_path / "built-in"
    (built_in / "rbm").mkdir(parents=True)
    (built_in / "rbm" / "kernel.nbi").write_bytes(b"compiled")
    monkeypatch.setenv(VARIABLE, str(built_in))
    monkeypatch.setattr(kernel_cache, "_is_writable", lambda folder: folder != built_in)

    kernel_cache.configure(tmp_path / "home")

    assert (tmp_path / "home/kernels/rbm/kernel.nbi").read_bytes() == b"compiled"
