"""The folder of a service's numbers: one for each running service, none for an ended one."""

import pytest

from recsvc.cli.processes.service_folder import open_service_folder
from recsvc.errors import ConfigurationError
from recsvc.runtime.number_file import NumberFile


def test_service_folder_is_removed_at_end(tmp_path):
    with open_service_folder(tmp_path / "home") as folder:
        assert [file.name for file in folder.iterdir()] == ["serve"]

    assert list((tmp_path / "home" / "metrics").iterdir()) == []


def test_service_folder_of_running_service_stays_and_ended_ones_are_removed(tmp_path):
    root = tmp_path / "metrics"
    ended = root / "ended"
    ended.mkdir(parents=True)
    NumberFile(ended / "serve").close()
    (root / "1-2.json").write_text("[]")  # of version 0.1.0
    with open_service_folder(tmp_path) as first, open_service_folder(tmp_path) as second:
        assert sorted(root.iterdir()) == sorted([first, second])


def test_service_folder_reports_home_that_cannot_be_written(tmp_path):
    (tmp_path / "home").write_text("a file")

    with (
        pytest.raises(ConfigurationError, match="RECSVC_HOME"),
        open_service_folder(tmp_path / "home"),
    ):
        pass
