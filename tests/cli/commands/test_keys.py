"""`recsvc keys`, and how other commands send a key."""

import json
import re

import pytest

from tests.cli.conftest import Served

pytestmark = pytest.mark.acceptance

SECRET = re.compile(r"rsk_[0-9a-f]{10}_[\w-]{43}\n")


@pytest.fixture
def served(serve) -> Served:
    """A service of its own: after the first key all of its requests need one."""
    return serve("--no-worker")


def test_keys_are_created_used_listed_and_revoked(recsvc, served):
    created = recsvc("keys", "create", "operator", "--scope", "admin", home=served.home)
    key = created.stdout.strip()

    without = recsvc("jobs", "list", "--url", served.url)
    with_key = recsvc("jobs", "list", "--url", served.url, RECSVC_CLIENT_KEY=key)
    listed = recsvc("keys", "list", "--json", "--url", served.url, RECSVC_CLIENT_KEY=key)
    revoked = recsvc("keys", "revoke", "1", home=served.home)

    assert SECRET.fullmatch(created.stdout)
    assert "not shown again" in created.stderr
    assert without.returncode == 1
    assert "Commands send the key of RECSVC_CLIENT_KEY" in without.stderr
    assert with_key.returncode == 0
    (row,) = json.loads(listed.stdout)
    assert (row["name"], row["scopes"]) == ("operator", ["admin"])
    assert key not in listed.stdout
    assert revoked.stdout == f"Revoked the key {row['prefix']} (operator).\n"


def test_keys_rotate_prints_new_key(recsvc, tmp_path):
    home = tmp_path / "home"
    old = recsvc("keys", "create", "shop", "--scope", "write", "--expires-days", "9", home=home)

    new = recsvc("keys", "rotate", "1", "--grace", "60", home=home)
    listed = recsvc("keys", "list", home=home).stdout

    assert SECRET.fullmatch(new.stdout)
    assert new.stdout != old.stdout
    assert listed.count("shop") == 2
    assert listed.count("until") == 2


def test_keys_create_refuses_unknown_scope(recsvc, tmp_path):
    told = recsvc("keys", "create", "shop", "--scope", "everything", home=tmp_path / "home")

    assert told.returncode == 2
    assert "recommend" in told.stderr
