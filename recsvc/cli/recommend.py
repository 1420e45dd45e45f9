"""`recsvc recommend`: what somebody may like."""

from typing import Annotated, Any

import typer

from recsvc.cli import output
from recsvc.cli.connection import Reached, reach
from recsvc.client import ApiError, Recommendations


def recommend(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    n: Annotated[int, typer.Option("-n", min=1, max=500, help="How many items.")] = 10,
    include_rated: Annotated[
        bool, typer.Option("--include-rated", help="Items that the user has rated as well.")
    ] = False,
    url: output.Url = None,
    as_json: output.AsJson = False,
) -> None:
    """Recommend items to a user, by the published model and the user's newest ratings.

    An unknown user gets what is popular, and the answer says so.
    """
    query = {"include_rated": "true"} if include_rated else {}
    with reach(url) as reached:
        answer = reached.client.recommendations(user_id, n, **query)
        if as_json:
            output.print_json(answer)
        else:
            print_recommendations(reached, answer)


def print_recommendations(reached: Reached, answer: Recommendations) -> None:
    """Print the ranked items, with their titles where they have any."""
    rows = [
        (
            place,
            item["item_id"],
            title(reached, item["item_id"]),
            item.get("expected_rating"),
            item["source"],
        )
        for place, item in enumerate(answer["items"], start=1)
    ]
    output.print_table(("", "item", "title", "expected rating", "source"), rows)
    version = answer.get("model_version")
    output.say(f"By model version {version}." if version else "No model is published yet.")
    if answer.get("shortfall"):
        output.say(f"Fewer than asked for: {answer['shortfall']}")


def title(reached: Reached, item_id: str) -> str | None:
    """Give an item's title, None where it has none."""
    try:
        item: dict[str, Any] = reached.client.item(item_id)
    except ApiError:
        return None
    return item.get("title")
