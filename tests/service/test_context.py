import pytest

from recsvc.config import Settings
from recsvc.db import migrate
from recsvc.errors import ConfigurationError, InvalidScale
from recsvc.service.context import open_context


def test_opening_makes_a_home_with_a_database_that_is_up_to_date(tmp_path):
    home = tmp_path / "a" / "home"

    context = open_context(Settings(home=home, rating_scale="1:5:1"))

    assert migrate.current_revision(context.database) == migrate.head_revision()
    assert context.rating_scale.values == (1, 2, 3, 4, 5)
    assert context.memory_limit_bytes is None
    context.shelf.put(b"x")
    assert (home / "shelf").is_dir()
    context.database.close()


def test_a_memory_limit_is_in_megabytes(tmp_path):
    context = open_context(Settings(home=tmp_path, memory_limit_mb=700))

    assert context.memory_limit_bytes == 700_000_000
    context.database.close()


def test_a_scale_that_cannot_be_read_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(InvalidScale, match="first:last:step"):
        open_context(Settings(home=tmp_path / "home", rating_scale="1-5"))

    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_says_which_setting_to_change(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigurationError, match="RECSVC_HOME"):
        open_context(Settings(home=tmp_path / "file" / "home"))
