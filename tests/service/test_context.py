import pytest

from recsvc.config import Settings
from recsvc.db import migrate
from recsvc.errors import ConfigurationError, InvalidScale
from recsvc.service.context import open_context


def test_open_context_creates_a_home_with_a_migrated_database(tmp_path):
    home = tmp_path / "a" / "home"

    context = open_context(Settings(home=home, rating_scale="1:5:1"))

    assert migrate.current_revision(context.database) == migrate.head_revision()
    assert context.rating_scale.values == (1, 2, 3, 4, 5)
    assert context.memory_limit_bytes is None
    context.shelf.put(b"x")
    assert (home / "shelf").is_dir()
    context.database.close()


def test_open_context_reads_the_memory_limit_in_megabytes(tmp_path):
    context = open_context(Settings(home=tmp_path, memory_limit_mb=700))

    assert context.memory_limit_bytes == 700_000_000
    context.database.close()


def test_open_context_refuses_invalid_scale_before_creating_files(tmp_path):
    with pytest.raises(InvalidScale, match="first:last:step"):
        open_context(Settings(home=tmp_path / "home", rating_scale="1-5"))

    assert not (tmp_path / "home").exists()


def test_open_context_names_the_setting_when_home_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigurationError, match="RECSVC_HOME"):
        open_context(Settings(home=tmp_path / "file" / "home"))
