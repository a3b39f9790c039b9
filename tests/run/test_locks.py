"""Locks of entities: one holder, free when it ends however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hygge.core.context import CancelToken
from hygge.core.errors import Cancelled, ConfigError
from hygge.run.locks import Lock, Overlap, entity_lock, lock_name

_HOLDER = """
import sys, time
from pathlib import Path
from hygge.run.locks import Lock
lock = Lock(Path(sys.argv[1]), sys.argv[2], "run r1")
assert lock.take()
print("held", flush=True)
time.sleep(60)
"""


def holder(root: Path, name: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(root), name], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_one_at_a_time_and_free_once_the_holder_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path, "shop.users") as child:
        lock = Lock(tmp_path, "shop.users")
        assert not lock.take()
        assert lock.holder().startswith(f"run r1, process {child.pid} since ")
        assert Lock(tmp_path, "shop.orders").take()
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert lock.take()
        lock.free()


def test_two_holders_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    one, other = Lock(tmp_path, "a.b"), Lock(tmp_path, "a.b")
    assert one.take()
    assert one.take()  # it is ours already
    assert not other.take()
    one.free()
    one.free()
    assert other.take()
    other.free()


@pytest.mark.parametrize("choice", ["skip", "fail"])
def test_an_overlap_is_raised_saying_who_holds_it(tmp_path: Path, choice: str) -> None:
    with holder(tmp_path, "shop.users") as child:
        with (
            pytest.raises(Overlap, match=f"process {child.pid}") as caught,
            entity_lock(tmp_path, "shop.users", choice, CancelToken()),  # type: ignore[arg-type]
        ):
            pytest.fail("the lock was not ours")
        assert "--if-running wait" in (caught.value.hint or "")
        child.kill()


def test_waiting_ends_when_the_holder_does(tmp_path: Path) -> None:
    with holder(tmp_path, "shop.users") as child:
        threading.Timer(0.3, child.kill).start()
        with entity_lock(tmp_path, "shop.users", "wait", CancelToken()):
            assert child.wait() == -signal.SIGKILL
            assert not Lock(tmp_path, "shop.users").take()
    assert Lock(tmp_path, "shop.users").take()


def test_waiting_ends_when_told_to_stop(tmp_path: Path) -> None:
    token = CancelToken()
    with Lock(tmp_path, "a.b") as held:
        held.take()
        threading.Timer(0.2, token.cancel, args=("enough",)).start()
        began = time.monotonic()
        with pytest.raises(Cancelled, match="enough"), entity_lock(tmp_path, "a.b", "wait", token):
            pytest.fail("the lock was not ours")
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "Ærø.tåge", "x" * 300, "..", "A.b", "a.B", "con:1"]
)
def test_any_name_stays_inside_the_folder_and_apart_from_others(tmp_path: Path, name: str) -> None:
    lock = Lock(tmp_path, name)
    assert lock.path.parent == tmp_path / ".hygge" / "locks"
    others = {
        Lock(tmp_path, n).path.name.lower() for n in ("a.b", "a_b", "___etc_passwd", name + "x")
    }
    assert lock.path.name.lower() not in others
    assert lock.take()
    lock.free()


def test_a_file_removed_under_a_lock_does_not_make_two_holders(tmp_path: Path) -> None:
    one = Lock(tmp_path, "a.b")
    assert one.take()
    one.free(remove=True)
    assert not one.path.exists()
    two, three = Lock(tmp_path, "a.b"), Lock(tmp_path, "a.b")
    assert two.take()
    assert not three.take()
    two.free()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".hygge").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="cannot be taken"):
        Lock(tmp_path, "a.b").take()


def test_one_place_has_one_lock_by_whichever_name_it_is_reached(tmp_path: Path) -> None:
    def names(*places: str) -> set[str]:
        return {lock_name("shop.users", place, tmp_path) for place in places}

    here = ("localhost", "127.0.0.1", "[::1]", "LOCALHOST")
    assert len(names(*(f"postgresql://{host}:5433/shop#users" for host in here))) == 1
    assert len(names("mysql://127.0.0.1/shop#users", "mysql://localhost/shop#users")) == 1
    others = ("127.0.0.11", "127.0.0.1.example.com", "localhost.example.com", "10.127.0.0")
    assert len(names(*(f"mysql://{host}/shop#users" for host in (*others, "localhost")))) == 5
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert len(names("out", "./out", "link", str(tmp_path / "out"))) == 1
