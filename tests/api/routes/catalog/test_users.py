"""Erasing a user over HTTP."""

import numpy as np

from recsvc.db.session import unit_of_work
from recsvc.rbm import checkpoint
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests.api.conftest import a_version


def a_model(users: list[str]) -> bytes:
    """The checkpoint of a model trained on one rating by each of these users."""
    params = Params(
        np.zeros((1, 2, 3), np.float32), np.zeros((1, 2), np.float32), np.zeros(3, np.float32)
    )
    numbers = np.arange(len(users))
    matrix = RatingMatrix.build(
        numbers, np.zeros_like(numbers), np.zeros(len(users), np.uint8), shape=(len(users), 1)
    )
    scale = RatingScale((1.0, 2.0))
    model = Model.build(
        "user_rbm", params, matrix, scale=scale, users=Vocabulary(users), items=Vocabulary(["i"])
    )
    return checkpoint.write_model(model)


def test_delete_user_erases_rows_and_returns_receipt(client):
    for user_id, item_id in (("a/b", "i"), ("a/b", "j"), ("v", "i")):
        rating = {"user_id": user_id, "item_id": item_id, "value": 3}
        client.post("/v1/ratings", json={"ratings": [rating]})

    viewed = {"user_id": "a/b", "item_id": "k", "type": "view"}
    client.post("/v1/interactions", json={"interactions": [viewed]})

    answer = client.delete("/v1/users/a%2Fb")

    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt.pop("erased_at").endswith("Z")
    assert receipt == {
        "user_id": "a/b",
        "ratings_erased": 2,
        "interactions_erased": 1,
        "model_versions": [],
    }
    assert client.get("/v1/users/a%2Fb/ratings").status_code == 404
    assert len(client.get("/v1/users/v/ratings").json()["items"]) == 1
    assert client.delete("/v1/users/a%2Fb").json()["type"] == "/problems/user-not-found"


def test_erasure_receipt_names_kept_versions_with_user(client, context, now):
    knows = context.shelf.put(a_model(["u", "v"]))
    does_not = context.shelf.put(a_model(["v", "w"]))
    damaged = context.shelf.put(b"no model at all")
    with unit_of_work(context.database) as session:
        versions = [
            a_version(session, checkpoint_sha256=sha256, retired_at=retired).version
            for sha256, retired in (
                (knows, None),
                (does_not, None),
                (knows, now),
                (damaged, None),
                ("f" * 64, None),
            )
        ]
    client.put("/v1/users/u/ratings/i", json={"value": 3})

    receipt = client.delete("/v1/users/u").json()

    assert receipt["model_versions"] == [versions[0], versions[3]]
