"""Folders for a while: gone when they are let go of, swept when their process was killed."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygge.core import scratch
from hygge.core.scratch import Scratch, sweep
from hygge.testing.process import run_apart


@pytest.fixture(autouse=True)
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []  # every test cleans up


def age(folder: Path, by: float = scratch.GRACE_S * 2) -> None:
    """Make it look older, and all in it."""
    at = folder.stat().st_mtime - by
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (at, at))


def killed(place: str) -> None:
    """What a process does that is killed while it has a folder with a file."""
    tempfile.tempdir = place
    held = Scratch("spill")
    (held.path / "rows").write_text("left")
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def dead(whole: Path) -> Path:
    """A folder whose process was killed."""
    ended = run_apart(killed, str(whole))
    assert ended.returncode == -signal.SIGTERM, ended.output
    (left,) = whole.iterdir()
    assert (left / "spill" / "rows").read_text() == "left"
    return left


def test_it_goes_with_all_in_it(whole: Path) -> None:
    with Scratch() as folder:
        (folder / "below").mkdir()
        (folder / "below" / "file").write_text("1")
    assert not folder.exists()
    held = Scratch()
    held.remove()
    held.remove()
    Scratch()  # which nobody holds


def test_what_a_killed_process_left_is_swept_once_it_is_old(whole: Path, dead: Path) -> None:
    sweep(whole)
    assert dead.exists()
    age(dead)
    with Scratch() as mine:  # whose making sweeps, unless this process has done so here before
        age(mine.parent)
        sweep(whole)
        assert not dead.exists() and mine.exists()


def test_what_belongs_to_others_stays(
    whole: Path, dead: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(dead)
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "_user", lambda: os.getuid() + 1)
        sweep(whole)
        assert dead.exists()
    other = whole / "hygge-other"
    other.mkdir()
    (whole / f"{scratch.PREFIX}link").symlink_to(other)
    age(other)
    sweep(whole)
    assert not dead.exists() and other.exists()
    (whole / f"{scratch.PREFIX}link").unlink()
    other.rmdir()


def test_what_is_written_to_stays(whole: Path, dead: Path) -> None:
    """Though its lock can be taken: its owner may be on another host, with locks of its own."""
    age(dead)
    (dead / "spill" / "rows").write_text("more")
    age(dead / "spill")
    (dead / "spill" / "rows").write_text("and more")
    sweep(whole)
    assert dead.exists()
    age(dead)
    sweep(whole)
    assert not dead.exists()


@pytest.mark.parametrize("refused", [errno.EPERM, errno.ENOLCK, errno.EACCES])
def test_where_locks_are_refused(
    whole: Path, dead: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    """It works without, and nobody sweeps what might be another's."""

    def flock(*_: object) -> None:
        raise OSError(refused, "refused")

    age(dead)
    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", flock)
        opened = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        with Scratch() as mine:
            sweep(whole)
            assert dead.exists()
            assert opened in (0, len(os.listdir("/proc/self/fd")))
            patch.undo()
            age(mine.parent)
            sweep(whole)
            assert mine.exists() and not dead.exists()


def test_one_without_a_lock_goes_if_nothing_is_in_it(whole: Path) -> None:
    empty, full = whole / f"{scratch.PREFIX}a", whole / f"{scratch.PREFIX}b"
    empty.mkdir()
    full.mkdir()
    (full / "file").write_text("1")
    age(empty)
    age(full)
    sweep(whole)
    assert not empty.exists() and full.exists()
    (full / "file").unlink()
    full.rmdir()


def test_a_folder_for_temporary_files_that_is_not_there(whole: Path) -> None:
    sweep(whole / "nowhere")
