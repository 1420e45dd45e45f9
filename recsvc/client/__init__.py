"""The Python client of the HTTP API, for a shop's back end and for the command line.

    with Client("http://127.0.0.1:8000") as recsvc:
        recsvc.rate("ada", "solaris", 5)
        recsvc.recommendations("ada", n=3)["items"]

Methods return the JSON of the service as dictionaries. An error response raises `ApiError` with
the problem document. This package depends on no other package of recsvc and can be copied.
"""

from collections.abc import Iterable, Iterator
from typing import cast
from urllib.parse import quote

from recsvc.client.http import ApiError, ClientError, Unreachable
from recsvc.client.jobs import KEY_VARIABLE, JobsClient
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
    "KEY_VARIABLE",
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
    """A client of one service: `JobsClient` with ratings, items, models and recommendations.

    The arguments are those of `JobsClient`. Use it as a context manager, or close it.
    """

    # Ratings, items, users

    def rate(self, user_id: str, item_id: str, value: float, rated_at: str | None = None) -> Json:
        """Create or update a rating; the newest `rated_at` (RFC 3339, default: now) is kept."""
        body = {"value": value} | ({"rated_at": rated_at} if rated_at else {})
        return self._http.json(
            "PUT", f"/v1/users/{_segment(user_id)}/ratings/{_segment(item_id)}", body
        )

    def unrate(self, user_id: str, item_id: str) -> None:
        """Delete a rating."""
        self._http.send("DELETE", f"/v1/users/{_segment(user_id)}/ratings/{_segment(item_id)}")

    def ratings(self, user_id: str) -> Iterator[Json]:
        """Yield the ratings of a user, fetched page by page."""
        return self._http.pages(f"/v1/users/{_segment(user_id)}/ratings")

    def send_ratings(self, ratings: Iterable[Json]) -> Report:
        """Send at most 10,000 ratings `{user_id, item_id, value, rated_at?}`."""
        return cast(Report, self._http.json("POST", "/v1/ratings", {"ratings": list(ratings)}))

    def send_interactions(self, interactions: Iterable[Json]) -> Report:
        """Send at most 10,000 interactions `{user_id, item_id, type, occurred_at?, quantity?}`.

        `type` is view, cart or purchase. With `occurred_at`, a repeated interaction counts once.
        """
        body = {"interactions": list(interactions)}
        return cast(Report, self._http.json("POST", "/v1/interactions", body))

    def put_item(self, item_id: str, **fields: object) -> Json:
        """Replace an item: title, categories, price, available, hidden, attributes.

        Missing fields are reset to their defaults; `patch_item` keeps them.
        """
        return self._http.json("PUT", f"/v1/items/{_segment(item_id)}", fields)

    def patch_item(self, item_id: str, **fields: object) -> Json:
        """Change some fields of an item and keep the others; None resets a field to its default."""
        return self._http.json("PATCH", f"/v1/items/{_segment(item_id)}", fields)

    def send_items(self, items: Iterable[Json]) -> Report:
        """Merge at most 10,000 items `{item_id, title?, …}`; missing fields are kept."""
        return cast(Report, self._http.json("POST", "/v1/items", {"items": list(items)}))

    def item(self, item_id: str) -> Json:
        """Return an item."""
        return self._http.json("GET", f"/v1/items/{_segment(item_id)}")

    def items(self) -> Iterator[Json]:
        """Yield all items, fetched page by page."""
        return self._http.pages("/v1/items")

    def erase(self, user_id: str) -> Json:
        """Erase a user; the result has the model versions that were trained on the user's data."""
        return self._http.json("DELETE", f"/v1/users/{_segment(user_id)}")

    # Keys

    def create_key(self, name: str, scopes: Iterable[str], expires_at: str | None = None) -> Json:
        """Create an API key; `key` of the result is the only place that has it in full.

        scopes      of `recommend`, `write`, `train` and `admin`
        expires_at  RFC 3339; None for a key that does not expire
        """
        body = {"name": name, "scopes": list(scopes), "expires_at": expires_at}
        return self._http.json("POST", "/v1/keys", body)

    def keys(self) -> Iterator[Json]:
        """Yield all API keys without their secret part, oldest first."""
        return self._http.pages("/v1/keys")

    def revoke_key(self, key_id: int) -> Json:
        """Revoke an API key."""
        return self._http.json("DELETE", f"/v1/keys/{key_id}")

    def rotate_key(self, key_id: int, grace_seconds: int = 0) -> Json:
        """Create a key like another one, which is revoked after `grace_seconds`."""
        body = {"grace_seconds": grace_seconds}
        return self._http.json("POST", f"/v1/keys/{key_id}/rotate", body)

    def audit(self) -> Iterator[Json]:
        """Yield the changes that were made through the API, newest first."""
        return self._http.pages("/v1/audit")

    # Models and recommendations

    def models(self) -> Iterator[Json]:
        """Yield the model versions, newest first."""
        return self._http.pages("/v1/models")

    def model(self, version: int) -> Json:
        """Return the card of a model version: data, hyperparameters, seed, metrics, baselines."""
        return self._http.json("GET", f"/v1/models/{version}")

    def publish(self, version: int) -> Json:
        """Publish a model version."""
        return self._http.json("POST", f"/v1/models/{version}/publish")

    def rollback(self) -> Json:
        """Publish the previously published model version again."""
        return self._http.json("POST", "/v1/models/rollback")

    def recommendations(self, user_id: str, n: int = 10, **query: object) -> Recommendations:
        """Return the top n items of a stored user; `query`: exclude, include_rated, explain."""
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
        """Return the top n items for a history that is not stored, such as an anonymous cart.

        The history has ratings `{item_id, value}` and interactions `{item_id, type}`.
        `more`: exclude, include_rated, explain.
        """
        body = {"ratings": list(ratings), "interactions": list(interactions), "n": n, **more}
        return cast(Recommendations, self._http.json("POST", "/v1/recommendations", body))

    def predictions(self, user_id: str, item_ids: Iterable[str]) -> Json:
        """Return the expected rating and the rating distribution of each requested item."""
        params = {"item_id": list(item_ids)}
        return self._http.json("GET", f"/v1/users/{_segment(user_id)}/predictions", params=params)

    def live(self) -> bool:
        """Return whether the process of the service responds."""
        return self._http.succeeds("/livez")

    def ready(self) -> Json:
        """Return the readiness checks. Raises ApiError if a check fails."""
        return self._http.json("GET", "/readyz")


def _segment(public_id: str) -> str:
    """Encode an id as one path segment; slashes and ids of dots only are escaped."""
    return quote(public_id, safe="") if public_id.strip(".") else "%2E" * len(public_id)
