"""One connection: sends, tries again where that does no harm, and says what went wrong."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx2

from recsvc.client.types import Event, Json

MAY_BE_REPEATED = ("GET", "PUT", "PATCH", "DELETE")  # our PATCH merges: twice is once
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0


class ClientError(Exception):
    """A call did not succeed."""


class Unreachable(ClientError):
    """Nobody answered, or the answer broke off."""


class ApiError(ClientError):
    """The service refused, and its problem document (RFC 9457) says why."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[Json] = problem.get("errors") or []
        self.request_id = str(problem.get("request_id", ""))
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)


class Connection:
    """HTTP to one service; see `recsvc.client.Client` for the arguments."""

    def __init__(self, base_url: str, uds: str | None, timeout: float, patience: float) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self._http = httpx2.Client(
            base_url=self.base_url, timeout=timeout, transport=httpx2.HTTPTransport(uds=uds)
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def json(self, method: str, path: str, body: object = None, params: Any = None) -> Json:  # noqa: ANN401 - httpx2's own
        """Send JSON, give JSON."""
        return cast(Json, self.send(method, path, json=body, params=params).json())

    def pages(self, path: str) -> Iterator[Json]:
        """Give the entries of a list, asking for one page after the other."""
        cursor: str | None = None
        while True:
            page = self.json("GET", path, params={"cursor": cursor} if cursor else None)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def send(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own
        """Send a request, again where nobody answered or the service asks for it.

        Raises ApiError, Unreachable.
        """
        deadline = time.monotonic() + self.patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, **request)
                if answer.is_success:
                    return answer
                failure: ClientError = api_error(answer)
                wait = _asked_to_wait(answer)
            except httpx2.TransportError as error:
                failure = self._unreachable(error)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
            if method not in MAY_BE_REPEATED or time.monotonic() + wait > deadline:
                raise failure
            time.sleep(wait)

    def answers(self, path: str) -> bool:
        """Tell, without trying again, whether a GET succeeds."""
        try:
            return self._http.get(path).is_success
        except httpx2.TransportError:
            return False

    def stream(self, path: str, after: str) -> Iterator[Event]:
        """Give server-sent events, from the one after id `after`, until the stream ends."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        with (
            self._broken_off_is_unreachable(),
            self._http.stream("GET", path, headers=headers) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise api_error(answer)
            for event in httpx2.EventSource(answer):
                yield Event(event.id, event.event, json.loads(event.data) if event.data else {})

    @contextmanager
    def _broken_off_is_unreachable(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx2.TransportError) -> Unreachable:
        return Unreachable(f"{self.base_url} does not answer: {error or type(error).__name__}.")


def api_error(answer: httpx2.Response) -> ApiError:
    """Read the problem document of a refusal."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {"detail": answer.text[:200]}
    return ApiError(answer.status_code, problem if isinstance(problem, dict) else {})


def _asked_to_wait(answer: httpx2.Response) -> float:
    """Give the seconds after which a 503 wants to be asked again; anything else never does."""
    if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
        return float("inf")
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return float("inf")
