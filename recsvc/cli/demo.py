"""`recsvc demo`: from ratings to recommendations before one's eyes, in a home of its own."""

import csv
import os
import shutil
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from recsvc.cli import catalogue, importing, output, processes, recommend, serve, train
from recsvc.cli.connection import Reached
from recsvc.cli.supervisor import Supervisor
from recsvc.client import Client
from recsvc.config import Settings
from recsvc.errors import ConfigurationError
from recsvc.service.demo import Shop, generate

MARK = ".made-by-recsvc-demo"
SHOWN_RATINGS = 8
ITEMS_AT_ONCE = 1000


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
    listening = processes.listen("127.0.0.1", port)
    with Supervisor(interrupts=True) as supervisor:
        serve.start(supervisor, listening)
        with Client(serve.address(listening)) as client:
            _show(Reached(client), home, data)
        supervisor.interrupts = False
        if once:
            return
        serve.announce(listening, Settings())
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


def _show(reached: Reached, home: Path, data: Path | None) -> None:
    if data is None:
        shop = generate()
        data = _write(shop, home)
        titles = [
            {"item_id": i.item_id, "title": i.title, "categories": [i.genre]} for i in shop.items
        ]
        user_ids = [user.user_id for user in shop.users]
        output.say(
            f"No data was given, so these {len(shop.ratings):,} ratings of {len(titles)} books by "
            f"{len(user_ids)} readers are generated, with tastes planted in them."
        )
    else:
        shop, titles, user_ids = None, catalogue.titles_beside(data), catalogue.first_user_ids(data)
    _import(reached, data, titles)
    trained = train.run(reached, {"publish": "always"})
    if trained["state"] != "succeeded":
        train.print_outcome(trained)
        raise typer.Exit(1)
    _recommend(reached, user_ids, shop)
    train.print_outcome(trained)
    output.say(
        f"Ask for more: curl {reached.client.base_url}/v1/users/{user_ids[0]}/recommendations?n=5"
    )


def _write(shop: Shop, home: Path) -> Path:
    file = home / "generated-ratings.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("user_id", "item_id", "rating"))
        rows.writerows(shop.ratings)
    return file


def _import(reached: Reached, data: Path, titles: list[dict[str, Any]]) -> None:
    job = importing.import_one(reached, data)
    importing.print_result(reached, job)
    if job["state"] != "succeeded":
        raise typer.Exit(1)
    for start in range(0, len(titles), ITEMS_AT_ONCE):
        reached.client.send_items(titles[start : start + ITEMS_AT_ONCE])


def _recommend(reached: Reached, user_ids: list[str], shop: Shop | None) -> None:
    user_id, ratings = next(
        (user_id, ratings)
        for user_id in user_ids
        if (ratings := list(reached.client.ratings(user_id)))
    )
    best = islice(sorted(ratings, key=lambda rating: -rating["value"]), SHOWN_RATINGS)
    rows = [
        (rating["item_id"], recommend.title(reached, rating["item_id"]), f"{rating['value']:g}")
        for rating in best
    ]
    output.say(f"\n[bold]What user {user_id} likes best[/], of {len(ratings)} ratings")
    output.print_table(("item", "title", "rating"), rows)
    output.say(f"\n[bold]Ten recommendations for user {user_id}[/]{_planted(shop, user_id)}")
    recommend.print_recommendations(reached, reached.client.recommendations(user_id, 10))


def _planted(shop: Shop | None, user_id: str) -> str:
    users = [user for user in shop.users if user.user_id == user_id] if shop else []
    tastes = (f", who was made to like {' and '.join(u.likes)}, not {u.dislikes}" for u in users)
    return "".join(tastes)
