"""The suites notice what they are for: each broken connector here fails the check that names it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.contract import readers, writers

from hygge import Home, ParquetHome, ParquetStore, Schema, Store
from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.load import Commit, Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import Receipt, State
from hygge.testing.corpus import BY_NAME, CASES
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract

# Homes ------------------------------------------------------------------------------------------


def change(**overrides: Callable[..., Any]) -> type[ParquetHome]:
    """A Parquet Home whose sessions do some things otherwise; each is given the right doing."""

    class ChangedHome(ParquetHome, type="test_changed"):
        def open(self, context: Context) -> Any:
            session: Any = super().open(context)
            for name, other in overrides.items():
                right = getattr(session, name)
                setattr(session, name, lambda *a, right=right, other=other: other(right, *a))
            return session

    return ChangedHome


def loses_a_row(right: Any, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
    for at, batch in enumerate(right(request, chunk)):
        yield batch.slice(1) if at == 0 else batch


def rounds(right: Any, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
    for batch in right(request, chunk):
        yield batch.with_columns(pl.col(pl.Decimal).cast(pl.Float64).cast(pl.Decimal(38, 10)))


def no_window(right: Any, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
    yield from right(replace(request, window=None), chunk)


def overlapping(right: Any, request: ReadRequest, parts: int) -> Sequence[Chunk]:
    chunks = list(right(request, parts))
    return [*chunks, replace(chunks[0], index=len(chunks), label="again")][:parts]


BROKEN_HOMES = [
    ({"read": loses_a_row}, lambda suite: suite.test_columns(("k",))),
    ({"read": loses_a_row}, lambda suite: suite.test_values(BY_NAME["string"])),
    ({"read": loses_a_row}, lambda suite: suite.test_leaving_early()),
    ({"read": rounds}, lambda suite: suite.test_values(BY_NAME["decimal(38,10)"])),
    ({"read": no_window}, lambda suite: suite.test_windows("int64")),
    ({"split": overlapping}, lambda suite: suite.test_split(50)),
    ({"count": lambda right, *a: 1}, lambda suite: suite.test_count_and_estimate()),
    ({"maximum": lambda right, c: None}, lambda suite: suite.test_maximum_and_clock("int64")),
    ({"clock": lambda right: None}, lambda suite: suite.test_maximum_and_clock("date")),
]


@pytest.mark.parametrize("at", range(len(BROKEN_HOMES)))
def test_broken_homes_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    overrides, check = BROKEN_HOMES[at]

    class Suite(HomeContract):
        folder = tmp_path

        def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
            writers.parquet(frame, tmp_path / "data.parquet")
            return self.kind("t", path="data.parquet")

        kind: type[ParquetHome] = ParquetHome

    monkeypatch.chdir(tmp_path)
    check(Suite())
    Suite.kind = change(**overrides)
    with pytest.raises(AssertionError):
        check(Suite())


# Stores -----------------------------------------------------------------------------------------


class Hasty(Store, type="test_hasty"):
    """Keeps frames in one file; what it does wrong is said by `wrong`."""

    modes = ("replace", "append", "merge")
    keeps_state = True
    path = Path()
    wrong = ""

    def open(self, context: Context) -> StoreSession:
        return HastySession(self, context)

    def held(self) -> tuple[pl.DataFrame | None, State | None]:
        if not self.path.exists():
            return None, None
        rows, state = pickle.loads(self.path.read_bytes())
        return rows, state


class HastySession(StoreSession):
    def __init__(self, store: Hasty, context: Context) -> None:
        self.store, self.context = store, context

    def state(self) -> State | None:
        return self.store.held()[1]

    def begin(self, request: LoadRequest) -> Load:
        return HastyLoad(self.store, request, self.context)


class HastyLoad(Load):
    def __init__(self, store: Hasty, request: LoadRequest, context: Context) -> None:
        self.store, self.request, self.context = store, request, context
        self.frames: dict[int, list[pl.DataFrame]] = {}

    @property
    def ticket(self) -> Any:
        return self.request

    def writer(self, chunk: int) -> Any:
        self.frames[chunk] = []
        return HastyWriter(self, chunk)

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        if self.store.wrong == "trusts":
            return sum(r.rows for r in receipts)
        return sum(f.height for frames in self.frames.values() for f in frames)

    def put(self, state: State | None) -> pl.DataFrame:
        from hygge.core.drift import compare, merged
        from hygge.core.errors import SchemaDrift
        from hygge.files.rewrite import widened

        rows, held = self.store.held()
        given = [f for frames in self.frames.values() for f in frames]
        coming = pl.concat([self.request.fields.empty(), *given])
        if rows is not None and held is not None and self.request.mode != "replace":
            if clash := compare(held.fields, self.request.fields).clashing:
                raise SchemaDrift(f"{clash[0][0]} clashes", hint="declare it")
            fields = merged(held.fields, self.request.fields)
            coming, rows = widened(coming, fields, "t"), widened(rows, fields, "t")
            state = state and replace(state, fields=fields)
            keys = list(self.request.keys)
            if keys and self.store.wrong != "appends":
                rows = rows.join(coming, on=keys, how="anti", maintain_order="left")
            coming = pl.concat([rows, coming])
        state = replace(state, rows=coming.height) if state else held
        if self.store.wrong == "forgets the watermark" and state is not None:
            state = replace(state, watermark=None)
        self.store.path.write_bytes(pickle.dumps((coming, state)))
        return coming

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        from hygge.core.errors import ConflictError

        self.context.cancel.check()
        held = self.store.held()[1]
        if self.store.wrong != "no conflicts" and self.request.generation != (
            held.generation if held else 0
        ):
            raise ConflictError("overtaken")
        rows = self.put(state)
        if self.store.wrong == "early":
            return Commit(self.store.held()[1], rows.height, 1)
        self.frames = {}
        return Commit(self.store.held()[1], rows.height, 1)

    def abort(self) -> None:
        if self.store.wrong == "keeps" and self.frames:
            self.put(None)
        self.frames = {}


class HastyWriter:
    def __init__(self, load: HastyLoad, chunk: int) -> None:
        self.load, self.chunk = load, chunk

    def write(self, batch: pl.DataFrame) -> None:
        self.load.frames[self.chunk].append(batch)

    def finish(self) -> Receipt:
        if self.load.store.wrong == "early":
            self.load.put(None)
        rows = sum(f.height for f in self.load.frames[self.chunk])
        return Receipt(self.chunk, rows, 1)

    def abort(self) -> None:
        self.load.frames[self.chunk] = []


BROKEN_STORES: list[tuple[str, Callable[[Any], None]]] = [
    ("early", lambda suite: suite.test_nothing_is_visible_before_the_commit()),
    ("keeps", lambda suite: suite.test_what_is_not_committed_leaves_nothing("abort")),
    ("no conflicts", lambda suite: suite.test_of_two_loads_one_wins()),
    ("no conflicts", lambda suite: suite.test_a_generation_that_has_passed()),
    ("appends", lambda suite: suite.test_any_history()),
    ("trusts", lambda suite: suite.test_staged_rows_do_not_trust_receipts()),
    ("forgets the watermark", lambda suite: suite.test_state_reads_back(_mark())),
]


def _mark() -> Any:
    from hygge.testing._store_commits import MARKS

    return MARKS[0]


@pytest.mark.parametrize("at", range(len(BROKEN_STORES)))
def test_broken_stores_fail(tmp_path: Path, at: int) -> None:
    wrong, check = BROKEN_STORES[at]

    class Suite(StoreContract):
        wrong = ""

        def make(self, name: str) -> Store:
            store = Hasty(name)
            store.path, store.wrong, store.local = self.folder / name, self.wrong, True
            return store

        def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
            assert isinstance(store, Hasty)
            rows = store.held()[0]
            return pl.DataFrame() if rows is None else rows

    right, broken = Suite(), Suite()
    for suite, folder in ((right, tmp_path / "right"), (broken, tmp_path / "broken")):
        suite.folder = folder
        folder.mkdir()
    broken.wrong = wrong
    check(right)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(broken)


# Quirks -----------------------------------------------------------------------------------------

SUITE = """
import polars as pl
from hygge import ParquetHome
from hygge.testing.homes import HomeContract

