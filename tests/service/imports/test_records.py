"""Lines that tell of views, carts and purchases: which are taken, as what, and which are not."""

import json

import pytest

from recsvc.rbm.rating_scale import EVENT_TYPES
from recsvc.service.imports.file_format import INTERACTIONS, RATINGS, recognise
from recsvc.service.imports.parser import header_length, read_lines, read_objects
from recsvc.service.imports.records import DefaultTimestamps, Lines
from tests.service.imports.test_parser import codes_of, rows_of

UPLOADED, NO_TIME = 1_780_315_200_000_000, 0
DEFAULTS = DefaultTimestamps(UPLOADED, NO_TIME)


def read(content: str) -> Lines:
    """Read a whole file, header and all."""
    raw = content.encode()
    layout = recognise(raw)
    n_lines, n_bytes = header_length(raw) if layout.has_header else (0, 0)
    return read_lines(layout, raw[n_bytes:], first_line=n_lines + 1, defaults=DEFAULTS, scale=None)


def events_of(lines: Lines) -> list[tuple[str, str, str, float, int]]:
    chosen = lines.interactions
    return [
        (chosen.users[user], chosen.items[item], EVENT_TYPES[kind], quantity, occurred_at)
        for user, item, kind, quantity, occurred_at in zip(
            chosen.user_of,
            chosen.item_of,
            chosen.types,
            chosen.quantities.tolist(),
            chosen.occurred_at.tolist(),
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu,i,View,1586731606\n",
            ("u", "i", "view", 1.0, 1586731606 * 10**6),
        ),
        (
            "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\nu,i,purchase,12.5,7\n",
            ("u", "i", "purchase", 1.0, 7 * 10**6),
        ),
        ("user;item;type;quantity\nu;i;cart;3\n", ("u", "i", "cart", 3.0, NO_TIME)),
        ("user,item,event_type,qty\nu,i,buy,0.5\n", ("u", "i", "purchase", 0.5, NO_TIME)),
        (
            "timestamp,visitorid,event,itemid,transactionid\n1433221332117,u,addtocart,i,\n",
            ("u", "i", "cart", 1.0, 1433221332117000),
        ),
        (
            "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID\n"
            "1,i,6,2010-12-01 08:26:00,2.55,u\n",
            ("u", "i", "purchase", 6.0, 1291191960 * 10**6),
        ),
        (
            '{"FeedbackType":"click","UserId":"u","ItemId":"i","Timestamp":"1970-01-01T00:00:01Z"}\n',
            ("u", "i", "view", 1.0, 10**6),
        ),
    ],
)
def test_interaction_files_of_known_formats_are_recognised(content, expected):
    lines = read(content)

    assert lines.refusals == []
    assert events_of(lines) == [expected]
    assert rows_of(lines) == []


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        *(("view", "view"), ("CLICK", "view")),
        *(("cart", "cart"), ("add_to_cart", "cart"), ("Add to cart", "cart")),
        *(("purchase", "purchase"), ("order", "purchase"), ("buy", "purchase")),
    ],
)
def test_interaction_type_has_synonyms(word, meaning):
    assert events_of(read(f"user,item,type\nu,i,{word}\n"))[0][2] == meaning


def test_ratings_and_interactions_are_separated_by_line():
    lines = read(
        "user,item,event_type,event_value,timestamp\n"
        "u,rated,rating,4,1\n"
        "u,valued,,3,1\n"
        "u,starred,star,5,1\n"
        "u,viewed,view,,1\n"
        "u,bought,purchase,99.5,\n"
        "u,undated,,2,\n"
    )

    assert lines.refusals == []
    assert rows_of(lines) == [
        ("u", "rated", 4.0, 10**6),
        ("u", "valued", 3.0, 10**6),
        ("u", "starred", 5.0, 10**6),
        ("u", "undated", 2.0, UPLOADED),
    ]
    assert events_of(lines) == [
        ("u", "viewed", "view", 1.0, 10**6),
        ("u", "bought", "purchase", 1.0, NO_TIME),
    ]
    assert lines.n_accepted == 6


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("u,i,,,", "no-rating"),
        ("u,i,rating,,", "no-rating"),
        ("u,i,star,,", "unknown-type"),
        (",i,view,,", "empty-user-id"),
        ("u,,view,,", "empty-item-id"),
        ("u,i,view,-2,", "cancellation"),
        ("u,i,view,0,", "bad-quantity"),
        ("u,i,view,many,", "bad-quantity"),
        ("u,i,view,1e308,", "bad-quantity"),
        ("u,i,view,1,never", "bad-timestamp"),
    ],
)
def test_interaction_line_is_refused_for_its_first_invalid_field(line, code):
    header = "user,item,type,quantity,time\n"
    lines = read(f"{header}a,b,view,,\n{line}\nc,d,cart,1,1\n")

    assert codes_of(lines) == [(3, code)]
    assert [event[:2] for event in events_of(lines)] == [("a", "b"), ("c", "d")]


