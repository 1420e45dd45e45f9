"""An HTTP connection that retries idempotent requests and raises typed errors."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx2

from recsvc.client.types import Event, Json

RETRYABLE_STATUS = (httpx2.codes.TOO_MANY_REQUESTS, httpx2.codes.SERVICE_UNAVAILABLE)
RETRYABLE_METHODS = ("GET", "PUT", "PATCH", "DELETE")  # PATCH is idempotent here: it merges
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0


class ClientError(Exception):
    """The base class of errors of the client."""


class Unreachable(ClientError):
    """The service did not respond, or the response was incomplete."""


class ApiError(ClientError):
    """An error response of the service, with its problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[Json] = problem.get("errors") or []
        self.request_id = str(problem.get("request_id", ""))
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)


class Connection:
    """An HTTP connection to one service; `recsvc.client.Client` documents the arguments."""

    def __init__(
        self, base_url: str, key: str | None, uds: str | None, timeout: float, patience: float
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {key}"} if key else None,
            timeout=timeout,
            transport=httpx2.HTTPTransport(uds=uds),
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def json(self, method: str, path: str, body: object = None, params: Any = None) -> Json:  # noqa: ANN401 - httpx2's own
        """Send a request with a JSON body and return the JSON response."""
        return cast(Json, self.send(method, path, json=body, params=params).json())

    def pages(self, path: str) -> Iterator[Json]:
        """Yield the entries of a paginated list."""
        cursor: str | None = None
        while True:
            page = self.json("GET", path, params={"cursor": cursor} if cursor else None)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def send(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own
        """Send a request; retry idempotent ones after connection errors and Retry-After.

        Raises ApiError, Unreachable.
        """
        if method == "POST" and request.get("json") is None and "files" not in request:
            request["headers"] = {"Content-Type": "application/json"}
        deadline = time.monotonic() + self.patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, **request)
                if answer.is_success:
                    return answer
                failure: ClientError = api_error(answer)
                wait = _retry_after(answer)
            except httpx2.TransportError as error:
                failure = self._unreachable(error)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
            if method not in RETRYABLE_METHODS or time.monotonic() + wait > deadline:
                raise failure
            time.sleep(wait)

    def succeeds(self, path: str) -> bool:
        """Return whether a GET request succeeds, without a retry."""
        try:
            return self._http.get(path).is_success
        except httpx2.TransportError:
            return False

    def stream(self, path: str, after: str) -> Iterator[Event]:
        """Yield server-sent events after the id `after`, until the stream ends."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        with (
            self._translate_transport_errors(),
            self._http.stream("GET", path, headers=headers) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise api_error(answer)
            for event in httpx2.EventSource(answer):
                yield Event(event.id, event.event, json.loads(event.data) if event.data else {})

    @contextmanager
    def _translate_transport_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx2.TransportError) -> Unreachable:
        return Unreachable(f"{self.base_url} does not answer: {error or type(error).__name__}.")


def api_error(answer: httpx2.Response) -> ApiError:
    """Return the error for a response with a problem document."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {"detail": answer.text[:200]}
    return ApiError(answer.status_code, problem if isinstance(problem, dict) else {})


def _retry_after(answer: httpx2.Response) -> float:
    """Return the Retry-After seconds of a 429 or 503 response, infinity for any other response."""
    if answer.status_code not in RETRYABLE_STATUS:
        return float("inf")
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return float("inf")
