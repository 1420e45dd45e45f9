"""The Python client: what a shop's back end, or the command line, says to the service over HTTP.

    with Client("http://127.0.0.1:8000") as recsvc:
        recsvc.rate("ada", "solaris", 5)
        recsvc.recommendations("ada", n=3)["items"]

Answers are the service's JSON as dictionaries; a refusal is an `ApiError` that carries the
problem document. This package knows only the HTTP API: it can be copied out of the house.
"""

from collections.abc import Iterable, Iterator
from typing import cast
from urllib.parse import quote

from recsvc.client.http import ApiError, ClientError, Unreachable
from recsvc.client.jobs import JobsClient
from recsvc.client.types import (
    FINAL_STATES,
    Event,
    Job,
    Json,
    Reason,
    Recommendations,
    RecommendedItem,
    Refusal,
    Report,
    Sweep,
    Trial,
)

__all__ = [
    "FINAL_STATES",
    "ApiError",
    "Client",
    "ClientError",
    "Event",
    "Job",
    "Json",
    "Reason",
    "Recommendations",
    "RecommendedItem",
    "Refusal",
    "Report",
    "Sweep",
    "Trial",
    "Unreachable",
]


class Client(JobsClient):
    """A connection to one service: ratings, models and answers beside what `JobsClient` has.

    The arguments are those of `JobsClient`. Use it as a context manager, or close it.
    """

    # Ratings, items, users

    def rate(self, user_id: str, item_id: str, value: float, rated_at: str | None = None) -> Json:
        """Give one rating, or change it; the newest `rated_at` (RFC 3339, now if left out) wins."""
        body = {"value": value} | ({"rated_at": rated_at} if rated_at else {})
        return self._http.json(
            "PUT", f"/v1/users/{_segment(user_id)}/ratings/{_segment(item_id)}", body
        )

    def unrate(self, user_id: str, item_id: str) -> None:
        """Forget one rating."""
        self._http.send("DELETE", f"/v1/users/{_segment(user_id)}/ratings/{_segment(item_id)}")

    def ratings(self, user_id: str) -> Iterator[Json]:
        """Give a user's ratings, page by page."""
        return self._http.pages(f"/v1/users/{_segment(user_id)}/ratings")

    def send_ratings(self, ratings: Iterable[Json]) -> Report:
        """Give at most 10,000 ratings `{user_id, item_id, value, rated_at?}` at once."""
        return cast(Report, self._http.json("POST", "/v1/ratings", {"ratings": list(ratings)}))

    def send_interactions(self, interactions: Iterable[Json]) -> Report:
        """Give at most 10,000 interactions `{user_id, item_id, type, occurred_at?, quantity?}`.

        `type` is view, cart or purchase. With `occurred_at`, one that is sent again counts once.
        """
        body = {"interactions": list(interactions)}
        return cast(Report, self._http.json("POST", "/v1/interactions", body))

    def put_item(self, item_id: str, **fields: object) -> Json:
        """Replace an item: title, categories, price, available, hidden, attributes.

        A field that is left out goes back to its default; `patch_item` changes some fields.
        """
        return self._http.json("PUT", f"/v1/items/{_segment(item_id)}", fields)

    def patch_item(self, item_id: str, **fields: object) -> Json:
        """Change some fields of an item; the others stay, and None restores a default."""
        return self._http.json("PATCH", f"/v1/items/{_segment(item_id)}", fields)

    def send_items(self, items: Iterable[Json]) -> Report:
        """Merge at most 10,000 items `{item_id, title?, …}`; fields that are left out stay."""
        return cast(Report, self._http.json("POST", "/v1/items", {"items": list(items)}))

    def item(self, item_id: str) -> Json:
        """Give what is known of an item."""
        return self._http.json("GET", f"/v1/items/{_segment(item_id)}")

    def items(self) -> Iterator[Json]:
        """Give the whole catalogue, page by page."""
        return self._http.pages("/v1/items")

    def erase(self, user_id: str) -> Json:
        """Erase a user; the receipt names the model versions that were trained on them."""
        return self._http.json("DELETE", f"/v1/users/{_segment(user_id)}")

    # Models and answers

    def models(self) -> Iterator[Json]:
        """Give the model versions, the newest first."""
        return self._http.pages("/v1/models")

    def model(self, version: int) -> Json:
        """Give a version's card: data, hyperparameters, seed, metrics, baselines."""
        return self._http.json("GET", f"/v1/models/{version}")

    def publish(self, version: int) -> Json:
        """Let a version answer."""
        return self._http.json("POST", f"/v1/models/{version}/publish")

    def rollback(self) -> Json:
        """Let the version published before answer again."""
        return self._http.json("POST", "/v1/models/rollback")

    def recommendations(self, user_id: str, n: int = 10, **query: object) -> Recommendations:
        """Give the top n for a stored user; `query` exclude, include_rated, explain."""
        path = f"/v1/users/{_segment(user_id)}/recommendations"
        return cast(Recommendations, self._http.json("GET", path, params={"n": n, **query}))

    def recommend_for(
        self,
        ratings: Iterable[Json] = (),
        n: int = 10,
        *,
        interactions: Iterable[Json] = (),
        **more: object,
    ) -> Recommendations:
        """Give the top n for somebody who is not stored.

        From ratings `{item_id, value}` and interactions `{item_id, type}`: an anonymous cart.
        `more` exclude, include_rated, explain.
        """
        body = {"ratings": list(ratings), "interactions": list(interactions), "n": n, **more}
        return cast(Recommendations, self._http.json("POST", "/v1/recommendations", body))

    def predictions(self, user_id: str, item_ids: Iterable[str]) -> Json:
        """Give the expected rating and its distribution for each item asked."""
        params = {"item_id": list(item_ids)}
        return self._http.json("GET", f"/v1/users/{_segment(user_id)}/predictions", params=params)

    def live(self) -> bool:
        """Say whether the service's process answers."""
        return self._http.answers("/livez")

    def ready(self) -> Json:
        """Give what /readyz says; ApiError where database or model cannot be reached."""
        return self._http.json("GET", "/readyz")


def _segment(outside_id: str) -> str:
    """Spell an id as one path segment: a slash, or a dot that would mean a folder, escaped."""
    return quote(outside_id, safe="") if outside_id.strip(".") else "%2E" * len(outside_id)