def test_unused_invalid_fields_do_not_refuse_line():
    content = "user,item,type,value,quantity\nu,i,view,good,1\nu,i,rating,4,none\n"

    lines = read(content)

    assert lines.refusals == []
    assert (len(rows_of(lines)), len(events_of(lines))) == (1, 1)


INVOICES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,85123A,WHITE HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
1,22,"LANTERN, RED",1,2010-12-01 08:26:00,3.39,17850,France
2,85123A,WHITE HANGING HOLDER,2,2010-12-02 08:26:00,2.55,13047,France
C3,71053,WHITE LANTERN,-6,2010-12-03 08:26:00,3.39,17850,France
4,21730,GLASS STAR,6,2010-12-03 08:26:00,4.25,,France
5,POST,,1,2010-12-03 08:26:00,4.25,13047,France
"""


def test_invoice_lines_are_purchases_and_cancellations_are_refused():
    lines = read(INVOICES)

    assert codes_of(lines) == [(5, "cancellation"), (6, "empty-user-id")]
    assert [event[:4] for event in events_of(lines)] == [
        ("17850", "85123A", "purchase", 6.0),
        ("17850", "22", "purchase", 1.0),
        ("13047", "85123A", "purchase", 2.0),
        ("13047", "POST", "purchase", 1.0),
    ]


def test_first_accepted_description_is_title():
    assert read(INVOICES).titles == {"85123A": "WHITE HOLDER", "22": "LANTERN, RED"}


@pytest.mark.parametrize("unfit", ["x" * 1001, "a\x07b", ""])
def test_invalid_description_is_no_title(unfit):
    lines = read(f"user,item,quantity,description\nu,i,1,{unfit}\nu,j,1,fit\n")

    assert lines.refusals == []
    assert lines.titles == {"j": "fit"}


def test_interaction_objects_need_valid_type():
    sent = [
        {"user_id": "u", "item_id": "i", "type": "cart", "quantity": 2, "occurred_at": 1},
        {"user_id": "u", "item_id": "i"},
        {"user_id": "u", "item_id": "i", "value": 4},
        {"user_id": "u", "item_id": "i", "type": "rating", "value": 4},
        {"user_id": "u", "item_id": "i", "type": "like"},
        {"user_id": "u", "type": "view"},
        {"user_id": "u", "item_id": "i", "type": ["view"]},
        {"user_id": "u", "item_id": "i", "type": "view", "value": "x"},
    ]

    as_objects = read_objects(INTERACTIONS, sent, defaults=DEFAULTS, scale=None)
    written = "".join(json.dumps(entry) + "\n" for entry in sent).encode()
    as_lines = read_lines(INTERACTIONS, written, first_line=1, defaults=DEFAULTS, scale=None)

    for lines in (as_objects, as_lines):
        assert codes_of(lines) == [
            (2, "no-type"),
            (3, "no-type"),
            (4, "unknown-type"),
            (5, "unknown-type"),
            (6, "missing-field"),
            (7, "bad-field"),
        ]
        assert events_of(lines) == [
            ("u", "i", "cart", 2.0, 10**6),
            ("u", "i", "view", 1.0, NO_TIME),
        ]


def test_rating_objects_ignore_type():
    sent = [{"user_id": "u", "item_id": "i", "value": 4, "type": kind} for kind in ("view", ["x"])]

    lines = read_objects(RATINGS, sent, defaults=DEFAULTS, scale=None)

    assert lines.refusals == []
    assert len(rows_of(lines)) == 2
