"""`recsvc demo`: import, train and recommend, with data in a folder of its own."""

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
from recsvc.cli.processes.service_folder import open_service_folder
from recsvc.cli.processes.supervisor import Supervisor
from recsvc.cli.session import ServiceSession
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Client
from recsvc.config import Settings
from recsvc.errors import ConfigurationError
from recsvc.runtime import logs, private_files

MARKER_FILE = ".made-by-recsvc-demo"
SHOWN_RATINGS = 8
ITEMS_AT_ONCE = 1000
DEMO_HYPERPARAMETERS = {"n_hidden": 30, "batch_size": 10, "epochs": 30}  # enough for simple tastes
# The preferences show in the values of the ratings, so no joint model is needed.
GENERATED_SPEC = {"model_kind": "user_rbm", "hyperparameters": DEMO_HYPERPARAMETERS}


class DemoData(NamedTuple):
    """The data of a demo; `tastes` has the generated preferences of each user."""

    ratings: Path
    titles: list[dict[str, Any]]
    user_ids: list[str]
    tastes: dict[str, str]
    training: dict[str, Any]


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A file of ratings. By default ratings are generated."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Exit afterwards instead of serving the API.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free port.")] = 8000,
    home: Annotated[
        Path, typer.Option(help="Folder for the demo's data; replaced by each run.")
    ] = Path("recsvc-demo"),
) -> None:
    """Import ratings, train a model and recommend items; then serve the API until Ctrl-C.

    Without --data, the ratings of a small bookshop are generated. Titles are read from u.item,
    movies.dat or books.csv in the folder of --data. Your data in RECSVC_HOME is not changed.
    """
    _make_home(home)
    listening = spawn.bind("127.0.0.1", port)
    with open_service_folder(home) as folder, Supervisor(listening, interrupts=True) as supervisor:
        serve.start(supervisor, listening, folder)
        with Client(serve.base_url(listening)) as client:
            _run_steps(ServiceSession(client), _read_data(data) if data else _generate_data(home))
        supervisor.interrupts = False
        serve.print_addresses(listening, Settings())
        if not once:
            typer.echo(serve.HOW_TO_STOP)
            supervisor.watch()


def _make_home(home: Path) -> None:
    """Create an empty home, and set the environment so that the service uses only this home."""
    if home.exists():
        if any(home.iterdir()) and not (home / MARKER_FILE).exists():
            raise ConfigurationError(
                f"{home} has files that no demo created. Choose another folder with --home."
            )
        shutil.rmtree(home)
    private_files.create_folder(home)
    (home / MARKER_FILE).touch()
    os.environ["RECSVC_HOME"] = str(home)
    for variable in ("RECSVC_DATABASE_URL", "RECSVC_SHELF_URL"):
        os.environ.pop(variable, None)
    os.environ.setdefault("RECSVC_LOG_LEVEL", "warning")
    logs.configure(os.environ["RECSVC_LOG_LEVEL"])


def _run_steps(service: ServiceSession, data: DemoData) -> None:
    _import_data(service, data)
    queued = service.client.train(publish="always", **data.training)
    trained = train.follow(service, queued)
    if trained["state"] != "succeeded":
        train.print_outcome(trained)
        raise typer.Exit(1)
    user_id = _print_recommendations(service, data)
    train.print_outcome(trained)
    url = f"{service.client.base_url}/v1/users/{quote(user_id, safe='')}/recommendations?n=5"
    console_output.print_line(f"\nGet recommendations over HTTP: curl '{url}'")


def _read_data(data: Path) -> DemoData:
    return DemoData(data, title_files.find_titles(data), title_files.first_user_ids(data), {}, {})


def _generate_data(home: Path) -> DemoData:
    from recsvc.service.demo_data import (
        generate_shop,  # imports numpy, which the other commands do without
    )

    shop = generate_shop()
    console_output.print_line(
        f"Generated {len(shop.ratings):,} ratings of {len(shop.items)} books by "
        f"{len(shop.users)} users with known preferences. Use --data for a file of your own."
    )
    file = home / "generated-ratings.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("user_id", "item_id", "rating"), *shop.ratings])
    titles = [{"item_id": i.item_id, "title": i.title, "categories": [i.genre]} for i in shop.items]
    tastes = {u.user_id: f"{' and '.join(u.likes)}, not {u.dislikes}" for u in shop.users}
    return DemoData(file, titles, list(tastes), tastes, GENERATED_SPEC)


def _import_data(service: ServiceSession, data: DemoData) -> None:
    job = import_files.import_one(service, data.ratings)
    import_files.print_result(service, job)
    if job["state"] != "succeeded":
        raise typer.Exit(1)
    for start in range(0, len(data.titles), ITEMS_AT_ONCE):
        service.client.send_items(data.titles[start : start + ITEMS_AT_ONCE])


def _print_recommendations(service: ServiceSession, data: DemoData) -> str:
    user_id, ratings = _find_user_with_ratings(service, data.user_ids)
    best = islice(sorted(ratings, key=lambda rating: -rating["value"]), SHOWN_RATINGS)
    rows = [
        (
            rating["item_id"],
            recommend.find_title(service, rating["item_id"]),
            f"{rating['value']:g}",
        )
        for rating in best
    ]
    console_output.print_line(
        f"\n[bold]Highest ratings of user {user_id}[/], {len(ratings)} in total"
    )
    console_output.print_table(("item", "title", "rating"), rows)
    taste = data.tastes.get(user_id)
    preference = f", whose known preference is {taste}" if taste else ""
    console_output.print_line(f"\n[bold]Ten recommendations for user {user_id}[/]{preference}")
    recommend.print_recommendations(service, service.client.recommendations(user_id, 10))
    console_output.print_line("")
    return user_id


def _find_user_with_ratings(
    service: ServiceSession, user_ids: list[str]
) -> tuple[str, list[dict[str, Any]]]:
    """Return the first user with stored ratings; the first lines may have been refused."""
    for user_id in user_ids:
        with suppress(ApiError):
            return user_id, list(service.client.ratings(user_id))
    raise ConfigurationError(
        "No rating of the first users in the data was accepted. See the refused lines above."
    )
