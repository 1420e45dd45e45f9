import pytest

from recsvc.config import Settings


@pytest.fixture
def settings(shop) -> Settings:
    """Those of the shop's service."""
    return Settings(home=shop.folder, database_url=shop.database.url)


@pytest.fixture
def elsewhere(request, database, tmp_path) -> Settings:
    """Those of a service with a home and a database of the same kind, both empty."""
    url = ""
    if database.dialect == "postgresql":
        url = request.getfixturevalue("new_postgresql_database")(migrated=False)
    return Settings(home=tmp_path / "elsewhere", database_url=url)
