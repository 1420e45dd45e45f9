"""A page of metrics, parsed."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Page:
    """The samples of a page, found by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples: list[Sample] = [s for family in self.families for s in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples that have these labels; 0 if none has."""
        return sum(self.values(name, **labels))

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of the samples that have these labels."""
        return [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def n_requests(self, method: str, route: str, **labels: str) -> float:
        """Return the number of requests of a route."""
        name = "recsvc_http_request_duration_seconds_count"
        return self.total(name, method=method, route=route, **labels)

    def counters(self) -> dict[tuple, float]:
        """Return everything that must never decrease while the service runs."""
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in self.families
            if family.type in ("counter", "histogram")
            and not family.name.startswith("recsvc_process")
            for sample in family.samples
        }
