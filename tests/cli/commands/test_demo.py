"""`recsvc demo`, and what it reads beside the data."""

import gzip

import pytest

from recsvc.cli.options import title_files
from recsvc.service.demo_data import generate_shop


@pytest.mark.acceptance
def test_demo_prints_ten_recommendations_and_api_address(recsvc, tmp_path):
    told = recsvc("demo", "--once", "--port", 0, "--home", tmp_path / "demo")

    assert told.returncode == 0, told.stderr
    assert "with known preferences" in told.stdout
    assert "Ten recommendations for user reader-001, whose known preference is" in told.stdout
    assert "/docs" in told.stdout
    liked = generate_shop().users[0].likes
    genre = {item.title: item.genre for item in generate_shop().items}
    recommended = told.stdout.partition("Ten recommendations")[2].partition("Model version")[0]
    hits = [genre[title] for title in genre if title in recommended]
    assert sum(hit in liked for hit in hits) >= 8


@pytest.mark.acceptance
def test_demo_refuses_folder_with_foreign_files(recsvc, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")

    told = recsvc("demo", "--once", "--port", 0, "--home", tmp_path)

    assert told.returncode == 1
    assert "has files that no demo created" in told.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_generate_shop_is_deterministic_per_seed():
    assert generate_shop(20, seed=3) == generate_shop(20, seed=3)
    assert generate_shop(20, seed=3) != generate_shop(20, seed=4)


def test_generate_shop_users_rate_liked_genres_higher():
    shop = generate_shop(100)
    users = {user.user_id: user for user in shop.users}
    genres = {item.item_id: item.genre for item in shop.items}

    def mean(wanted) -> float:
        values = [v for user, item, v in shop.ratings if wanted(users[user], genres[item])]
        return sum(values) / len(values)

    assert mean(lambda u, g: g in u.likes) > mean(lambda u, g: g != u.dislikes) + 0.3
    assert mean(lambda u, g: g == u.dislikes) < 2.2


def test_generate_shop_rates_each_pair_at_most_once():
    pairs = [(user, item) for user, item, _ in generate_shop(100).ratings]

    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("u.item", "1|Amélie (2001)|01-Jan-2001\n2|Ran|\n".encode("latin-1"), "Amélie (2001)"),
        ("movies.dat", b"1::Toy Story (1995)::Comedy\n2::Heat::\n", "Toy Story (1995)"),
        ("movies.dat", "1::Fantômas::Crime\n".encode(), "Fantômas"),
        ("books.csv", b'id,book_id,title\n1,99,"Emma, a novel"\n', "Emma, a novel"),
    ],
)
def test_find_titles_reads_file_next_to_ratings(tmp_path, name, content, title):
    (tmp_path / name).write_bytes(content)

    titles = title_files.find_titles(tmp_path / "ratings")

    assert titles[0] == {"item_id": "1", "title": title}


def test_find_titles_returns_none_without_catalogue(tmp_path):
    assert title_files.find_titles(tmp_path / "u.data") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("u.data", "196\t242\t3\t881250949\n186\t302\t3\t1\n"),
        ("ratings.dat", "196::242::3::881250949\n186::1::5::1\n"),
        ("ratings.csv", "book_id,user_id,rating\n5,196,3\n5,186,4\n"),
        ("plain.csv", "USER_ID,ITEM_ID,EVENT_VALUE\n196,5,3\n186,7,4\n196,8,1\n"),
        ("ratings.ndjson", '{"user_id": "196", "item_id": "1"}\n{"UserId": 186}\n'),
    ],
)
def test_first_user_ids_reads_any_format(tmp_path, name, content):
    (tmp_path / name).write_text(content)

    assert title_files.first_user_ids(tmp_path / name) == ["196", "186"]


def test_first_user_ids_reads_compressed_file(tmp_path):
    with gzip.open(tmp_path / "u.data.gz", "wt") as stream:
        stream.write("196\t242\t3\t881250949\n")

    assert title_files.first_user_ids(tmp_path / "u.data.gz") == ["196"]
