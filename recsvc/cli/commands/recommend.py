"""`recsvc recommend`: what somebody may like."""

from functools import cache, partial
from typing import Annotated, Any

import typer

from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Reason, Recommendations

DONE = {"view": "viewed", "cart": "in the cart", "purchase": "bought"}


def recommend(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    n: Annotated[int, typer.Option("-n", min=1, max=500, help="How many items.")] = 10,
    include_rated: Annotated[
        bool, typer.Option("--include-rated", help="Items that the user has rated as well.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which of their ratings brought each item here.")
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Recommend items to a user, by the published model and the user's newest ratings.

    An unknown user gets what is popular, and the answer says so.
    """
    asked = {"include_rated": include_rated, "explain": explain}
    query = {name: "true" for name, wanted in asked.items() if wanted}
    with reach(url) as reached:
        answer = reached.client.recommendations(user_id, n, **query)
        if as_json:
            console_output.print_json(answer)
        else:
            print_recommendations(reached, answer)


def print_recommendations(reached: Reached, answer: Recommendations) -> None:
    """Print the ranked items, with their titles and reasons where they have any."""
    titled = cache(partial(title, reached))
    rows = [
        (
            place,
            item["item_id"],
            titled(item["item_id"]),
            item.get("expected_rating"),
            item["source"],
            "\n".join(_reason(titled(one["item_id"]), one) for one in item.get("because", [])),
        )
        for place, item in enumerate(answer["items"], start=1)
    ]
    columns = ("", "item", "title", "expected rating", "source", "because of")
    is_explained = any(item.get("because") for item in answer["items"])
    n_columns = len(columns) if is_explained else len(columns) - 1
    console_output.print_table(columns[:n_columns], [row[:n_columns] for row in rows])
    version = answer.get("model_version")
    console_output.say(
        f"By model version {version}."
        if version
        else "Popular and new items: no model version is loaded yet."
    )
    if answer.get("shortfall"):
        console_output.say(f"Fewer than asked for: {answer['shortfall']}")


def _reason(title: str | None, reason: Reason) -> str:
    done = DONE[reason["type"]] if reason["type"] else f"rated {reason['rating']:g}"
    return f"{title or reason['item_id']}, {done}: +{reason['effect']:.2f}"


def title(reached: Reached, item_id: str) -> str | None:
    """Give an item's title, None where it has none."""
    try:
        item: dict[str, Any] = reached.client.item(item_id)
    except ApiError:
        return None
    return item.get("title")
