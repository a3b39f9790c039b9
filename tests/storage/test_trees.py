"""Object stores, each through its emulator: listing, ranges, uploads, names created once."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from tests.servers.objects import KINDS, Emulator

from hygge.core import registry
from hygge.core.context import in_own_loop
from hygge.core.errors import ConnectError, TransientError
from hygge.core.settings import build
from hygge.storage.connection import StorageConnection, tree_of
from hygge.storage.sftp_tree import SFTPTree
from hygge.storage.tree import BLOCK_BYTES, RangedFile, Taken, Tree

ODD = "é %20 x#?*&=+.txt"


def connection(emulator: Emulator, **changes: object) -> StorageConnection:
    kind = registry.lookup("connection", emulator.kind)
    made: StorageConnection = build(kind, "the test", {**emulator.settings(), **changes}, {})
    return made


@pytest.fixture(params=[*KINDS, "sftp"])
def place(request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]) -> Emulator:
    """Each place that files can lie in."""
    return emulators(request.param)


@pytest.fixture
def tree(place: Emulator) -> Tree:
    found = connection(place)
    return tree_of(found, found.address("").at(""))


@pytest.fixture
def folder(place: Emulator) -> str:
    return connection(place).address(f"t{uuid4().hex[:12]}").key


def test_a_connection_is_kept_open(object_store: Emulator) -> None:
    one, two = connection(object_store), connection(object_store)
    assert tree_of(one, one.address("a").at("")) is tree_of(two, two.address("b").at(""))


def test_listing(tree: Tree, folder: str) -> None:
    for name in ("b.txt", ODD, "in/c.txt", "in/deep/d.txt"):
        tree.create(f"{folder}/{name}", name.encode())
    found = tree.below(folder)
    assert [e.name for e in found] == ["b.txt", ODD]
    assert [e.size for e in found] == [5, len(ODD.encode())]
    assert [e.key for e in tree.below(folder, deep=True)] == [
        f"{folder}/{n}" for n in ("b.txt", "in/c.txt", "in/deep/d.txt", ODD)
    ]
    assert tree.folders(folder) == ["in"]
    assert tree.below("nowhere at all") == [] == tree.folders("nowhere at all")
    for entry in found:
        assert tree.entry(entry.key) == entry  # a list and a look agree, so versions compare
        assert tree.read(entry.key) == entry.name.encode()


def test_a_name_is_created_once(tree: Tree, folder: str) -> None:
    key = f"{folder}/1.json"
    won, lost, start = list[int](), list[int](), threading.Barrier(6)

    def work(number: int) -> None:
        start.wait(30)
        try:
            tree.create(key, str(number).encode())
            won.append(number)
        except Taken:
            lost.append(number)

    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 5
    assert tree.read(key) == str(won[0]).encode()


def test_uploads_and_ranges(tree: Tree, folder: str, tmp_path: Path) -> None:
    data, key = os.urandom(3 * BLOCK_BYTES + 77), f"{folder}/big {ODD}"
    (tmp_path / "big").write_bytes(data)
    tree.upload(tmp_path / "big", key)
    assert tree.entry(key).size == len(data)
    with io.BufferedReader(tree.open(key), 1 << 16) as file:
        assert file.read() == data
    for start, length in ((len(data) - 9, 100), (5, 7), (BLOCK_BYTES - 1, 2), (5, 0)):
        with io.BufferedReader(tree.open(key)) as file:
            file.seek(start)
            assert file.read(length) == data[start : start + length]


def test_what_is_not_there(tree: Tree, folder: str) -> None:
    for ask in (tree.entry, tree.read, tree.open):
        with pytest.raises(FileNotFoundError):
            ask(f"{folder}/nothing")
    tree.delete([f"{folder}/nothing"])


def test_a_key_that_the_server_does_not_know(
    emulators: Callable[[str], Emulator], tmp_path: Path
) -> None:
    server = emulators("sftp")
    (tmp_path / "known_hosts").write_text("")
    for changes in ({"known_hosts": str(tmp_path / "known_hosts")},
                    {"key_file": f"{server.folder}/host"}):  # fmt: skip
        stranger = connection(server, **changes)
        with pytest.raises(ConnectError, match="access was refused") as caught:
            tree_of(stranger, stranger.address("").at("")).below("x")
        assert caught.value.hint


def test_a_connection_that_was_cut_is_opened_again(emulators: Callable[[str], Emulator]) -> None:
    found = connection(emulators("sftp"), timeout="14s")
    tree = tree_of(found, found.address("").at(""))
    assert isinstance(tree, SFTPTree)
    key = found.address("x").key
    tree.create(key, b"x")
    in_own_loop(cut(tree))
    with pytest.raises(TransientError):
        tree.read(key)
    assert tree.read(key) == b"x"
    tree.delete([key])


async def cut(tree: SFTPTree) -> None:
    assert tree._client is not None
    tree._client.exit()


def test_a_missing_bucket(object_store: Emulator) -> None:
    scheme = object_store.url.partition("://")[0]
    wrong = connection(object_store, url=f"{scheme}://missing-bucket")
    tree = tree_of(wrong, wrong.address("").at(""))
    for ask in (lambda: tree.below("x"), lambda: tree.create("x", b"")):
        with pytest.raises(ConnectError, match="missing-bucket is not there") as caught:
            ask()
        assert caught.value.hint


def test_nobody_answers(s3: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.storage.cloud.RETRIES", 0)
    off = connection(s3, endpoint="http://127.0.0.1:9")
    with pytest.raises(TransientError) as caught:
        tree_of(off, off.address("").at("")).below("x")
    assert "127.0.0.1" not in str(caught.value)


class Counted:
    """A file whose ranges are counted."""

    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, list[tuple[int, int]]()

    def fetch(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        return self.data[start:stop]


def test_who_goes_straight_on_is_read_ahead_for() -> None:
    held = Counted(os.urandom(2 * BLOCK_BYTES + 10))
    with RangedFile(held.fetch, len(held.data)) as file:
        assert file.read(100) == held.data[:100]
        assert file.read() == held.data[100:]
    assert sorted(held.asked) == [
        (0, BLOCK_BYTES), (BLOCK_BYTES, 2 * BLOCK_BYTES), (2 * BLOCK_BYTES, len(held.data))
    ]  # fmt: skip


def test_who_jumps_about_gets_what_he_asks_for() -> None:
    held = Counted(os.urandom(5000))
    with RangedFile(held.fetch, len(held.data)) as file:
        file.seek(-8, io.SEEK_END)
        assert file.read(8) == held.data[-8:]
        file.seek(100)
        assert file.read(50) == held.data[100:150]
    assert held.asked == [(4992, 5000), (100, 150)]


def test_a_read_gets_all_it_asks_for() -> None:
    """Whatever blocks it crosses: Arrow takes less for the file's end."""
    held = Counted(os.urandom(3 * BLOCK_BYTES))
    with RangedFile(held.fetch, len(held.data)) as file:
        assert file.read(10) == held.data[:10]
        assert file.read(2 * BLOCK_BYTES) == held.data[10 : 10 + 2 * BLOCK_BYTES]


def test_a_file_that_became_shorter_is_an_error() -> None:
    held = Counted(b"abc")
    with RangedFile(held.fetch, 10) as file, pytest.raises(EOFError):
        file.read()
