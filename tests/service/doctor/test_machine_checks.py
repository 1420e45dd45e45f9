import os

import pytest

from recsvc.runtime.sizes import MEGABYTE
from recsvc.service.doctor import machine_checks
from recsvc.service.doctor.system_check import Level


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


def test_home_that_others_can_read_has_remedy(home):
    file = home / "recsvc.sqlite3"
    file.touch(mode=0o600)
    private = machine_checks.check_home(home, f"sqlite:///{file}")
    file.chmod(0o644)
    exposed = machine_checks.check_home(home, f"sqlite:///{file}")

    assert private.level is Level.OK
    assert exposed.level is Level.WARNING
    assert exposed.remedy == f"chmod -R go= {home}"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write to every folder")
def test_home_that_is_read_only_is_problem(home):
    home.chmod(0o500)

    assert machine_checks.check_home(home, "").level is Level.PROBLEM


@pytest.mark.parametrize(
    ("free_mb", "level"), [(99, Level.PROBLEM), (500, Level.WARNING), (5000, Level.OK)]
)
def test_disk_level_depends_on_free_space(home, free_mb, level):
    found = machine_checks.check_disk(
        home, f"sqlite:///{home}/recsvc.sqlite3", free_bytes=free_mb * MEGABYTE
    )

    assert found.level is level
    assert bool(found.remedy) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("limit_mb", "available_mb", "level"),
    [(0, 4000, Level.OK), (0, 400, Level.WARNING), (5000, 4000, Level.WARNING)],
)
def test_memory_level_depends_on_limit(limit_mb, available_mb, level):
    found = machine_checks.check_memory(limit_mb, available_bytes=available_mb * MEGABYTE)

    assert found.level is level


def test_packages_older_than_required_are_named():
    faults = machine_checks.package_faults(
        ["numpy>=999.1", "uvicorn[standard]>=0.1", "no-such-thing>=1", 'x>=9; extra == "plot"']
    )

    assert [fault.split()[0] for fault in faults] == ["numpy", "no-such-thing"]
    assert machine_checks.check_packages("no-such-distribution").level is Level.WARNING


def test_kernels_in_temporary_folder_are_reported(home, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert machine_checks.check_kernels(home).level is Level.WARNING
    monkeypatch.setattr("tempfile.tempdir", "/tmp/elsewhere")
    assert machine_checks.check_kernels(home).level is Level.OK
    assert machine_checks.check_kernels(home / "missing").level is Level.PROBLEM
