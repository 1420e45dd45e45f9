"""The Python client: what a shop's back end, or the command line, says to the service over HTTP.

    with Client("http://127.0.0.1:8000") as recsvc:
        recsvc.rate("ada", "solaris", 5)
        recsvc.recommendations("ada", n=3)["items"]

Answers are the service's JSON as dictionaries; a refusal is an `ApiError` that carries the
problem document. This package knows only the HTTP API: it can be copied out of the house.
"""

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import quote

from recsvc.client.answers import (
    FINAL_STATES,
    Event,
    Job,
    Json,
    Reason,
    Recommendations,
    RecommendedItem,
    Refusal,
    Report,
)
from recsvc.client.http import ApiError, ClientError, Connection, Unreachable

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
    "Unreachable",
]

DEFAULT_URL = "http://127.0.0.1:8000"
UPLOAD_SECONDS = 600.0
LONG_POLL_SECONDS = 20


class Client:
    """A connection to one service; use it as a context manager, or close it.

    base_url  where the service answers
    uds       path of a Unix socket to use instead of the network
    timeout   seconds to wait for any one answer
    patience  seconds that may be spent on trying again, when nobody answers or the service says
              503 with Retry-After; only calls that may be repeated without harm are
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        uds: str | None = None,
        timeout: float = 30.0,
        patience: float = 20.0,
    ) -> None:
        self._http = Connection(base_url, uds, timeout, patience)
        self.base_url = self._http.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        """Describe an item: title, categories, price, available, hidden, attributes."""
        return self._http.json("PUT", f"/v1/items/{_segment(item_id)}", fields)

    def send_items(self, items: Iterable[Json]) -> Report:
        """Describe many items `{item_id, title?, …}` at once."""
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

    # Jobs

    def import_file(
        self,
        file: BinaryIO,
        name: str,
        *,
        format: str = "auto",  # noqa: A002 - as the API names it
        dry_run: bool = False,
    ) -> Job:
        """Upload a file of ratings, interactions or both, and queue its import."""
        answer = self._http.send(
            "POST",
            "/v1/import-jobs",
            files={"file": (name, file, "application/octet-stream")},
            data={"format": format, "dry_run": str(dry_run).lower()},
            timeout=UPLOAD_SECONDS,
        )
        return cast(Job, answer.json())

    def refusals(self, job_id: int) -> Iterator[Refusal]:
        """Give every refused line of an import."""
        pages = self._http.pages(f"/v1/import-jobs/{job_id}/refusals")
        return (cast(Refusal, refusal) for refusal in pages)

    def train(self, **spec: object) -> Job:
        """Queue a training job.

        `spec`  hyperparameters, model_kind, seed, validation_share, publish, warm_start,
        autopilot
        """
        return cast(Job, self._http.json("POST", "/v1/training-jobs", spec))

    def evaluate(self, version: int, *, n: int = 10, n_users: int | None = 2000) -> Job:
        """Queue an evaluation of a model version on the ratings that its training held out.

        `n_users`  whose lists of n are measured; None: everybody
        """
        path = f"/v1/models/{version}/evaluation"
        return cast(Job, self._http.json("POST", path, {"n": n, "n_users": n_users}))

    def jobs(self, kind: str) -> Iterator[Job]:
        """Give all `training`, `import` or `evaluation` jobs, the newest first."""
        return (cast(Job, job) for job in self._http.pages(f"/v1/{kind}-jobs"))

    def job(self, kind: str, job_id: int, *, wait: int = 0) -> Job:
        """Give a job; with `wait`, as soon as it changes or so many seconds later."""
        params = {"wait": wait} if wait else None
        return cast(Job, self._http.json("GET", f"/v1/{kind}-jobs/{job_id}", params=params))

    def finished(self, job: Job, *, timeout: float = float("inf")) -> Job:
        """Wait until a job is final, at most `timeout` seconds; give it as it stands then."""
        deadline = time.monotonic() + timeout
        while job["state"] not in FINAL_STATES and time.monotonic() < deadline:
            wait = max(1, int(min(LONG_POLL_SECONDS, deadline - time.monotonic())))
            job = self.job(job["kind"], job["id"], wait=wait)
        return job

    def cancel(self, job: Job) -> Job:
        """Ask a job to stop; what it has done so far stays."""
        return cast(Job, self._http.json("POST", f"/v1/{job['kind']}-jobs/{job['id']}/cancel"))

    def error_curve(self, job_id: int) -> list[Json]:
        """Give a training job's figures, one entry an epoch."""
        return cast(list[Json], self.curve(job_id)["epochs"])

    def curve(self, job_id: int) -> Json:
        """Give a training job's `epochs`, `best_epoch` and `baselines`."""
        return self._http.json("GET", f"/v1/training-jobs/{job_id}/error-curve")

    def picture(self, job_id: int, **query: object) -> str:
        """Draw an error curve as SVG; `query` metric, beside, scale."""
        path = f"/v1/training-jobs/{job_id}/error-curve"
        return self._http.send("GET", path, params={"format": "svg", **query}).text

    def diagnosis(self, job_id: int) -> Json:
        """Say why a training job's loss does not go down: `verdict` and `findings`."""
        return self._http.json("GET", f"/v1/training-jobs/{job_id}/diagnosis")

    def validate(self, **spec: object) -> Json:
        """Look at a training job before it is queued: its data, choices, memory and time."""
        return self._http.json("POST", "/v1/training-jobs:validate", spec)

    def retry(self, job_id: int, apply: Iterable[str] | None = None) -> Job:
        """Queue a training job anew, changed as its diagnosis suggests.

        `apply`  codes of findings; all that suggest a change, if left out
        """
        body = {"apply": list(apply)} if apply is not None else {}
        return cast(Job, self._http.json("POST", f"/v1/training-jobs/{job_id}/retry", body))

    def diagnose(self, curve: Iterable[Json], hyperparameters: Json | None = None) -> Json:
        """Diagnose a curve from elsewhere, an entry an epoch."""
        body = {"curves": list(curve), "hyperparameters": hyperparameters}
        return self._http.json("POST", "/v1/diagnoses", body)

    def events(self, job_id: int, *, after: str = "") -> Iterator[Event]:
        """Give a training job's events as they happen, from the one after id `after`, until done.

        A broken stream is taken up again where it broke, as often as the patience allows.
        """
        deadline = time.monotonic() + self._http.patience
        while True:
            try:
                for event in self._http.stream(f"/v1/training-jobs/{job_id}/events", after):
                    yield event
                    if event.name == "done":
                        return
                    after, deadline = event.id or after, time.monotonic() + self._http.patience
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

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
