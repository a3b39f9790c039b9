"""What the suites of Stores are made of."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge.core.context import Surroundings
from hygge.core.errors import (
    HyggeError,
    UnsupportedError,
)
from hygge.core.fields import Schema
from hygge.core.load import Load
from hygge.core.settling import StoreSession
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.testing.corpus import AWKWARD_NAMES, KEY, VALUE, Case, numbered
from hygge.testing.loading import (
    load_frames,
    request_for,
    state_of,
)
from hygge.testing.quirks import Quirks, by_type, skip

KEYED: tuple[Mode, ...] = ("merge", "delete_insert")
"""The modes whose equation needs a key."""


class AnyStoreContract(Quirks):
    """What both suites need: how to make a Store, and how to see what lies there."""

    @abstractmethod
    def make(self, name: str) -> Store:
        """A Store of an entity of this name, somewhere under `folder`, that holds nothing yet."""

    def keys_seen(self, store: Store, schema: Schema) -> list[int]:
        """The values of the key that a reader sees now, while a load may be under way.

        For a Store whose locks hold between processes only, read them in another process.
        """
        return list(self.rows(store, schema)[KEY])

    @abstractmethod
    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        """All rows that lie at a bound Store's destination now, read by means that share no code
        with it, as any reader would; no rows, with whatever columns, where nothing lies there.

        Parameters
        ----------
        schema: the fields the rows should have, for formats that tell types poorly.
        """

    def with_secret(self, secret: str) -> Store | None:
        """A Store whose settings hold a secret and that cannot be reached; None: it has none."""
        return None

    def new(self, name: str = "t") -> Store:
        """A bound Store."""
        return self.make(name).bind(Surroundings(root=self.folder))

    def check_rows(self, store: Store, expected: pl.DataFrame) -> None:
        """Exactly the rows expected lie there, in whatever order; `k` tells them apart."""
        got = self.rows(store, Schema.of(expected))
        if expected.is_empty() and got.is_empty():
            return
        assert set(got.columns) == set(expected.columns)
        by = [KEY] if KEY in expected.columns else expected.columns
        got, expected = got.sort(by), expected.sort(by)
        for name in expected.columns:
            assert same(got[name], expected[name]), (
                f"{name}: {got[name].to_list()} is not {expected[name].to_list()}"
            )

    def test_secrets_never_show(self) -> None:
        secret = "Zq7 @/:pa'ss Xj9"  # noqa: S105 - made up here
        store = self.with_secret(secret)
        if store is None:
            skip("this Store's settings hold no secret")
            return
        shown = [repr(store), str(store), store.place(), str(store.identity()), repr(store.config)]
        try:
            state_of(store.bind(Surroundings(root=self.folder)))
        except HyggeError as error:
            shown.append(str(error))
        for text in shown:
            assert "Zq7" not in text and "Xj9" not in text

    def test_it_pickles(self) -> None:
        store = self.new()
        if store.local:
            skip("this Store holds a live object")
        again = pickle.loads(pickle.dumps(store))  # noqa: S301 - what is being tested
        assert again == store
        assert (again.place(), again.identity()) == (store.place(), store.identity())

    def test_modes_it_has_not_are_refused(self) -> None:
        store = self.new()
        for mode in ("replace", "append", "merge", "delete_insert", "scd2"):
            if mode not in store.modes:
                with pytest.raises(UnsupportedError) as caught:
                    store.check(mode, [KEY])
                assert caught.value.hint
            elif mode in (*KEYED, "delete_insert", "scd2"):
                with pytest.raises(UnsupportedError, match="key"):
                    store.check(mode, [])

    @by_type
    def test_values(self, case: Case) -> None:
        """Every value arrives unaltered, and NULL is not the empty value."""
        store = self.new()
        load_frames(store, [case.frame], store.modes[0], self.keys(store), fields=case.schema)
        self.check_rows(store, case.frame)

    def test_awkward_names(self) -> None:
        """Columns keep their names, whatever those are."""
        store = self.new()
        frame = numbered(*(pl.Series(n, [i, None]) for i, n in enumerate(AWKWARD_NAMES)))
        load_frames(store, [frame], store.modes[0], self.keys(store))
        self.check_rows(store, frame)

    def test_a_standalone_write_appends(self) -> None:
        """`await store.write(df)` commits when it returns; `store.load()` groups several."""
        store, frame = self.new(), some_rows(0, 9)
        store.write_sync(frame.slice(0, 2))
        self.check_rows(store, frame.slice(0, 2))
        asyncio.run(_write_alone(store, frame.slice(2, 3)))
        self.check_rows(store, frame.slice(0, 5))
        with store.load() as load:
            load.write_sync(frame.slice(5, 1))
            load.write_sync(frame.slice(6, 3))
        self.check_rows(store, frame)

    def keys(self, store: Store) -> Sequence[str]:
        return [KEY] if store.modes[0] in KEYED else []


class LoadingContract(AnyStoreContract):
    """What the checks of Stores that keep state have in common."""

    def first(self, store: Store, height: int = 10) -> pl.DataFrame:
        """Some rows, loaded."""
        frame = some_rows(0, height)
        load_frames(
            store, [frame], "replace" if "replace" in store.modes else store.modes[0], [KEY]
        )
        return frame

    def modes_of(self, store: Store) -> list[Mode]:
        return [m for m in ("replace", "append", "merge") if m in store.modes]

    # What the checks are made of ------------------------------------------------------------------

    def begin(self, session: StoreSession, mode: Mode) -> Load:
        keys = [KEY] if mode in KEYED else []
        return session.begin(request_for(session.state(), Schema.of(some_rows(0, 0)), mode, keys))

    def holding(self, store: Store) -> pl.DataFrame:
        """Some rows, whatever lay there before."""
        if "replace" in store.modes or state_of(store) is None:
            return self.first(store)
        return self.rows(store, Schema.of(some_rows(0, 0)))

    def check_that_it_loads(self, store: Store) -> None:
        """Nothing that was left behind stands in the way of the next load."""
        held = self.rows(store, Schema.of(some_rows(0, 0)))
        more = some_rows(9_000, 3)
        mode: Mode = "append" if "append" in store.modes else store.modes[0]
        load_frames(store, [more], mode, [KEY])
        after = equation(mode, held.to_dicts(), more.to_dicts())
        self.check_rows(store, pl.DataFrame(after, schema=more.schema))


def some_rows(start: int, height: int) -> pl.DataFrame:
    """Rows numbered from `start` with a text that tells them apart."""
    ids = range(start, start + height)
    return pl.DataFrame(
        {KEY: list(ids), VALUE: [f"é{i}" if i % 7 else None for i in ids]},
        schema={KEY: pl.Int64, VALUE: pl.String},
    )


def equation(
    mode: Mode, held: list[dict[str, Any]], coming: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What a destination holds after a load: the definition of the modes, by key `k`."""
    if mode == "replace":
        return coming
    if mode == "append":
        return held + coming
    return list(({r[KEY]: r for r in held} | {r[KEY]: r for r in coming}).values())


def same(left: pl.Series, right: pl.Series) -> bool:
    """Whether two columns have the same values, NaN being itself; dtypes may differ."""
    if isinstance(left.dtype, pl.Datetime) and left.dtype.time_zone and right.dtype != left.dtype:
        left = left.dt.convert_time_zone(getattr(right.dtype, "time_zone", None) or "UTC")
    if left.dtype == right.dtype and left.dtype != pl.Null:
        return left.equals(right, null_equal=True)
    return len(left) == len(right) and all(map(_same, left.to_list(), right.to_list()))


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def digest_of(path: Path) -> str:
    """blake2b-128 of a file, in hex, as receipts have it."""
    import hashlib

    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def in_threads(work: Sequence[Callable[[], None]]) -> None:
    """Run each in a thread of its own; the first error comes out here."""
    errors: list[BaseException] = []

    def guarded(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


async def _write_alone(store: Store, frame: pl.DataFrame) -> None:
    await store.write(frame)
