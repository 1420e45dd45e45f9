from datetime import timedelta
from hashlib import sha256
from threading import Thread

import pytest

from recsvc.db.access import keys as stored_keys
from recsvc.db.session import reading, unit_of_work
from recsvc.errors import ConfigurationError, InvalidExpiry, KeyNotFound
from recsvc.service.access import keys
from recsvc.service.access.scopes import SCOPES
from tests.conftest import NOON


def create(database, **options):
    with unit_of_work(database) as session:
        return keys.create_key(
            session, **{"name": "shop", "scopes": ["write"], "now": NOON} | options
        )


def test_key_has_256_random_bits_and_only_its_hash_is_stored(database):
    one, other = create(database), create(database)

    assert len(one.secret.removeprefix(f"{one.key.prefix}_")) == 43
    assert one.secret != other.secret
    assert one.key.prefix != other.key.prefix
    with unit_of_work(database) as session:
        (row, _) = stored_keys.all_keys(session)
        values = [getattr(row, column.name) for column in row.__table__.columns]
    assert row.sha256 == sha256(one.secret.encode()).hexdigest()
    assert one.secret not in map(str, values)


def test_key_scopes_have_fixed_order_and_no_repetition(database):
    assert create(database, scopes=["train", "recommend", "train"]).key.scopes == [
        "recommend",
        "train",
    ]


def test_create_key_refuses_expiry_in_past(database):
    with pytest.raises(InvalidExpiry, match="not in the future"):
        create(database, expires_at=NOON)


def test_revoke_key_keeps_first_time(database):
    key = create(database).key
    for hours in (1, 2):
        with unit_of_work(database) as session:
            revoked = keys.revoke_key(session, key.id, now=NOON + timedelta(hours=hours))

    assert revoked.revoked_at == NOON + timedelta(hours=1)


def test_revoke_key_names_unknown_key(database):
    with unit_of_work(database) as session, pytest.raises(KeyNotFound, match="no API key 7"):
        keys.revoke_key(session, 7, now=NOON)


def test_rotated_key_has_same_rights_and_ends_after_grace(database):
    old = create(database, scopes=["recommend"], expires_at=NOON + timedelta(days=9))
    with unit_of_work(database) as session:
        new = keys.rotate_key(session, old.key.id, grace=timedelta(hours=1), now=NOON)
        ended = stored_keys.get_key(session, old.key.id)

    assert (new.key.name, new.key.scopes) == ("shop", ["recommend"])
    assert new.key.expires_at == NOON + timedelta(days=9)
    assert new.secret != old.secret
    assert (ended.revoked_at, ended.expires_at) == (None, NOON + timedelta(hours=1))


def test_rotated_key_is_revoked_at_once_without_grace(database):
    old = create(database)
    with unit_of_work(database) as session:
        keys.rotate_key(session, old.key.id, now=NOON)
        assert stored_keys.get_key(session, old.key.id).revoked_at == NOON


def test_first_key_is_created_once_by_concurrent_processes(database):
    created = []

    def start():
        with unit_of_work(database) as session:
            created.append(keys.ensure_first_key(session, now=NOON))

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (first,) = [new for new in created if new is not None]
    assert len(created) == 8
    assert first.key.scopes == list(SCOPES)


def test_key_of_setting_replaces_former_one(database):
    def store(secret):
        with unit_of_work(database) as session:
            keys.ensure_key_of_setting(session, secret, now=NOON)
            return stored_keys.all_keys(session)

    store("a" * 32)
    store("a" * 32)
    former, current = store("b" * 32)

    assert former.revoked_at == NOON
    assert current.revoked_at is None
    assert current.sha256 == sha256(b"b" * 32).hexdigest()


def test_revoked_or_expired_key_of_setting_stays_so_at_next_start(database):
    def store(secret: str, now=NOON) -> bool:
        with unit_of_work(database) as session:
            return keys.ensure_key_of_setting(session, secret, now=now)

    assert store("a" * 32)
    assert store("b" * 32)  # revokes the former one
    assert not store("a" * 32)
    with unit_of_work(database) as session:
        new = keys.rotate_key(session, 2, grace=timedelta(hours=1), now=NOON)
    assert store("b" * 32)
    assert store(new.secret)
    assert not store("b" * 32, now=NOON + timedelta(hours=2))

    with reading(database) as session:
        assert [key.revoked_at for key in stored_keys.all_keys(session)] == [NOON, None, None]


def test_key_of_setting_must_be_long(database):
    with unit_of_work(database) as session, pytest.raises(ConfigurationError, match="6 characters"):
        keys.ensure_key_of_setting(session, "secret", now=NOON)
