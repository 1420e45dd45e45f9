"""`recsvc demo`: from ratings to recommendations before one's eyes, in a home of its own."""

import csv
import os
import shutil
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from recsvc.cli.commands import import_files, recommend, serve, train
from recsvc.cli.options import title_files
from recsvc.cli.processes import spawn
from recsvc.cli.processes.supervisor import Supervisor
from recsvc.cli.session import Reached
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Client
from recsvc.config import Settings
from recsvc.errors import ConfigurationError

MARK = ".made-by-recsvc-demo"
SHOWN_RATINGS = 8
ITEMS_AT_ONCE = 1000
ENOUGH = {"n_hidden": 30, "batch_size": 10, "epochs": 30}  # for tastes so plain
GENERATED = {"model_kind": "user_rbm", "hyperparameters": ENOUGH}  # tastes lie in how it is rated


class Material(NamedTuple):
    """What a demo is made of; `tastes` tells of each user what they were made to like."""

    ratings: Path
    titles: list[dict[str, Any]]
    user_ids: list[str]
    tastes: dict[str, str]
    training: dict[str, Any]


def demo(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A file of ratings; generated if left out."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End there instead of serving on.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    home: Annotated[
        Path, typer.Option(help="Folder of the demo's own data, made anew each time.")
    ] = Path("recsvc-demo"),
) -> None:
    """Show the whole way: import ratings, train, recommend; then serve until Ctrl-C.

    Without --data a small bookshop with planted tastes is generated. Titles are taken from a
    u.item, movies.dat or books.csv beside the data. Your own data in RECSVC_HOME is never touched.
    """
    _make_home(home)
    listening = spawn.listen("127.0.0.1", port)
    with Supervisor(interrupts=True) as supervisor:
        serve.start(supervisor, listening)
        with Client(serve.address(listening)) as client:
            _show(Reached(client), _given(data) if data else _generated(home))
        supervisor.interrupts = False
        serve.announce(listening, Settings())
        if not once:
            typer.echo(serve.HOW_TO_STOP)
            supervisor.watch()


def _make_home(home: Path) -> None:
    """Begin with an empty home, and let the service know no other database or shelf."""
    if home.exists():
        if any(home.iterdir()) and not (home / MARK).exists():
            raise ConfigurationError(
                f"{home} holds something that no demo has made. Name another folder with --home."
            )
        shutil.rmtree(home)
    home.mkdir(parents=True)
    (home / MARK).touch()
    os.environ["RECSVC_HOME"] = str(home)
    for variable in ("RECSVC_DATABASE_URL", "RECSVC_SHELF_URL"):
        os.environ.pop(variable, None)
    os.environ.setdefault("RECSVC_LOG_LEVEL", "warning")


def _show(reached: Reached, material: Material) -> None:
    _import(reached, material)
    queued = reached.client.train(publish="always", **material.training)
    trained = train.follow(reached, queued)
    if trained["state"] != "succeeded":
        train.print_outcome(trained)
        raise typer.Exit(1)
    user_id = _recommend(reached, material)
    train.print_outcome(trained)
    url = f"{reached.client.base_url}/v1/users/{quote(user_id, safe='')}/recommendations?n=5"
    console_output.say(f"\nAsk for more: curl '{url}'")


def _given(data: Path) -> Material:
    return Material(data, title_files.titles_beside(data), title_files.first_user_ids(data), {}, {})


def _generated(home: Path) -> Material:
    from recsvc.service.demo_data import (
        generate_shop,  # brings numpy: other commands need not wait for it
    )

    shop = generate_shop()
    console_output.say(
        f"No data was given, so these {len(shop.ratings):,} ratings of {len(shop.items)} books by "
        f"{len(shop.users)} readers are generated, with tastes planted in them."
    )
    file = home / "generated-ratings.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("user_id", "item_id", "rating"), *shop.ratings])
    titles = [{"item_id": i.item_id, "title": i.title, "categories": [i.genre]} for i in shop.items]
    tastes = {u.user_id: f"{' and '.join(u.likes)}, not {u.dislikes}" for u in shop.users}
    return Material(file, titles, list(tastes), tastes, GENERATED)


def _import(reached: Reached, material: Material) -> None:
    job = import_files.import_one(reached, material.ratings)
    import_files.print_result(reached, job)
    if job["state"] != "succeeded":
        raise typer.Exit(1)
    for start in range(0, len(material.titles), ITEMS_AT_ONCE):
        reached.client.send_items(material.titles[start : start + ITEMS_AT_ONCE])


def _recommend(reached: Reached, material: Material) -> str:
    user_id, ratings = _somebody(reached, material.user_ids)
    best = islice(sorted(ratings, key=lambda rating: -rating["value"]), SHOWN_RATINGS)
    rows = [
        (rating["item_id"], recommend.title(reached, rating["item_id"]), f"{rating['value']:g}")
        for rating in best
    ]
    console_output.say(f"\n[bold]What user {user_id} likes best[/], of {len(ratings)} ratings")
    console_output.print_table(("item", "title", "rating"), rows)
    taste = material.tastes.get(user_id)
    made = f", who was made to like {taste}" if taste else ""
    console_output.say(f"\n[bold]Ten recommendations for user {user_id}[/]{made}")
    recommend.print_recommendations(reached, reached.client.recommendations(user_id, 10))
    console_output.say("")
    return user_id


def _somebody(reached: Reached, user_ids: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """Give the first of the users who has ratings; the first lines may all have been refused."""
    for user_id in user_ids:
        with suppress(ApiError):
            return user_id, list(reached.client.ratings(user_id))
    raise ConfigurationError("None of the first users in the data has a rating that was taken.")
