"""Importing interactions: told apart from ratings, each event once, titles for items without."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from recsvc.db.catalog import items
from recsvc.db.feedback import interactions
from recsvc.db.session import reading, unit_of_work
from recsvc.service.context import Context
from tests.conftest import NOON
from tests.db.feedback import test_interactions
from tests.service.imports.test_import_job import (
    a_context,
    carry_out,
    chunks_of,
    import_bytes,
    stored,
    upload,
)


@pytest.fixture
def context(database, shelf) -> Context:
    return a_context(database, shelf)


MIXED = b"""user_id,item_id,event_type,event_value,quantity
u,i,rating,4,
u,i,view,,
u,i,view,,
u,i,purchase,,2
u,i,purchase,,-2
v,j,cart,,
v,j,wish,,
"""


def test_import_stores_ratings_and_interactions_of_one_file(context):
    account = import_bytes(context, MIXED)
    again = import_bytes(context, MIXED, now=NOON + timedelta(days=1))

    assert (account["ratings"], account["interactions"]) == (1, 4)
    assert (account["added"], account["unchanged"]) == (4, 1)
    assert account["refused"] == {"cancellation": 1, "unknown-type": 1}
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 5)
    assert stored(context) == {("u", "i"): 4.0}
    assert interactions_stored(context) == {
        ("u", "i", "view"): 1,
        ("u", "i", "purchase"): 1,
        ("v", "j", "cart"): 1,
    }


def interactions_stored(context: Context) -> dict[tuple[str, str, str], int]:
    return test_interactions.interaction_counts(context.database)


def test_dry_run_stores_no_interactions_and_titles(context):
    account = import_bytes(context, INVOICES, dry_run=True)

    assert (account["accepted"], account["added"]) == (3, 0)
    assert interactions_stored(context) == {}
    with reading(context.database) as session:
        assert items.count_items(session) == 0


INVOICES = b"""StockCode,Description,Quantity,InvoiceDate,CustomerID
a,First name,1,2010-12-01 08:26:00,u
a,Second name,1,2010-12-02 08:26:00,u
b,Other name,1,2010-12-02 08:26:00,u
"""


def title_of(context: Context, item_id: str) -> str | None:
    with reading(context.database) as session:
        item = items.get(session, item_id)
        assert item is not None
        return item.title


@pytest.mark.parametrize("n_bytes", [1 << 20, 60], ids=["one chunk", "a line a chunk"])
def test_description_becomes_title_of_item_without_title(context, monkeypatch, n_bytes):
    described = {
        "title": "Given",
        "categories": [],
        "price": None,
        "available": True,
        "hidden": False,
        "attributes": {},
    }
    with unit_of_work(context.database) as session:
        items.put(session, {"b": described, "a": described | {"title": None}}, now=NOON)
        before = items.catalogue_state(session)
    chunks_of(monkeypatch, n_bytes)

    import_bytes(context, INVOICES, now=NOON - timedelta(days=1))

    assert (title_of(context, "a"), title_of(context, "b")) == ("First name", "Given")
    with reading(context.database) as session:
        assert items.catalogue_state(session) != before  # so that what serves sees the title


def test_concurrent_import_of_titles_and_put_of_items_succeed(context):
    """Each makes the other's items; neither may wait for the other for ever."""
    names = [f"i{n:04}" for n in range(500)]
    rows = [f"{name},named,1,2010-12-01 08:26:00,u" for name in reversed(names)]
    content = "\n".join(["StockCode,Description,Quantity,InvoiceDate,CustomerID", *rows])
    described = {"categories": [], "price": 1.0, "available": True, "hidden": False}
    upload(context, content.encode())

    def put() -> None:
        for part in (names, names[::-1]):
            with unit_of_work(context.database) as session:
                entries = {name: {"title": None, "attributes": {}, **described} for name in part}
                items.put(session, entries, now=NOON)

    with ThreadPoolExecutor(2) as pool:
        putting, importing_ = pool.submit(put), pool.submit(carry_out, context)
        putting.result(), importing_.result()

    assert len(interactions_stored(context)) == 500


def test_online_retail_invoices_are_imported_once(context, data_dir: Path):
    """Of 541,909 lines 135,080 name no customer and 8,905 of the others are cancellations.

    10,127 lines repeat a customer, item and time: some with another quantity.
    """
    content = (data_dir / "online-retail" / "online_retail.csv.gz").read_bytes()

    account = import_bytes(context, content)
    again = import_bytes(context, content, now=NOON + timedelta(days=1))

    assert (account["lines"], account["header"]) == (541_910, 1)
    assert account["refused"] == {"cancellation": 8_905, "empty-user-id": 135_080}
    assert (account["ratings"], account["interactions"]) == (0, 397_924)
    assert account["added"] == 387_797
    assert (again["added"], again["accepted"]) == (0, 397_924)
    with reading(context.database) as session:
        assert interactions.count_interactions(session) == 387_797
    assert title_of(context, "85123A") == "WHITE HANGING HEART T-LIGHT HOLDER"
