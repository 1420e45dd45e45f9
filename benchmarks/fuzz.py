"""Generated requests against a service: at least 20,000 cases, and how it responded to them.

    .venv/bin/python -m benchmarks.fuzz [--rounds 4] [--minutes 15]

schemathesis makes requests from docs/openapi.json, valid and invalid, to `recsvc serve` on loopback
with one API process, SQLite and a model of MovieLens 100k: examples, every boundary of the document
(coverage), random cases of each operation (fuzzing), and sequences that use the ids of earlier
responses (stateful). A round has its own service and its number as the seed; it samples the
memory (PSS) of the API process. Finished rounds are kept in benchmarks/.cache/fuzz.jsonl until
all are done; --fresh begins again.

Every request sends the key of RECSVC_API_KEY, and there is no rate limit. Each fourth round also
sends generated `X-API-Key` headers and login cookies. No operation is left out, but the key of the
round itself is not revoked or rotated: everything later would get 401. No worker runs, because
generated training jobs would train for hours; so `wait` is at most 0.1 s and one event of a stream
is read.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transforms import to_wire_text
from schemathesis.core.transport import Response
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from benchmarks.data import data_file
from benchmarks.rounds import CACHE, Row, add_options, run_rounds
from benchmarks.scrapes import api_processes
from benchmarks.service import imported, service, trained
from benchmarks.soak import ML_100K, QUICK, pss_mb
from recsvc.client import Client

KEPT = CACHE / "fuzz.jsonl"
DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"
KEY = "fuzz-" + "0123456789abcdef" * 3
OWN_KEY_ID = 1
SETTINGS = {
    "RECSVC_API_KEY": KEY,
    "RECSVC_MAX_QUEUED_JOBS": "500",
    "RECSVC_MAX_JOBS_PER_KEY": "0",
    "RECSVC_RATE_LIMIT": "0",
}
CASES_PER_OPERATION = 60  # of fuzzing
SEQUENCES = 200  # of the stateful phase, of about six requests each
PHASES = ("examples", "coverage", "fuzzing", "stateful")
CREDENTIALS_EVERY = 4
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
MOST_WAIT_SECONDS = 0.1
TIMEOUT_SECONDS = 60
SAMPLE_SECONDS = 1
MOST_GROWTH = 1.25  # of the last third of a round over the first
KEPT_FAILURES = 50  # of a round
WIDTH = 20  # characters of a bar


@dataclass
class Round:
    """The responses of a round.

    cases      requests by phase
    statuses   responses by status, 0 where a connection ended without one
    failures   responses that do not fit the document: check, operation, message
    memory_mb  PSS of the API process, a sample a second
    slowest    seconds of the slowest response, and its operation
    """

    seed: int
    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    n_failures: int = 0
    n_restarts: int = 0
    operations: list[str] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    took: float = 0.0

    @property
    def n_cases(self) -> int:
        """Return the number of requests."""
        return sum(self.cases.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="of about 6,400 cases each")
    add_options(parser)
    options = parser.parse_args()
    rows = run_rounds(
        KEPT,
        options.rounds,
        lambda number: vars(measure(seed=number)),
        minutes=options.minutes,
        fresh=options.fresh,
    )
    show([round_of(row) for row in rows])


def round_of(row: Row) -> Round:
    """Return a round that was kept."""
    counters = {name: Counter(row[name]) for name in ("cases", "statuses")}
    return Round(**row | counters)


def measure(seed: int) -> Round:
    """Train, restart the service without a worker, and send the requests of a round."""
    started = time.monotonic()
    found = Round(seed)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with service(home) as client:
            imported(client, data_file(ML_100K))
            trained(client, hyperparameters=QUICK)
        with service(home, "--no-worker", **SETTINGS) as client:
            wait_until_ready(client)
            with sampling(home, found):
                send(client.base_url, found)
    found.took = time.monotonic() - started
    return found


def wait_until_ready(client: Client, seconds: float = 60) -> None:
    """Wait until the model is loaded."""
    deadline = time.monotonic() + seconds
    while not client.ready() and time.monotonic() < deadline:
        time.sleep(0.1)


@contextmanager
def sampling(home: Path, found: Round) -> Iterator[None]:
    """Sample the memory of the API process, and count its restarts."""
    stopping = threading.Event()
    before = api_processes(home)

    def sample() -> None:
        while not stopping.wait(SAMPLE_SECONDS):
            for pid in before:
                try:
                    found.memory_mb.append(round(pss_mb(pid), 1))
                except OSError:  # it has ended; `n_restarts` counts it
                    return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        found.n_restarts = len(set(before) - set(api_processes(home)))


def send(
    url: str,
    found: Round,
    *,
    per_operation: int = CASES_PER_OPERATION,
    sequences: int = SEQUENCES,
    phases: Collection[str] = PHASES,
) -> None:
    """Send the requests of a round, and record every response."""
    n_examples = {
        phase: {"enabled": phase in phases, "generation": {"max-examples": n}}
        for phase, n in {"fuzzing": per_operation, "stateful": sequences}.items()
    }
    config = SchemathesisConfig.from_dict(
        {
            "seed": found.seed,
            "base-url": url,
            "headers": {"Authorization": f"Bearer {KEY}"},
            "request-timeout": TIMEOUT_SECONDS,
            "max-stream-events": 1,
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "checks": {"enabled": False} | {check: {"enabled": True} for check in CHECKS},
            "generation": {
                "database": "none",
                "no-shrink": True,
                "with-security-parameters": found.seed % CREDENTIALS_EVERY == CREDENTIALS_EVERY - 1,
            },
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES} | n_examples,
        }
    )
    document = schemathesis.openapi.from_path(DOCUMENT, config=config)
    for event in from_schema(document).execute():
        if isinstance(event, ScenarioFinished):
            record(event.phase.name, event.recorder, found)
        elif isinstance(event, NonFatalError):
            fail(found, "error", event.label, f"{type(event.value).__name__}: {event.value}")
        elif isinstance(event, FatalError):
            raise event.exception


@schemathesis.hook("before_call")
def keep_service_available(context: object, case: schemathesis.Case, kwargs: object) -> None:
    """Shorten long polls, and act on another key than that of the round."""
    with suppress(ValueError):
        if float(str((case.query or {}).get("wait", 0))) > MOST_WAIT_SECONDS:
            case.query["wait"] = MOST_WAIT_SECONDS
    with suppress(ValueError):
        if float(str((case.path_parameters or {}).get("key_id", 0))) == OWN_KEY_ID:
            case.path_parameters["key_id"] = OWN_KEY_ID + 1


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(context: object, value: object) -> object:
    return to_wire_text(value).encode(errors="ignore") if not isinstance(value, bytes) else value


def record(phase: str, recorder: ScenarioRecorder, found: Round) -> None:
    for case_id, interaction in recorder.interactions.items():
        request, response = interaction.request, interaction.response
        case = recorder.cases.get(case_id)
        label = case.value.operation.label if case else f"{request.method} {request.uri}"
        if label not in found.operations:
            found.operations.append(label)
        found.cases[phase] += 1
        found.statuses[outcome(response)] += 1
        if response is not None:
            found.slowest = max(found.slowest, (response.elapsed, label))
        if response is None:
            fail(found, "no response", label, request.uri)
        elif response.status_code >= 500 and not is_documented_refusal(response):
            fail(found, "server error", label, f"{request.uri}: {response.text[:300]}")
    for checks in recorder.checks.values():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info:
                failure = check.failure_info.failure
                sample = check.failure_info.code_sample[:500]
                fail(found, check.name, failure.operation, f"{failure.message[:500]} {sample}")


def outcome(response: Response | None) -> str:
    if response is None:
        return "no response"
    if response.status_code >= 500 and is_documented_refusal(response):
        return f"{response.status_code} with Retry-After"
    return str(response.status_code)


def is_documented_refusal(response: Response) -> bool:
    """Return whether it is 503 with a time to wait."""
    return response.status_code == 503 and "retry-after" in response.headers


def fail(found: Round, check: str, operation: str, message: str) -> None:
    found.n_failures += 1
    if len(found.failures) < KEPT_FAILURES:
        found.failures.append((check, operation, message))


def show(rounds: list[Round]) -> None:
    cases: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for found in rounds:
        cases.update(found.cases)
        statuses.update(found.statuses)
    total = sum(cases.values())
    operations = {label for found in rounds for label in found.operations}
    seeds = ", ".join(str(found.seed) for found in rounds)
    print(f"| one API process, SQLite, seeds {seeds} | | |")
    print("|---|---:|---|")
    print(f"| cases | {total:,} | of {len(operations)} operations |")
    for phase, n in sorted(cases.items()):
        print(f"| … {phase.lower().replace('_', ' ')} | {n:,} | {bar(n, total)} |")
    for status, n in sorted(statuses.items()):
        print(f"| responses {status} | {n:,} | {bar(n, total)} |")
    unwanted = sum(n for status, n in statuses.items() if status[0] == "5" and len(status) == 3)
    print(f"| responses 5xx, without 503 and Retry-After | {unwanted} | at most 0 |")
    print(f"| connections without a response | {statuses['no response']} | at most 0 |")
    print(f"| restarts of the API process | {sum(r.n_restarts for r in rounds)} | at most 0 |")
    n_failures = sum(found.n_failures for found in rounds)
    print(f"| responses that do not fit the document | {n_failures} | at most 0 |")
    seconds, label = max(tuple(found.slowest) for found in rounds)
    print(f"| slowest response | {seconds:.1f} s | {label} |")
    for found in rounds:
        first, last = growth(found.memory_mb)
        print(
            f"| memory (PSS), seed {found.seed}: first third → last third | {first:.0f} → "
            f"{last:.0f} MB | {last / first:.2f}× (at most {MOST_GROWTH}×) |"
        )
    for found in rounds:
        for check, operation, message in found.failures:
            print(f"{found.seed} {check}: {operation}: {message}", file=sys.stderr)


def growth(memory_mb: list[float]) -> tuple[float, float]:
    """Return the means of the first and the last third."""
    third = max(1, len(memory_mb) // 3)
    return sum(memory_mb[:third]) / third, sum(memory_mb[-third:]) / third


def bar(n: int, total: int) -> str:
    return "█" * round(WIDTH * n / total)


if __name__ == "__main__":
    main()
