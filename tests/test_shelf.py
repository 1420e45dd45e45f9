import errno
import hashlib
import multiprocessing
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from recsvc.errors import (
    ConfigurationError,
    ObjectCorrupt,
    ObjectMissing,
    ShelfUnavailable,
    StorageFull,
)
from recsvc.shelf import CACHED_OBJECTS, Shelf
from tests.conftest import PATIENCE_SECONDS

HELLO = b"hello" * 1000
HELLO_SHA256 = hashlib.sha256(HELLO).hexdigest()


@pytest.fixture(params=["file", "memory"])
def shelf(request, tmp_path) -> Shelf:
    """A shelf in a folder, and one behind a URL that is read through a cache."""
    if request.param == "file":
        return Shelf(f"file://{tmp_path}/shelf", tmp_path / "cache")
    return Shelf(f"memory://{uuid.uuid4().hex}", tmp_path / "cache")


@pytest.fixture
def folder_shelf(tmp_path) -> Shelf:
    return Shelf(f"file://{tmp_path}/shelf", tmp_path / "cache")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_shelf_returns_stored_bytes(shelf):
    sha256 = shelf.put(HELLO)

    assert sha256 == HELLO_SHA256
    assert shelf.contains(sha256)
    assert shelf.get(sha256) == HELLO
    assert bytes(shelf.map(sha256)) == HELLO
    with shelf.open(sha256) as file:
        assert file.read(5) == b"hello"
        file.seek(0)
        assert file.read() == HELLO


def test_put_file_stores_bytes_of_file(shelf, tmp_path):
    path = tmp_path / "upload.csv"
    path.write_bytes(HELLO)

    assert shelf.put_file(path) == HELLO_SHA256
    assert shelf.get(HELLO_SHA256) == HELLO


@pytest.mark.parametrize("max_size", [1, 1_000_000], ids=["on the disk", "in memory"])
def test_put_open_file_stores_temporary_file_without_a_name(shelf, max_size):
    with tempfile.SpooledTemporaryFile(max_size) as file:
        file.write(HELLO)

        assert shelf.put_open_file(file) == HELLO_SHA256

    assert shelf.get(HELLO_SHA256) == HELLO


def test_shelf_accepts_empty_object(shelf):
    assert shelf.get(shelf.put(b"")) == b""


def test_shelf_stores_equal_bytes_once(shelf):
    shelf.put(HELLO)
    shelf.put(HELLO)

    assert [(o.sha256, o.n_bytes) for o in shelf.objects()] == [(HELLO_SHA256, len(HELLO))]


def test_objects_have_modification_time(shelf):
    shelf.put(HELLO)

    (found,) = shelf.objects()
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_empty_shelf_has_no_objects(shelf):
    assert list(shelf.objects()) == []
    assert not shelf.contains(HELLO_SHA256)


def test_removed_object_is_missing(shelf):
    shelf.put(HELLO)
    shelf.get(HELLO_SHA256)
    shelf.remove(HELLO_SHA256)
    shelf.remove(HELLO_SHA256)  # twice is the same

    assert not shelf.contains(HELLO_SHA256)
    for read in (shelf.get, shelf.map, shelf.open):
        with pytest.raises(ObjectMissing):
            read(HELLO_SHA256)


def test_mapped_object_stays_readable_after_removal(shelf):
    mapped = shelf.map(shelf.put(HELLO))
    shelf.remove(HELLO_SHA256)

    assert bytes(mapped) == HELLO


def test_mapped_object_is_read_only(shelf):
    mapped = shelf.map(shelf.put(HELLO))

    assert mapped.readonly


def test_changed_object_raises_object_corrupt_in_every_read(folder_shelf, tmp_path):
    folder_shelf.put(HELLO)
    folder_shelf.get(HELLO_SHA256)
    place = tmp_path / "shelf" / HELLO_SHA256[:2] / HELLO_SHA256
    place.write_bytes(HELLO[:-1] + b"!")

    for read in (folder_shelf.get, folder_shelf.map, folder_shelf.open):
        with pytest.raises(ObjectCorrupt, match=HELLO_SHA256):
            read(HELLO_SHA256)


