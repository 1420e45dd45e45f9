"""The part of the client for jobs and sweeps."""

import os
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast

from recsvc.client.http import Connection, Unreachable
from recsvc.client.types import FINAL_STATES, Event, Job, Json, Refusal, Sweep

KEY_VARIABLE = "RECSVC_CLIENT_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
UPLOAD_SECONDS = 600.0
LONG_POLL_SECONDS = 20


class JobsClient:
    """A client of one service, for its jobs and its sweeps.

    base_url  URL of the service
    key       API key; by default that of the environment variable RECSVC_CLIENT_KEY, if it is set
    uds       path of a Unix socket to use instead of the network
    timeout   seconds to wait for a response
    patience  seconds for retries of idempotent requests, after connection errors and after 503
              responses with Retry-After
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        uds: str | None = None,
        timeout: float = 30.0,
        patience: float = 20.0,
    ) -> None:
        key = key or os.environ.get(KEY_VARIABLE)
        self._http = Connection(base_url, key, uds, timeout, patience)
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
        """Yield the refused lines of an import."""
        pages = self._http.pages(f"/v1/import-jobs/{job_id}/refusals")
        return (cast(Refusal, refusal) for refusal in pages)

    def train(self, **spec: object) -> Job:
        """Queue a training job.

        `spec`  hyperparameters, model_kind, seed, validation_share, publish, warm_start,
        autopilot
        """
        return cast(Job, self._http.json("POST", "/v1/training-jobs", spec))

    def evaluate(self, version: int, *, n: int = 10, n_users: int | None = 2000) -> Job:
        """Queue an evaluation of a model version on the ratings held out by its training.

        `n_users`  size of the sample of users for list metrics; None: all users
        """
        path = f"/v1/models/{version}/evaluation"
        return cast(Job, self._http.json("POST", path, {"n": n, "n_users": n_users}))

    def jobs(self, kind: str) -> Iterator[Job]:
        """Yield the jobs of a kind (`training`, `import`, `evaluation`), newest first."""
        return (cast(Job, job) for job in self._http.pages(f"/v1/{kind}-jobs"))

    def job(self, kind: str, job_id: int, *, wait: int = 0) -> Job:
        """Return a job; with `wait`, after its next change or after so many seconds."""
        params = {"wait": wait} if wait else None
        return cast(Job, self._http.json("GET", f"/v1/{kind}-jobs/{job_id}", params=params))

    def wait_for(self, job: Job, *, timeout: float = float("inf")) -> Job:
        """Wait until a job is final, at most `timeout` seconds; return its last state."""
        deadline = time.monotonic() + timeout
        while job["state"] not in FINAL_STATES and time.monotonic() < deadline:
            wait = max(1, int(min(LONG_POLL_SECONDS, deadline - time.monotonic())))
            job = self.job(job["kind"], job["id"], wait=wait)
        return job

    def cancel(self, job: Job) -> Job:
        """Request the cancellation of a job; its previous results are kept."""
        return cast(Job, self._http.json("POST", f"/v1/{job['kind']}-jobs/{job['id']}/cancel"))

    def cancel_queued(self) -> list[int]:
        """Cancel all queued training jobs and return their numbers."""
        answer = self._http.json("POST", "/v1/training-jobs:cancel-queued")
        return cast(list[int], answer["job_ids"])

    def error_curve(self, job_id: int) -> list[Json]:
        """Return the metrics of a training job, one entry an epoch."""
        return cast(list[Json], self.curve(job_id)["epochs"])

    def curve(self, job_id: int) -> Json:
        """Return the `epochs`, `best_epoch` and `baselines` of a training job."""
        return self._http.json("GET", f"/v1/training-jobs/{job_id}/error-curve")

    def error_curve_svg(self, job_id: int, **query: object) -> str:
        """Return a plot of an error curve as SVG; `query`: the parameters of the API."""
        path = f"/v1/training-jobs/{job_id}/error-curve"
        return self._http.send("GET", path, params={"format": "svg", **query}).text

    def diagnosis(self, job_id: int) -> Json:
        """Return the diagnosis of a training job: `verdict` and `findings`."""
        return self._http.json("GET", f"/v1/training-jobs/{job_id}/diagnosis")

    def validate(self, **spec: object) -> Json:
        """Preview a training job without queuing it: data, choices, memory and time."""
        return self._http.json("POST", "/v1/training-jobs:validate", spec)

    def retry(self, job_id: int, apply: Iterable[str] | None = None) -> Job:
        """Queue a training job again with the changes that its diagnosis suggests.

        `apply`  codes of findings; default: all that suggest a change
        """
        body = {"apply": list(apply)} if apply is not None else {}
        return cast(Job, self._http.json("POST", f"/v1/training-jobs/{job_id}/retry", body))

    def diagnose(self, curve: Iterable[Json], hyperparameters: Json | None = None) -> Json:
        """Diagnose an error curve from any source, one entry an epoch."""
        body = {"curves": list(curve), "hyperparameters": hyperparameters}
        return self._http.json("POST", "/v1/diagnoses", body)

    def events(self, job_id: int, *, after: str = "") -> Iterator[Event]:
        """Yield the events of a training job after the id `after`, live, until `done`.

        An interrupted stream resumes after the last event, for `patience` seconds at most.
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

    # Sweeps

    def request_sweep(
        self,
        *,
        grid: Json | None = None,
        random: Json | None = None,
        rate_range: Json | None = None,
        base: Json | None = None,
        early_stopping: bool = True,
    ) -> Sweep:
        """Queue the training jobs of a sweep; pass exactly one of the first three arguments.

        grid            hyperparameter → values; each combination is a trial
        random          {trials, seed, over}; over: hyperparameter → values or {low, high, scale}
        rate_range      {low, high, trials}: short trials at learning rates from low to high
        base            settings of all trials: model_kind, hyperparameters, seed, …
        early_stopping  stop trials that are worse than the median of the others
        """
        spec = {"grid": grid, "random": random, "rate_range": rate_range, "base": base}
        body = {name: value for name, value in spec.items() if value is not None}
        answer = self._http.json("POST", "/v1/sweeps", body | {"early_stopping": early_stopping})
        return cast(Sweep, answer)

    def sweeps(self) -> Iterator[Sweep]:
        """Yield the sweeps, newest first."""
        return (cast(Sweep, sweep) for sweep in self._http.pages("/v1/sweeps"))

    def sweep(self, sweep_id: int) -> Sweep:
        """Return a sweep: its trials, the best trial and the sensitivity."""
        return cast(Sweep, self._http.json("GET", f"/v1/sweeps/{sweep_id}"))

    def cancel_sweep(self, sweep_id: int) -> Sweep:
        """Request the cancellation of all trials of a sweep; their curves are kept."""
        return cast(Sweep, self._http.json("POST", f"/v1/sweeps/{sweep_id}/cancel"))
