"""A service in a network, with keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from recsvc.api.access.exposure import Exposure
from recsvc.api.app import create_app
from recsvc.db.session import unit_of_work
from recsvc.service.access import keys
from recsvc.service.access.scopes import SCOPES
from tests.api.conftest import settings_for

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Service:
    """A service in a network: clients with keys of one scope each, and with invalid keys."""

    client: TestClient
    secrets: dict[str, str]


@contextmanager
def serving(home: Path, exposure: Exposure, **settings: object) -> Iterator[Service]:
    app = create_app(settings_for("", home, **settings), exposure)
    with TestClient(app, raise_server_exceptions=False, base_url="http://localhost") as client:
        now = datetime.now(UTC)
        with unit_of_work(app.state.context.database) as session:
            secrets = {
                scope: keys.create_key(session, name=scope, scopes=[scope], now=now).secret
                for scope in SCOPES
            }
            revoked = keys.create_key(session, name="revoked", scopes=SCOPES, now=now)
            keys.revoke_key(session, revoked.key.id, now=now)
            expired = keys.create_key(
                session,
                name="expired",
                scopes=SCOPES,
                expires_at=LONG_AGO + timedelta(days=1),
                now=LONG_AGO,
            )
            secrets |= {"revoked": revoked.secret, "expired": expired.secret}
        app.state.key_ring.refresh()
        yield Service(client, secrets)


def bearer(secret: str) -> dict[str, str]:
    """Return the header that sends a key."""
    return {"Authorization": f"Bearer {secret}"}