def test_put_repairs_damaged_object(folder_shelf, tmp_path):
    folder_shelf.put(HELLO)
    (tmp_path / "shelf" / HELLO_SHA256[:2] / HELLO_SHA256).write_bytes(b"")

    folder_shelf.put(HELLO)

    assert folder_shelf.get(HELLO_SHA256) == HELLO


def test_changed_cache_file_raises_object_corrupt(tmp_path):
    shelf = Shelf(f"memory://{uuid.uuid4().hex}", tmp_path / "cache")
    shelf.get(shelf.put(HELLO))
    (tmp_path / "cache" / HELLO_SHA256[:2] / HELLO_SHA256).write_bytes(b"other")

    with pytest.raises(ObjectCorrupt):
        shelf.get(HELLO_SHA256)


def test_cache_is_bounded(tmp_path):
    shelf = Shelf(f"memory://{uuid.uuid4().hex}", tmp_path / "cache")
    for number in range(CACHED_OBJECTS + 4):
        shelf.get(shelf.put(b"%d" % number))

    assert len(files(tmp_path / "cache")) == CACHED_OBJECTS
    assert shelf.get(hashlib.sha256(b"0").hexdigest()) == b"0"  # fetched again


def test_interrupted_write_leaves_no_file(folder_shelf, tmp_path):
    def half():
        yield b"the first half"
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(StorageFull):
        folder_shelf._folder.write("ab" * 32, half())

    assert files(tmp_path / "shelf") == []


def test_killed_writer_leaves_file_for_remove_abandoned(folder_shelf, tmp_path):
    spawning = multiprocessing.get_context("spawn")
    arrived = spawning.Event()
    writer = spawning.Process(target=write_for_ever, args=(folder_shelf.url, tmp_path, arrived))
    writer.start()
    assert arrived.wait(PATIENCE_SECONDS)
    writer.kill()
    writer.join()
    assert len(files(tmp_path / "shelf")) == 1
    assert list(folder_shelf.objects()) == []

    folder_shelf.remove_abandoned(datetime.now(UTC) - timedelta(hours=1))
    assert len(files(tmp_path / "shelf")) == 1

    folder_shelf.remove_abandoned(datetime.now(UTC) + timedelta(seconds=1))
    assert files(tmp_path / "shelf") == []


def write_for_ever(url, tmp_path, arrived) -> None:
    def chunks():
        yield b"x" * 100
        arrived.set()
        time.sleep(2 * PATIENCE_SECONDS)  # unless it is killed

    Shelf(url, tmp_path)._folder.write("ab" * 32, chunks())


def test_concurrent_puts_of_same_object_all_succeed(folder_shelf):
    spawning = multiprocessing.get_context("spawn")
    writers = [spawning.Process(target=put_often, args=(folder_shelf.url, HELLO)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if folder_shelf.contains(HELLO_SHA256):
            assert folder_shelf.get(HELLO_SHA256) == HELLO
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0]


def put_often(url, data) -> None:
    shelf = Shelf(url, None)
    for _ in range(20):
        shelf.put(data)


@pytest.mark.parametrize("url", ["nowhere://bucket/prefix", "s3://bucket/prefix"])
def test_unsupported_shelf_url_raises_configuration_error(url, tmp_path):
    with pytest.raises(ConfigurationError, match=r"RECSVC_SHELF_URL.*install"):
        Shelf(url, tmp_path)


def test_unavailable_shelf_error_hides_password(tmp_path):
    with pytest.raises(ShelfUnavailable, match="does not respond") as caught:
        Shelf("ftp://shop:secret@127.0.0.1:1/shelf", tmp_path)

    assert "127.0.0.1" not in caught.value.detail
    assert "secret" not in caught.value.detail_with_cause()


def test_folder_shelf_names_files_by_hash(folder_shelf, tmp_path):
    folder_shelf.put(HELLO)

    assert files(tmp_path / "shelf") == [f"{HELLO_SHA256[:2]}/{HELLO_SHA256}"]


def test_new_folder_and_objects_are_readable_by_their_owner_only(tmp_path):
    shelf = Shelf(f"file://{tmp_path}/shelf", tmp_path / "cache")
    shelf.put(b"weights")

    paths = [tmp_path / "shelf", *(tmp_path / "shelf").rglob("*")]

    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
