"""`recsvc recommend`: recommendations for a user."""

from functools import cache, partial
from typing import Annotated, Any

import typer

from recsvc.cli.session import ServiceSession, open_service
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Reason, Recommendations

ACTION_NAMES = {"view": "viewed", "cart": "in the cart", "purchase": "bought"}


def recommend(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="Id of the user.")],
    n: Annotated[int, typer.Option("-n", min=1, max=500, help="Number of items.")] = 10,
    include_rated: Annotated[
        bool, typer.Option("--include-rated", help="Include items that the user has rated.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show the ratings and interactions that explain each item."),
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Recommend items to a user with the published model and the user's current ratings.

    Unknown users get popular items; the column `source` shows this.
    """
    flags = {"include_rated": include_rated, "explain": explain}
    query = {name: "true" for name, is_set in flags.items() if is_set}
    with open_service(url) as service:
        answer = service.client.recommendations(user_id, n, **query)
        if as_json:
            console_output.print_json(answer)
        else:
            print_recommendations(service, answer)


def print_recommendations(service: ServiceSession, answer: Recommendations) -> None:
    """Print the ranked items with their titles and, if requested, reasons."""
    titles = cache(partial(find_title, service))
    rows = [
        (
            place,
            item["item_id"],
            titles(item["item_id"]),
            item.get("expected_rating"),
            item["source"],
            "\n".join(
                _format_reason(titles(one["item_id"]), one) for one in item.get("because", [])
            ),
        )
        for place, item in enumerate(answer["items"], start=1)
    ]
    columns = ("", "item", "title", "expected rating", "source", "reasons")
    is_explained = any(item.get("because") for item in answer["items"])
    n_columns = len(columns) if is_explained else len(columns) - 1
    console_output.print_table(columns[:n_columns], [row[:n_columns] for row in rows])
    version = answer.get("model_version")
    console_output.print_line(
        f"Model version {version}."
        if version
        else "Popular and new items: no model version is loaded."
    )
    if answer.get("shortfall"):
        console_output.print_line(f"Fewer items than requested: {answer['shortfall']}")


def _format_reason(title: str | None, reason: Reason) -> str:
    action = ACTION_NAMES[reason["type"]] if reason["type"] else f"rated {reason['rating']:g}"
    return f"{title or reason['item_id']}, {action}: +{reason['effect']:.2f}"


def find_title(service: ServiceSession, item_id: str) -> str | None:
    """Return the title of an item, None if it has none."""
    try:
        item: dict[str, Any] = service.client.item(item_id)
    except ApiError:
        return None
    return item.get("title")
