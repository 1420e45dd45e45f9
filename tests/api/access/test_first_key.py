import socket
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from recsvc.api.access.exposure import Exposure
from recsvc.api.access.first_key import prepare_keys
from recsvc.db.access import keys as stored_keys
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.service.access import keys
from recsvc.service.access.keys import hash_key


def prepare(database: Database, exposure: Exposure, key_of_setting: str = "") -> list[dict]:
    with capture_logs() as logs:
        prepare_keys(database, exposure, key_of_setting)
    return logs


def hashes(database: Database) -> list[str]:
    with reading(database) as session:
        return [key.sha256 for key in stored_keys.all_keys(session)]


def test_first_start_in_network_logs_admin_key_once(database):
    (entry,) = prepare(database, Exposure.NETWORK)
    again = prepare(database, Exposure.NETWORK)

    assert hashes(database) == [hash_key(entry["key"])]
    assert again == []


def test_first_start_on_loopback_logs_that_service_is_open(database):
    (entry,) = prepare(database, Exposure.LOOPBACK)

    assert "no API key exists" in entry["event"]
    assert hashes(database) == []


def test_key_of_setting_is_stored_and_not_logged(database):
    logs = prepare(database, Exposure.NETWORK, "k" * 40)

    assert logs == []
    assert hashes(database) == [hash_key("k" * 40)]


def test_start_with_revoked_key_of_setting_logs_warning(database):
    prepare(database, Exposure.NETWORK, "k" * 40)
    with unit_of_work(database) as session:
        keys.revoke_key(session, 1, now=datetime.now(UTC))

    (entry,) = prepare(database, Exposure.NETWORK, "k" * 40)

    assert "RECSVC_API_KEY was revoked or has expired" in entry["event"]
    assert hashes(database) == [hash_key("k" * 40)]


@pytest.mark.parametrize(
    ("host", "exposure"),
    [
        ("127.0.0.1", Exposure.LOOPBACK),
        ("127.8.9.1", Exposure.LOOPBACK),
        ("::1", Exposure.LOOPBACK),
        ("localhost", Exposure.LOOPBACK),
        ("0.0.0.0", Exposure.NETWORK),
        ("::", Exposure.NETWORK),
        ("10.0.0.7", Exposure.NETWORK),
        ("recommender", Exposure.NETWORK),
    ],
)
def test_exposure_is_that_of_address(host, exposure):
    assert Exposure.from_host(host) is exposure


def test_exposure_of_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as private, socket.socket() as loopback:
        private.bind(str(tmp_path / "api.sock"))
        loopback.bind(("127.0.0.1", 0))

        assert Exposure.from_socket(private) is Exposure.PRIVATE
        assert Exposure.from_socket(loopback) is Exposure.LOOPBACK
