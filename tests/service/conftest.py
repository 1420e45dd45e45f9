import pytest

from tests.factories.shop import Shop, two_camps


@pytest.fixture
def shop(database, tmp_path) -> Shop:
    """A shop of twelve users and twelve items, two camps."""
    shop = Shop(database, tmp_path)
    shop.rate(two_camps())
    return shop
