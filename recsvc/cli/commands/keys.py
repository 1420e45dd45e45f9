"""`recsvc keys`: create, list, revoke and rotate API keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.session import open_service
from recsvc.cli.views import console_output
from recsvc.service.access.scopes import Scope

KeyId = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the key.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Create, list, revoke and rotate API keys. Without --url they work on the service's data "
    "directly, so they need no key themselves.",
)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use the key.")],
    scopes: Annotated[
        list[Scope],
        typer.Option(
            "--scope",
            help="What the key permits; repeatable. recommend: lists and predictions; write: "
            "ratings, events, items and imports; train: jobs; admin: all, and keys.",
        ),
    ],
    expires_days: Annotated[
        int | None,
        typer.Option(
            "--expires-days", metavar="DAYS", min=1, help="Days until the key expires [never]."
        ),
    ] = None,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Create an API key and print it. It is not shown again.

    Example: `recsvc keys create "shop back end" --scope recommend --scope write`

    After the first key every request to the service needs one.
    """
    expires_at = datetime.now(UTC) + timedelta(days=expires_days) if expires_days else None
    with open_service(url) as service:
        key = service.client.create_key(
            name, scopes, expires_at.isoformat() if expires_at else None
        )
    _print_new(key, as_json=as_json)


@app.command("list")
def list_keys(url: console_output.Url = None, as_json: console_output.AsJson = False) -> None:
    """List all API keys without their secret part, oldest first."""
    with open_service(url) as service:
        keys = list(service.client.keys())
    if as_json:
        console_output.print_json(keys)
    elif keys:
        columns = ("id", "key", "name", "scopes", "created", "last used", "state")
        console_output.print_table(columns, map(_row, keys))
    else:
        console_output.print_line("No API keys. Create one: recsvc keys create NAME --scope …")


@app.command("revoke")
def revoke(
    key_id: KeyId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Revoke an API key: the service refuses it within a second."""
    with open_service(url) as service:
        key = service.client.revoke_key(key_id)
    if as_json:
        console_output.print_json(key)
    else:
        console_output.print_line(f"Revoked the key {key['prefix']} ({escape(key['name'])}).")


@app.command("rotate")
def rotate(
    key_id: KeyId,
    grace_seconds: Annotated[
        int,
        typer.Option(
            "--grace", metavar="SECONDS", min=0, help="Seconds for which the old key stays valid."
        ),
    ] = 0,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Create a key with the name, scopes and expiry of another one, which is revoked."""
    with open_service(url) as service:
        key = service.client.rotate_key(key_id, grace_seconds)
    _print_new(key, as_json=as_json)


def _print_new(key: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        console_output.print_json(key)
        return
    console_output.print_message(
        f"Key {key['id']} ({escape(key['name'])}): {', '.join(key['scopes'])}"
    )
    console_output.print_message("Keep it: it is not shown again.")
    typer.echo(key["key"])


def _row(key: dict[str, Any]) -> tuple[object, ...]:
    return (
        key["id"],
        key["prefix"],
        key["name"],
        ", ".join(key["scopes"]),
        console_output.format_time(key["created_at"]),
        console_output.format_time(key["last_used_at"]),
        _state(key),
    )


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        return "revoked"
    if key["expires_at"] is None:
        return "valid"
    expires_at = datetime.fromisoformat(key["expires_at"])
    return "expired" if expires_at <= datetime.now(UTC) else f"until {expires_at:%Y-%m-%d}"
