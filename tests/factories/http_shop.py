"""A shop of MovieLens' ratings that was filled and taught through the service's own door."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from recsvc.client import Client, Job
from tests.acceptance.conftest import Site, answers_with, imported, trained
from tests.factories.template_homes import copy_of_home

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


def fill_home(data: Path, home: Path) -> tuple[Job, Job]:
    """Import ml-100k by upload, describe its items and train a first version; return both jobs."""
    site = Site(home)
    client = site.serve()
    importing = imported(client, data / "u.data")
    titles = read_titles(data / "u.item")
    described = [{"item_id": item_id, "title": title} for item_id, title in titles.items()]
    assert client.send_items(described)["accepted"] == len(titles)
    training = trained(client, **SPEC | {"publish": "if_better"})
    site.close()
    return importing, training


def opened(factory: pytest.TempPathFactory, data: Path) -> Shop:
    """Serve a copy of the filled home."""
    home, (importing, training) = copy_of_home(factory, "shop", partial(fill_home, data))
    site = Site(home)
    client = site.serve("--workers", str(N_PROCESSES))
    version = training["result"]["version"]
    site.in_every_process(lambda: answers_with(client, version), n_processes=N_PROCESSES)
    return Shop(site, client, read_titles(data / "u.item"), importing, training)


def read_titles(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="latin-1").splitlines()
    return dict(line.split("|")[:2] for line in lines)
