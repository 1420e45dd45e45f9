"""Reading files of ratings: what is written is read back, and a broken line stops no other."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.errors import MalformedRequest, UnrecognisedFormat
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.fields import CONTROL
from recsvc.service.imports.file_format import (
    BOM,
    RATINGS,
    Layout,
    check_format,
    decode,
    recognise,
)
from recsvc.service.imports.parser import header_length, read_lines, read_objects
from recsvc.service.imports.records import DefaultTimestamps, Lines

NOON = 1_780_315_200_000_000
AT_NOON = DefaultTimestamps(NOON, NOON)

IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40
)
VALUES = st.one_of(st.integers(-10, 10).map(float), st.floats(-1e9, 1e9))
TIMES = st.integers(0, 4_000_000_000)
ROWS = st.lists(st.tuples(IDS, IDS, VALUES, TIMES), min_size=1, max_size=30)


def read(content: bytes | str, scale: RatingScale | None = None) -> Lines:
    """Read a whole file, header and all."""
    raw = (content.encode() if isinstance(content, str) else content).removeprefix(BOM)
    layout = recognise(raw)
    n_lines, n_bytes = header_length(raw) if layout.has_header else (0, 0)
    return read_lines(layout, raw[n_bytes:], first_line=n_lines + 1, defaults=AT_NOON, scale=scale)


def rows_of(lines: Lines) -> list[tuple[str, str, float, int]]:
    rated = lines.ratings
    return [
        (rated.users[user], rated.items[item], value, rated_at)
        for user, item, value, rated_at in zip(
            rated.user_of,
            rated.item_of,
            rated.values.tolist(),
            rated.rated_at.tolist(),
            strict=True,
        )
    ]


def codes_of(lines: Lines) -> list[tuple[int, str]]:
    return [(refusal.line, refusal.code) for refusal in lines.refusals]


@given(rows=ROWS, delimiter=st.sampled_from(",;\t"), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=200, deadline=None)
def test_csv_round_trips_with_any_ids_and_separator(rows, delimiter, end):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("user_id", "item_id", "rating", "timestamp"))
    writer.writerows((user, item, repr(value), time) for user, item, value, time in rows)

    lines = read(file.getvalue())

    assert lines.refusals == []
    assert rows_of(lines) == [(u, i, value, time * 1_000_000) for u, i, value, time in rows]


@given(rows=ROWS)
@settings(max_examples=100, deadline=None)
def test_json_lines_round_trip(rows):
    written = "".join(
        json.dumps({"user_id": u, "item_id": i, "value": value, "rated_at": time}) + "\n"
        for u, i, value, time in rows
    )

    lines = read(written)

    assert rows_of(lines) == [(u, i, value, time * 1_000_000) for u, i, value, time in rows]


@given(garbage=st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=60)), max_size=10))
@settings(max_examples=300, deadline=None)
def test_broken_lines_do_not_affect_other_lines(garbage):
    whole = [b"u%d::i%d::%d" % (n, n, n % 5) for n in range(20)]
    for place, line in garbage:
        whole.insert(place, line.replace(b"\n", b" "))

    lines = read_lines(
        Layout("double-colon", "::", n_fields=3),
        b"\n".join(whole) + b"\n",
        first_line=1,
        defaults=AT_NOON,
        scale=None,
    )

    good = {(f"u{n}", f"i{n}", float(n % 5), NOON) for n in range(20)}
    assert good <= set(rows_of(lines))
    assert lines.n_lines == len(whole)
    assert lines.n_lines == lines.n_accepted + len(lines.refusals) + lines.n_blank


@given(raw=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_parser_reads_any_bytes_or_raises_unrecognised_format(raw):
    try:
        lines = read(raw)
    except UnrecognisedFormat:
        return
    assert not any(CONTROL.search(user) for user, *_ in rows_of(lines))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1\t2\t3\t881250949\n", ("1", "2", 3.0, 881250949 * 10**6)),
        ("1::1193::5\n", ("1", "1193", 5.0, NOON)),
        ("1::1193::5::978300760\n", ("1", "1193", 5.0, 978300760 * 10**6)),
        (
            "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n",
            ("1", "2", 3.5, 1112486027 * 10**6),
        ),
        ("book_id,user_id,rating\n1,314,5\n", ("314", "1", 5.0, NOON)),
        (
            "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\nu,i,rating,4,1586731606\n",
            ("u", "i", 4.0, 1586731606 * 10**6),
        ),
        ("date;user;product_id;score\n2026-06-01T12:00:00Z;u;i;4\n", ("u", "i", 4.0, NOON)),
        (
            "user_id,item_id,value,rated_at\nu,i,4,2026-06-01T14:00:00+02:00\n",
            ("u", "i", 4.0, NOON),
        ),
        ("user,item,rating,time\nu,i,4,1780315200000\n", ("u", "i", 4.0, NOON)),
        (
            '{"FeedbackType":"star","UserId":"u","ItemId":"i","Value":4,'
            '"Timestamp":"2026-06-01T12:00:00Z"}\n',
            ("u", "i", 4.0, NOON),
        ),
        ('{"user_id": 17, "item_id": "i", "value": "4"}\n', ("17", "i", 4.0, NOON)),
        ("u,i,4", ("u", "i", 4.0, NOON)),
    ],
)
def test_rating_files_of_known_formats_are_recognised(content, expected):
    assert rows_of(read(content)) == [expected]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",i,4,1", "empty-user-id"),
        ("u,,4,1", "empty-item-id"),
        ("u" * 257 + ",i,4,1", "invalid-user-id"),
        ("u,i\x07,4,1", "invalid-item-id"),
        ("u,i,good,1", "not-a-number"),
        ("u,i,NaN,1", "not-a-number"),
        ("u,i,inf,1", "not-a-number"),
        ("u,i,1e999,1", "not-a-number"),
        ("u,i,1_0,1", "not-a-number"),
        ("u,i,٤,1", "not-a-number"),
        ("u,i,,1", "empty-value"),
        ("u,i,6,1", "value-off-scale"),
        ("u,i,4,yesterday", "bad-timestamp"),
        ("u,i,4,-1", "bad-timestamp"),
        ("u,i,4,1969-12-31T23:59:59Z", "bad-timestamp"),
        ("u,i,4,1e300", "bad-timestamp"),
        ("u,i,4", "too-few-fields"),
        ("u,i,4,1,5", "too-many-fields"),
        ('"u,i,4,1', "bad-quotes"),
        ("u" * 70_000 + ",i,4,1", "line-too-long"),
    ],
)
def test_csv_line_is_refused_with_number_and_code(line, code):
    lines = read(f"user,item,rating,time\na,b,5,1\n{line}\nc,d,3,1\n", RatingScale.parse("1:5:1"))

    assert codes_of(lines) == [(3, code)]
    assert [row[:2] for row in rows_of(lines)] == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "not-json"),
        ("[1]", "not-an-object"),
        ('{"item_id": "i", "value": 4}', "missing-field"),
        ('{"user_id": ["u"], "item_id": "i", "value": 4}', "bad-field"),
        ('{"user_id": "u", "item_id": "i", "value": true}', "bad-field"),
        ('{"user_id": "u", "item_id": "i", "value": NaN}', "not-a-number"),
        ('{"user_id": "\\ud800", "item_id": "i", "value": 1}', "invalid-user-id"),
        ('{"user_id": "u", "item_id": "i"}', "no-rating"),
        ("[" * 100_000, "line-too-long"),
        ("[" * 60_000, "not-json"),
    ],
)
def test_json_line_is_refused_with_number_and_code(line, code):
    good = '{"user_id": "a", "item_id": "b", "value": 5}'

    lines = read(f"{good}\n{line}\n{good}\n")

    assert codes_of(lines) == [(2, code)]
    assert lines.n_accepted == 2


def test_byte_order_mark_blank_lines_and_spaces_are_ignored():
    lines = read(b"\xef\xbb\xbf\r\n user_id , item_id , rating \r\n\r\n 1 , 2 , 3 \r\n   \r\n")

    assert rows_of(lines) == [("1", "2", 3.0, NOON)]
    assert (lines.n_lines, lines.n_blank) == (3, 2)


def test_latin_1_ids_are_decoded_by_line():
    assert decode("café".encode("latin-1")) == "café"
    lines = read(b"user;item;rating\n" + "José;Ünder;4\n".encode("latin-1") + "é;i;4\n".encode())

    assert [row[:2] for row in rows_of(lines)] == [("José", "Ünder"), ("é", "i")]


def test_overlapping_separators_are_split_from_the_left():
    rows = rows_of(read("a::b::5\na:::b::5\nc::d::4\n"))

    assert [row[:3] for row in rows] == [("a", "b", 5.0), ("a", ":b", 5.0), ("c", "d", 4.0)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n\n  \n",
        "hello world\n",
        "a,b,c\n1,2,3\n"[:6],
        "id,title,price\n1,x,y\n",
        '[{"user_id": "u"}]\n',
    ],
)
def test_unknown_file_is_refused_with_remedy(content):
    with pytest.raises(UnrecognisedFormat, match="A file needs a header that names"):
        recognise(content.encode())


def test_unknown_format_is_refused_with_known_formats():
    with pytest.raises(MalformedRequest, match="'xml'; it must be one of auto, csv"):
        check_format("xml")


def test_json_objects_are_numbered_and_refused_individually():
    good = {"user_id": "u", "item_id": "i", "value": 4.5}

    lines = read_objects(RATINGS, [good, {}, 7, good], defaults=AT_NOON, scale=None)

    assert codes_of(lines) == [(2, "missing-field"), (3, "not-an-object")]
    assert lines.n_accepted == 2


@pytest.mark.parametrize(
    ("file", "n_ratings", "n_users", "n_items"),
    [
        ("ml-100k/u.data", 100_000, 943, 1_682),
        ("ml-1m/ratings_no_timestamp.dat", 1_000_209, 6_040, 3_706),
        ("goodbooks/ratings.csv", 981_756, 53_424, 10_000),
        ("movietweetings/ratings.dat", 100_000, 16_554, 10_506),
    ],
)
def test_public_data_sets_are_read_completely(data_dir: Path, file, n_ratings, n_users, n_items):
    lines = read((data_dir / file).read_bytes())

    assert lines.refusals == []
    rated = lines.ratings
    assert (rated.values.size, len(rated.users), len(rated.items)) == (n_ratings, n_users, n_items)
