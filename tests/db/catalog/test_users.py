"""A user is erased with all that is stored of them, and with nobody else's."""

from recsvc.db.catalog import users
from recsvc.db.catalog.users import ErasedCounts
from recsvc.db.feedback import interactions, ratings
from recsvc.db.session import reading, unit_of_work
from tests.db.feedback import test_interactions, test_ratings


def test_erase_deletes_rows_of_user_only(database):
    test_ratings.write(database, [("u", "i", 3.0, 1), ("u", "j", 4.0, 1), ("v", "i", 5.0, 1)])
    test_interactions.write(database, [("u", "i", "view", 1, 1), ("v", "i", "cart", 1, 1)])

    with unit_of_work(database) as session:
        assert users.erase(session, "u") == ErasedCounts(n_ratings=2, n_interactions=1)
        assert users.erase(session, "u") is None
        assert not ratings.user_exists(session, "u")

    assert test_ratings.all_of(database) == {("v", "i"): 5.0}
    assert test_interactions.all_of(database) == {("v", "i", "cart", 1): 1}


def test_user_exists_without_ratings(database):
    test_interactions.write(database, [("u", "i", "purchase", 1, 3)])

    with reading(database) as session:
        assert ratings.user_exists(session, "u")
        assert interactions.count_interactions(session) == 1
    with unit_of_work(database) as session:
        assert users.erase(session, "u") == ErasedCounts(n_ratings=0, n_interactions=1)