class TestIt(HomeContract):
    {quirks}

    def make(self, frame, schema):
        frame.write_parquet(self.folder / "data.parquet")
        return ParquetHome("t", path="data.parquet")
"""
TYPED = "'fields[string(5)]': 'no lengths', 'fields[json]': 'text', 'fields[uuid]': 'text'"


@pytest.mark.parametrize(
    ("quirks", "said"),
    [
        (f"never = {{{TYPED}}}", "xfailed"),
        (f"never = {{{TYPED}, 'date': 'no dates'}}", "XPASS(strict)] never: no dates"),
        (f"not_yet = {{{TYPED}, 'split': 'one day'}}", "XPASS(strict)] not yet: one day"),
        (f"lossy = {{{TYPED}, 'dat': 'typo'}}", "'dat' names neither a check nor a type"),
        (f"lossy = {{{TYPED}, 'null': ''}}", "'null' needs a reason"),
        ("", "test_fields[uuid]"),
    ],
)
def test_quirks_must_hold(tmp_path: Path, quirks: str, said: str) -> None:
    (tmp_path / "test_it.py").write_text(SUITE.format(quirks=quirks or "pass"))
    out = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k",
         "fields or quirks or split", "test_it.py"],
        cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    text = out.stdout.decode()
    assert said in text, text[-2_000:]
    assert (out.returncode == 0) == (said == "xfailed")


def test_the_corpus_has_every_kind_and_exact_values() -> None:
    from typing import get_args

    from hygge.core.fields import Kind

    assert {case.type.kind for case in CASES} == set(get_args(Kind))
    for case in CASES:
        assert case.column.dtype == case.type.physical
        assert len(case.column) == len(case.values)


def test_readers_and_writers_agree_without_hygge(tmp_path: Path) -> None:
    """The suites' own reader and writer of SQLite, one against the other."""
    for at, case in enumerate(CASES):
        if case.type.inner or "finite" in case.name or "zero" in case.name:
            continue
        path = tmp_path / f"{at}.db"
        writers.sqlite(case.frame, case.schema, path, "t")
        back = readers.sqlite(path, "t", case.schema)
        assert back["k"].to_list() == case.frame["k"].to_list()
        assert back["v"].to_list() == case.frame["v"].to_list() or case.type.zone, case.name


def test_a_parquet_store_passes_what_broken_ones_fail(tmp_path: Path) -> None:
    class Suite(StoreContract):
        folder = tmp_path

        def make(self, name: str) -> Store:
            return ParquetStore(name, path=self.folder / name)

        def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
            return readers.parquet(self.folder / store.name)

    for _, check in BROKEN_STORES:
        check(Suite())
        for path in tmp_path.iterdir():
            path.rename(path.with_name(f"{path.name}-{id(check)}"))
