"""Files on an SFTP server. Its calls run on hygge's own loop, for threads that wait.

A file gets its name when all of it is there: it is written under a hidden name beside it and then
renamed. Version 3 of the protocol has a rename fail where the new name is taken
(draft-ietf-secsh-filexfer-02, 6.5), which OpenSSH does by link(2) and so at once; that is what
creates a manifest once.
"""

from __future__ import annotations

import posixpath
import stat
import threading
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from hygge.core.context import in_own_loop
from hygge.core.errors import ConnectError, TransientError
from hygge.core.secrets import redact
from hygge.storage.address import Address
from hygge.storage.tree import Entry, Taken, Tree, in_order

T = TypeVar("T")
_LOST = (asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
_REFUSED = (
    asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable, asyncssh.KeyImportError,
    asyncssh.SFTPPermissionDenied,
)  # fmt: skip


class SFTPTree(Tree):
    """The files of one server, through one connection that is opened again when it is lost.

    Parameters
    ----------
    options: for `asyncssh.connect`.
    address: of the server, for errors.
    """

    def __init__(self, options: dict[str, Any], address: Address) -> None:
        self._options, self._address = options, address
        self._lock = threading.Lock()
        self._client: asyncssh.SFTPClient | None = None

    def below(self, folder: str, *, deep: bool = False) -> list[Entry]:
        return in_order(self._ask(folder, lambda client: self._below(client, folder, deep)))

    async def _below(self, client: asyncssh.SFTPClient, folder: str, deep: bool) -> list[Entry]:
        found: list[Entry] = []
        try:
            async for each in client.scandir(_path(folder)):
                name = str(each.filename)
                if name in (".", ".."):
                    continue
                key, attrs = f"{folder}/{name}".lstrip("/"), each.attrs
                if stat.S_ISLNK(attrs.permissions or 0):
                    try:
                        attrs = await client.stat(_path(key))
                    except asyncssh.SFTPNoSuchFile:
                        continue  # it leads nowhere; the others are there all the same
                if not stat.S_ISDIR(attrs.permissions or 0):
                    found.append(_entry(key, attrs))
                elif deep:
                    found += await self._below(client, key, deep)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNotADirectory):
            return []
        return found

    def folders(self, folder: str) -> list[str]:
        async def ask(client: asyncssh.SFTPClient) -> list[str]:
            try:
                return [
                    str(each.filename)
                    async for each in client.scandir(_path(folder))
                    if stat.S_ISDIR(each.attrs.permissions or 0)
                    and each.filename not in (".", "..")
                ]
            except asyncssh.SFTPNoSuchFile:
                return []

        return sorted(self._ask(folder, ask))

    def entry(self, key: str) -> Entry:
        async def ask(client: asyncssh.SFTPClient) -> Entry:
            attrs = await client.stat(_path(key))
            if stat.S_ISDIR(attrs.permissions or 0):
                raise FileNotFoundError(key)  # a folder is no file
            return _entry(key, attrs)

        return self._ask(key, ask)

    def fetch(self, key: str, start: int, stop: int) -> bytes:
        async def ask(client: asyncssh.SFTPClient) -> bytes:
            async with client.open(_path(key), "rb") as file:
                data: Any = await file.read(stop - start, start)
                return bytes(data)

        return self._ask(key, ask)

    def upload(self, source: Path, key: str) -> None:
        async def ask(client: asyncssh.SFTPClient) -> None:
            hidden = await self._hidden(client, key)
            await client.put(str(source), hidden)
            async with client.open(hidden, "ab") as file:
                await _make_durable(file)
            await client.posix_rename(hidden, _path(key))

        self._ask(key, ask)

    def create(self, key: str, data: bytes) -> None:
        async def ask(client: asyncssh.SFTPClient) -> None:
            hidden = await self._hidden(client, key)
            async with client.open(hidden, "wb") as file:
                await file.write(data)
                await _make_durable(file)
            try:
                await client.rename(hidden, _path(key))
            except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                there = await client.exists(_path(key))
                await client.remove(hidden)
                if there:
                    raise Taken(key) from None
                raise

        self._ask(key, ask)

    async def _hidden(self, client: asyncssh.SFTPClient, key: str) -> str:
        """A name for a file that is not whole yet, in the same folder, which is made if need be."""
        folder, name = posixpath.split(_path(key))
        await client.makedirs(folder or ".", exist_ok=True)
        return posixpath.join(folder, f".{name}.{uuid.uuid4().hex[:8]}")

    def delete(self, keys: Sequence[str]) -> None:
        async def one(client: asyncssh.SFTPClient, key: str) -> None:
            try:
                await client.remove(_path(key))
            except asyncssh.SFTPNoSuchFile:
                pass

        async def ask(client: asyncssh.SFTPClient) -> None:
            for key in keys:
                await one(client, key)

        if keys:
            self._ask(keys[0], ask)

    def _ask(self, key: str, ask: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """What the server answers; its errors in words."""
        place = self._address.at(key)
        try:
            with self._lock:
                if self._client is None:
                    self._client = in_own_loop(self._open())
                client = self._client

            async def whole() -> T:
                return await ask(client)

            return in_own_loop(whole())
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise FileNotFoundError(str(place)) from error
        except _REFUSED as error:
            raise ConnectError(
                f"{place}: access was refused ({_reason(error)})",
                hint="try `sftp` by hand: the user, the key and the known hosts are the same",
            ) from error
        except (TimeoutError, *_LOST, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            self._client = None  # the next call opens another
            raise TransientError(f"{place}: {_reason(error)}") from error
        except asyncssh.Error as error:
            raise TransientError(f"{place}: {_reason(error)}") from error

    async def _open(self) -> asyncssh.SFTPClient:
        connection = await asyncssh.connect(**self._options)
        return await connection.start_sftp_client()


async def _make_durable(file: asyncssh.SFTPClientFile) -> None:
    try:
        await file.fsync()
    except asyncssh.SFTPOpUnsupported:
        pass  # an extension of OpenSSH's


def _path(key: str) -> str:
    """A key as the server has it: from its root, or with `~` from the user's home."""
    if key == "~":
        return "."
    return key[2:] if key.startswith("~/") else f"/{key}"


def _entry(key: str, attrs: asyncssh.SFTPAttrs) -> Entry:
    return Entry(key, attrs.size or 0, int(attrs.mtime or 0) * 10**9)


def _reason(error: BaseException) -> str:
    return redact(str(error)).strip().split("\n", 1)[0] or type(error).__name__
