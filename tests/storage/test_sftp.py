"""SFTP: what only its servers have, against OpenSSH's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import asyncssh
import pytest
from tests.contract.test_object_stores import key_of, tree
from tests.servers.objects import Emulator


@pytest.fixture
def sftp(emulators: Callable[[str], Emulator]) -> Emulator:
    return emulators("sftp")


def test_a_link_that_leads_nowhere_hides_no_other_file(sftp: Emulator, tmp_path: Path) -> None:
    files, folder = tree(sftp), key_of(sftp, uuid4().hex)
    (tmp_path / "a").write_bytes(b"a")
    for name in ("a", "deep/b"):
        files.upload(tmp_path / "a", f"{folder}/{name}")

    async def link(client: asyncssh.SFTPClient) -> None:
        for name in ("0", "deep/0", "z"):
            target = "a" if name == "z" else "nowhere"
            await client.symlink(target, f"/{folder}/{name}")

    files._ask(folder, link)  # type: ignore[attr-defined]
    found = [entry.key.removeprefix(f"{folder}/") for entry in files.below(folder, deep=True)]
    assert found == ["a", "deep/b", "z"]


def test_what_was_uploaded_is_durable(
    sftp: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on disk before it has its name: a manifest may speak of it."""
    files, folder, told = tree(sftp), key_of(sftp, uuid4().hex), list[str]()
    fsync, rename = asyncssh.SFTPClientFile.fsync, asyncssh.SFTPClient.posix_rename

    async def synced(file: asyncssh.SFTPClientFile) -> None:
        await fsync(file)
        told.append("synced")

    async def renamed(client: asyncssh.SFTPClient, old: str, new: str) -> None:
        told.append("renamed")
        await rename(client, old, new)

    monkeypatch.setattr(asyncssh.SFTPClientFile, "fsync", synced)
    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", renamed)
    (tmp_path / "a").write_bytes(b"abc")
    files.upload(tmp_path / "a", f"{folder}/a")
    assert told == ["synced", "renamed"]
    assert files.read(f"{folder}/a") == b"abc"
