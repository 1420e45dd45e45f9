"""The keys that a service has from its first start on."""

from datetime import UTC, datetime

import structlog

from recsvc.api.access.exposure import Exposure
from recsvc.db.session import Database, unit_of_work
from recsvc.service.access import keys

log = structlog.get_logger()


def prepare_keys(database: Database, exposure: Exposure, key_of_setting: str) -> None:
    """Store the key of RECSVC_API_KEY, or create the first key of a service in a network.

    The log shows a created key once; only its hash is stored. Raises ConfigurationError.
    """
    now = datetime.now(UTC)
    new, is_valid = None, True
    with unit_of_work(database) as session:
        if key_of_setting:
            is_valid = keys.ensure_key_of_setting(session, key_of_setting, now=now)
        elif exposure is Exposure.NETWORK:
            new = keys.ensure_first_key(session, now=now)
        is_open = exposure is Exposure.LOOPBACK and not keys.has_keys(session)
    if new is not None:
        log.warning(
            "admin key created: keep it, it is not shown again", key=new.secret, id=new.key.id
        )
    if not is_valid:
        log.warning("the key of RECSVC_API_KEY was revoked or has expired: set another one")
    if is_open:
        log.warning("no API key exists: programs on this machine need none")
