"""Object stores, through obstore: https://developmentseed.org/obstore"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore import exceptions

from hygge.core.errors import ConnectError, HyggeError, TransientError
from hygge.core.secrets import redact
from hygge.storage.address import Address
from hygge.storage.tree import Entry, Taken, Tree, in_order

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

PIECE_BYTES = 8 << 20
"""Of an upload; S3 takes 10,000 pieces of a file, so this is good for 78 GB."""
AT_ONCE = 4
"""Pieces of one upload that are under way: a part takes four pieces' memory."""
_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|specified bucket does not exist", re.IGNORECASE
)
_STATUS = re.compile(r"status code: (?P<code>\d{3})")
_MOMENT = {"408", "429", "500", "502", "503", "504"}


class ObjectTree(Tree):
    """The objects of one bucket or container.

    Parameters
    ----------
    store: obstore's.
    address: of the bucket, for errors.
    remover: removes one file, where obstore cannot; one that is not there is not missed.
    """

    def __init__(
        self, store: ObjectStore, address: Address, remover: Callable[[str], None] | None = None
    ) -> None:
        self._store, self._address, self._remover = store, address, remover

    def below(self, folder: str, *, deep: bool = False) -> list[Entry]:
        with self._telling(folder):
            if deep:
                pages = obstore.list(self._store, folder or None)
                found = [_entry(meta) for page in pages for meta in page]
            else:
                listed = obstore.list_with_delimiter(self._store, folder or None)
                found = [_entry(meta) for meta in listed["objects"]]
        # Some stores list what stands for a folder as an empty object named like it.
        return in_order(e for e in found if e.key != folder and not e.key.endswith("/"))

    def folders(self, folder: str) -> list[str]:
        with self._telling(folder):
            listed = obstore.list_with_delimiter(self._store, folder or None)
        return sorted(path.rstrip("/").rpartition("/")[2] for path in listed["common_prefixes"])

    def entry(self, key: str) -> Entry:
        with self._telling(key):
            return _entry(obstore.head(self._store, key))

    def fetch(self, key: str, start: int, stop: int) -> bytes:
        with self._telling(key):
            return obstore.get_range(self._store, key, start=start, end=stop).to_bytes()

    def read(self, key: str) -> bytes:
        with self._telling(key):
            return obstore.get(self._store, key).bytes().to_bytes()

    def upload(self, source: Path, key: str) -> None:
        with self._telling(key):
            obstore.put(self._store, key, source, chunk_size=PIECE_BYTES, max_concurrency=AT_ONCE)

    def create(self, key: str, data: bytes) -> None:
        with self._telling(key):
            try:
                obstore.put(self._store, key, data, mode="create")
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                raise Taken(key) from error

    def delete(self, keys: Sequence[str]) -> None:
        if self._remover is not None:
            for key in keys:
                self._remover(key)
            return
        for at in range(0, len(keys), 1000):  # DeleteObjects takes a thousand
            batch = list(keys[at : at + 1000])
            with self._telling(batch[0]):
                try:
                    obstore.delete(self._store, batch)
                except FileNotFoundError:
                    for key in batch:  # Azure stops at the first that is not there
                        self._delete_one(key)

    def _delete_one(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            pass

    @contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        """Turn what obstore says into an error for people."""
        place = self._address.at(key)
        try:
            yield
        except (HyggeError, Taken):
            raise
        except FileNotFoundError as error:
            if _NO_BUCKET.search(str(error)):
                raise ConnectError(
                    f"{self._address.at('')} is not there",
                    hint="make the bucket or container first, or mend its name",
                ) from error
            raise
        except _REFUSED as error:
            raise ConnectError(
                f"{place}: access was refused ({_reason(error)})",
                hint="give hygge's identity the right to list, read and write there",
            ) from error
        except (exceptions.BaseError, OSError, TimeoutError) as error:
            raise _told(place, error) from error


def _told(place: Address, error: Exception) -> HyggeError:
    """An error whose cause is in the text only."""
    text = str(error)
    if _NO_BUCKET.search(text):
        return ConnectError(f"{place.at('')} is not there", hint="make the bucket first")
    found = _STATUS.search(text)
    if found is not None and found["code"] not in _MOMENT:
        hint = "check the address and the credentials of its connection"
        return ConnectError(f"{place}: {_reason(error)}", hint=hint)
    return TransientError(f"{place}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The first line of an error, without addresses that may be signed."""
    line = redact(str(error)).strip().split("\n", 1)[0]
    return re.sub(r"https?://\S+", "the server", line)[:300]


def _entry(meta: ObjectMeta) -> Entry:
    changed = int(meta["last_modified"].timestamp() * 1_000_000) * 1000
    tag: Any = meta["e_tag"] or meta["version"] or ""
    return Entry(meta["path"], meta["size"], changed, tag.strip('"'))  # lists may have no quotes
