"""A header that names other columns is not a rating, and a broken rating is not a header."""

import pytest

from recsvc.errors import UnrecognisedFormat
from recsvc.service.imports.column_names import canonical
from recsvc.service.imports.file_format import recognise

ROWS = [("ann", "tea", "1600000000"), ("ann", "cup", "1600000500"), ("bob", "tea", "1600001000")]


def file_text(header: tuple[str, ...], separator: str, n_rows: int, quote: str = "") -> str:
    lines = [separator.join(f"{quote}{f}{quote}" for f in row) for row in (header, *ROWS[:n_rows])]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("separator", [",", ";", "\t", "::"])
@pytest.mark.parametrize(
    "header",
    [
        ("user_id", "item_id", "timestamp"),
        ("USER_ID", "ITEM_ID", "TIMESTAMP"),
        ("item_id", "title", "price"),
        ("who", "what", "when"),
        ("col1", "col2", "col3"),
        ("Käufer", "Größe", "Preis"),
        ("user", "item", ""),
        ("a title",),
    ],
    ids="-".join,
)
def test_unknown_header_above_numbers_is_refused(header, separator, n_rows):
    with pytest.raises(UnrecognisedFormat) as refused:
        recognise(file_text(header, separator, n_rows).encode())

    assert refused.value.facts["columns"] == list(header)


@pytest.mark.parametrize(
    "content",
    [
        file_text(("user_id", "item_id", "timestamp"), ",", 2, quote='"'),
        "\ufeff" + file_text(("user_id", "item_id", "timestamp"), ",", 2),
        '\ufeff"user_id",item_id,"timestamp"\r\nann,tea,7\r\n',
        "\n \r\n\n" + file_text(("user_id", "item_id", "timestamp"), "\t", 2),
        ",,\n" + file_text(("user_id", "item_id", "timestamp"), ",", 3),
        "An export of 2026\n" + file_text(("user_id", "item_id", "timestamp"), ",", 3),
    ],
    ids=["quoted", "mark", "mark and quotes", "blank lines", "empty fields", "title"],
)
def test_unknown_header_is_found_behind_quotes_marks_and_other_lines(content):
    with pytest.raises(UnrecognisedFormat, match="Missing: a rating, an event type or") as refused:
        recognise(content.encode())

    assert refused.value.facts["columns"] == ["user_id", "item_id", "timestamp"]


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("user_id,item_id\nann,tea\n", ["a rating, an event type or a quantity"]),
        ("user,item,action\nann,tea,view\n", ["a rating, an event type or a quantity"]),
        ("USER_ID,ITEM_ID,TIMESTAMP\n", ["a rating, an event type or a quantity"]),
        ("user_id,101,102\n17,4,5\n", ["an item", "a rating, an event type or a quantity"]),
        ("item_id,rating,when\ntea,5,7\n", ["a user"]),
        ("customer,total,quantity\nann,7,2\nbob,8,3\n", ["an item"]),
    ],
)
def test_missing_fields_of_header_are_named(content, missing):
    with pytest.raises(UnrecognisedFormat) as refused:
        recognise(content.encode())

    assert refused.value.facts["missing"] == missing
    assert f"Missing: {'; '.join(missing)}. " in refused.value.detail
    assert "A file needs a header that names user, item and one of" in refused.value.detail


def test_header_with_unclosed_quote_is_no_rating():
    with pytest.raises(UnrecognisedFormat) as refused:
        recognise(b'"user_id,item_id,timestamp\nann,tea,7\nbob,cup,8\n')

    assert refused.value.facts["columns"] == ['"user_id', "item_id", "timestamp"]


def test_header_below_other_lines_is_refused_with_remedy():
    with pytest.raises(UnrecognisedFormat, match="Delete the lines above the header"):
        recognise(b"sep=;\nrating;user_id;item_id\n5;ann;101\n4;bob;102\n")


@pytest.mark.parametrize(
    "first",
    [
        "1,2,bad",  # a number
        "ann,mint,bad",  # its user comes again
        "zoe,tea,bad",  # its item comes again
        "ann,mint",
        "zoe,mint,",
        "zoe,mint,NaN",
        "zoe,mint,n/a",
        "zoe,mint,4/5",
        "zoe,mint,€ 5",
        "zoe,mint,bad,2026-06-01T12:00:00Z",
        '"ann,tea,4',
    ],
)
def test_broken_first_rating_is_no_header(first):
    layout = recognise(f"{first}\nann,tea,4\nbob,cup,5\nann,pot,3\n".encode())

    assert (layout.has_header, layout.name, layout.n_fields) == (False, "csv", 3)


def test_numbered_ids_are_no_header():
    layout = recognise(b"user1,item1,bad\nuser1,item2,4\nuser2,item1,5\n")

    assert not layout.has_header


@pytest.mark.parametrize("first", ["ann,tea,4", "user,item,4", "ann,book,4", "user1,item1,4"])
def test_file_without_header_is_read_by_position(first):
    layout = recognise(f"{first}\nbob,cup,5\n".encode())

    assert (layout.has_header, layout.user, layout.item, layout.value) == (False, 0, 1, 2)


def test_header_is_tried_with_every_separator():
    layout = recognise(b"user,item,rating,tags\n1,2,3,a;b;4\n1,3,4,a;b;5\n")

    assert (layout.has_header, layout.separator) == (True, ",")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user_id:token", "userid"),
        ("rating:float", "rating"),
        ("item_id:token_seq", "itemid"),
        ("Timestamp:Float_Seq", "timestamp"),
        ("token:user", "tokenuser"),
        ("item:tokens", "itemtokens"),
        ("User-ID", "userid"),
    ],
)
def test_recbole_suffixes_are_removed_from_names(name, expected):
    assert canonical(name) == expected


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("item_id:token\tuser_id:token\trating:float\ttimestamp:float", (1, 0, 2, 3)),
        ("ISBN,User-ID,Book-Rating", (1, 0, 2, -1)),
        ("bookRating,isbn,user", (2, 1, 0, -1)),
    ],
)
def test_recbole_and_book_crossing_names_are_recognised(header, columns):
    layout = recognise(f"{header}\n".encode())

    assert (layout.user, layout.item, layout.value, layout.time) == columns
