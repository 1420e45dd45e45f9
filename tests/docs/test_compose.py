"""Containers of the compose files are bounded, and one release of Python is named everywhere."""

import re

import pytest
import yaml

from tests.conftest import ROOT

FILES = sorted((ROOT / "docker").glob("compose*.yaml"))
SERVICES = [
    pytest.param(service, id=f"{file.stem}-{name}")
    for file in FILES
    for name, service in yaml.safe_load(file.read_text())["services"].items()
]


@pytest.mark.parametrize("service", SERVICES)
def test_compose_service_has_limits_and_rotated_logs(service):
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_compose_files_and_makefile_name_one_python():
    places = [*FILES, ROOT / "Makefile"]
    named = [re.findall(r"PYTHON\w*:?\s*[:=]+ (3\.\d+\.\d+)", p.read_text()) for p in places]

    assert all(len(versions) == 1 for versions in named)
    assert len({version for (version,) in named}) == 1
