"""A shop of MovieLens' ratings that was filled and taught through the service's own door."""

from dataclasses import dataclass
from pathlib import Path

from recsvc.client import Client, Job
from tests.acceptance.conftest import Site, answers_with, imported, trained

N_PROCESSES = 2
SPEC = {"hyperparameters": {"n_hidden": 24, "epochs": 15, "rating_epochs": 5}, "seed": 5}


@dataclass
class Shop:
    """The running service and what became of its first jobs.

    titles  item_id → title
    """

    site: Site
    client: Client
    titles: dict[str, str]
    importing: Job
    training: Job

    def rated(self, user_id: str) -> set[str]:
        return {rating["item_id"] for rating in self.client.ratings(user_id)}


def opened(site: Site, data: Path) -> Shop:
    """Import ml-100k by upload, describe its items and train a first version."""
    client = site.serve("--workers", str(N_PROCESSES))
    importing = imported(client, data / "u.data")
    titles = read_titles(data / "u.item")
    described = [{"item_id": item_id, "title": title} for item_id, title in titles.items()]
    assert client.send_items(described)["accepted"] == len(titles)
    training = trained(client, **SPEC | {"publish": "if_better"})
    version = training["result"]["version"]
    site.in_every_process(lambda: answers_with(client, version), n_processes=N_PROCESSES)
    return Shop(site, client, titles, importing, training)


def read_titles(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="latin-1").splitlines()
    return dict(line.split("|")[:2] for line in lines)
