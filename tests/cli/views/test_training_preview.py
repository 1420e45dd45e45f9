"""What `recsvc train --dry-run` says of the data, and of what training would make of them."""

from recsvc.cli.views import training_preview

REMARK = {
    "code": "no_agreement",
    "of": "users",
    "count": 411,
    "share": 0.5,
    "examples": [],
    "seen": "Most users' ratings have nothing to do with others'.",
    "training": "It goes on.",
}
DATA = {
    "n_users": 822,
    "n_items": 90,
    "n_ratings": 9000,
    "n_interactions": 0,
    "missing_share": 0.9,
    "ratings_per_user": 11.0,
    "ratings_per_item": 100.0,
    "levels": [],
    "remarks": [],
}
CHOSEN = {"n_hidden": {"value": 256, "because": "99 ratings an item are enough for many units"}}
PREVIEW = {
    "verdict": "ready",
    "problem": None,
    "data": DATA,
    "choices": {},
    "imported": {"duplicates": 0, "conflicts": 0, "refused": {}},
    "ratings_per_parameter": 0.077,
    "needed_bytes": 10**8,
    "available_bytes": 10**9,
    "estimated_seconds": 4.0,
}


def preview_text(capsys, **more) -> str:
    assert training_preview.print_preview(PREVIEW | more, as_json=False) == 0
    return capsys.readouterr().out


def test_training_preview_lists_examples_of_remark_when_present(capsys):
    alone = preview_text(capsys, data=DATA | {"remarks": [REMARK]})
    among = preview_text(capsys, data=DATA | {"remarks": [REMARK | {"examples": ["u[1]", "u2"]}]})

    assert "no_agreement: 411 users (50.00%). Most users' ratings" in alone
    assert "no_agreement: 411 users (50.00%), such as u[1], u2. Most users' ratings" in among


def test_training_preview_advises_fewer_hidden_units_for_requested_size(capsys):
    told = preview_text(capsys, verdict="scarce")

    assert (
        "Note: 0.077 ratings a parameter, which is little data. Compare with a smaller n_hidden."
        in told
    )


def test_training_preview_advises_sweep_for_automatic_size(capsys):
    told = preview_text(capsys, verdict="scarce", choices=CHOSEN)

    assert "n_hidden = 256: 99 ratings an item are enough for many units." in told
    assert "0.077 ratings a parameter, which is little data, but this size gave the best" in told
    assert "recsvc sweep grid n_hidden=64,128,256" in told
    assert "try fewer" not in told
