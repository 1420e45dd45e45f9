"""Interactions over HTTP."""

import json

import pytest
from sqlalchemy import select

from recsvc.db.session import reading
from recsvc.db.tables import Interaction

NDJSON = {"content-type": "application/x-ndjson"}
AT_NOON = "2026-06-01T12:00:00Z"


def send(client, *entries: object):
    return client.post("/v1/interactions", json={"interactions": list(entries)})


def event(kind: str, **more: object) -> dict[str, object]:
    return {"user_id": "u", "item_id": "i", "type": kind, **more}


def read_interactions(context) -> list[Interaction]:
    by_time = select(Interaction).order_by(Interaction.occurred_at, Interaction.type)
    with reading(context.database) as session:
        return list(session.scalars(by_time))


def test_post_interactions_stores_events_and_reports_refusals_by_line(client, context):
    answer = send(
        client,
        event("view", occurred_at=AT_NOON),
        event("cart", occurred_at="2026-06-01T14:00:00+02:00", quantity=2),
        event("purchase", occurred_at=1780315200, quantity=0.5),
        event("like"),
        event("purchase", quantity=-1),
        event("view", user_id=""),
        {"user_id": "u", "item_id": "i", "value": 4},
        "nonsense",
        event("view", occurred_at=AT_NOON),
    )

    assert answer.status_code == 200
    report = answer.json()
    refused = report.pop("refused")
    assert report == {"accepted": 4, "added": 3, "changed": 0, "unchanged": 1}
    assert [(refusal["line"], refusal["code"]) for refusal in refused] == [
        (4, "unknown-type"),
        (5, "cancellation"),
        (6, "empty-user-id"),
        (7, "no-type"),
        (8, "not-an-object"),
    ]
    assert [(row.type, row.quantity) for row in read_interactions(context)] == [
        ("cart", 2),
        ("purchase", 0.5),
        ("view", 1),
    ]


def test_interaction_without_time_has_time_of_arrival(client, context):
    send(client, event("view"))
    send(client, event("view"))

    first, second = read_interactions(context)
    assert first.occurred_at == first.updated_at < second.occurred_at == second.updated_at


def test_repeated_interaction_with_time_counts_once(client, context):
    once = send(client, event("purchase", occurred_at=AT_NOON)).json()
    again = send(client, event("purchase", occurred_at=AT_NOON)).json()
    corrected = send(client, event("purchase", occurred_at=AT_NOON, quantity=3)).json()

    assert (once["added"], again["unchanged"], corrected["changed"]) == (1, 1, 1)
    assert [row.quantity for row in read_interactions(context)] == [3]


def test_post_interactions_reads_ndjson_by_line(client):
    good = json.dumps(event("cart", occurred_at=AT_NOON))

    answer = client.post("/v1/interactions", content=f"{good}\n\n{{broken\n{good}", headers=NDJSON)

    assert (answer.json()["accepted"], answer.json()["unchanged"]) == (2, 1)
    assert [(refusal["line"], refusal["code"]) for refusal in answer.json()["refused"]] == [
        (3, "not-json")
    ]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "said"),
    [
        (b"[]", "application/json", 422, "with one member, interactions, a list"),
        (b'{"ratings": []}', "application/json", 422, "with one member, interactions, a list"),
        (b'{"interactions": []}', "text/csv", 415, "accepts application/json"),
        (b"{}\n" * 10_001, "application/x-ndjson", 422, "at most 10,000 are accepted at once"),
    ],
)
def test_post_interactions_refuses_invalid_body(client, content, content_type, status, said):
    headers = {"content-type": content_type}

    answer = client.post("/v1/interactions", content=content, headers=headers)

    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_post_interactions_accepts_at_most_10000_entries(client):
    entries = [event("view", item_id=f"i{n}", occurred_at=AT_NOON) for n in range(10_000)]

    assert send(client, *entries).json()["added"] == 10_000
    refused = send(client, *entries, event("view"))
    assert refused.json()["detail"].startswith("interactions has 10,001 entries; at most 10,000")


def test_interaction_creates_item_and_user_without_ratings(client):
    send(client, event("purchase"))

    assert client.get("/v1/users/u/ratings").json() == {"items": [], "next_cursor": None}
    assert client.get("/v1/items/i").status_code == 200
    assert client.delete("/v1/users/u").json()["interactions_erased"] == 1
    assert client.get("/v1/users/u/ratings").status_code == 404
