"""What is laid down for COPY is what the server takes it for, as psql shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tests.servers import Database, Server

DAYS = (-2_440_588, 2_145_042_905)  # from 4714-11-24 BC to the last date of PostgreSQL's
MOMENTS = (DAYS[0] * 86_400_000_000, 2**63 - 1)


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copied")


@dataclass(frozen=True)
class Kind:
    """A type of columns.

    Parameters
    ----------
    native: the table's.
    oid: its own.
    dtype: the frame's.
    values: what there may be.
    shown: a value as psql says it.
    ask: how psql is asked for it, where not as it is.
    made: the dtype in which values are given to Polars, where it is another.
    """

    native: str
    oid: int
    dtype: Any
    values: st.SearchStrategy[Any]
    shown: Callable[[Any], Any] = str
    ask: str = "{}"
    read: Callable[[str], Any] = str
    made: Any = None

    def series(self, values: Sequence[Any]) -> pl.Series:
        if isinstance(self.dtype, pl.Decimal):  # by way of Arrow, exactly
            kind = pa.decimal128(self.dtype.precision, self.dtype.scale)
            return pl.Series(pa.array(values, kind))
        return pl.Series(values, dtype=self.made or self.dtype, strict=True).cast(self.dtype)


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high))


def decimal(precision: int, scale: int, native: str = "") -> Kind:
    most = 10**precision - 1
    numbers = st.one_of(
        whole(-most, most),
        st.integers(0, precision - 1).map(lambda n: 10**n),  # groups of zeros after it
        st.integers(0, 10 ** min(5, precision) - 1),  # and before it
    )
    exact = Context(prec=99)
    return Kind(
        native or f"numeric({precision},{scale})", 1700, pl.Decimal(precision, scale),
        numbers.map(lambda n: Decimal(n).scaleb(-scale, exact)),
        shown=lambda value: format(abs(value) if not value else value, "f"),
    )  # fmt: skip


def integer(native: str, oid: int, dtype: Any, bits: int, *, signed: bool = True) -> Kind:
    values = whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else whole(0, 2**bits - 1)
    return Kind(native, oid, dtype, values)


def real(native: str, oid: int, dtype: Any, bits: int, code: str, width: int = 0) -> Kind:
    """Bit by bit: zero has a sign."""
    send = f"encode({native.partition(' ')[0]}8send({{}}), 'hex')"
    send = f"encode(float{width or bits // 8}send({{}}), 'hex')"
    return Kind(native, oid, dtype, st.floats(width=bits, allow_nan=False) | st.just(math.nan),
                shown=lambda value: struct.pack(code, value).hex(), ask=send)  # fmt: skip


def moment(native: str, oid: int, zone: str | None) -> Kind:
    return Kind(native, oid, pl.Datetime("us", zone), whole(*MOMENTS), made=pl.Int64,
                ask="(extract(epoch FROM {}) * 1000000)::numeric(30,0)")  # fmt: skip


def array(kind: Kind, native: str, oid: int) -> Kind:
    """One dimension, as JSON: NULLs inside, none at all, and nothing in it."""
    return Kind(
        f"{kind.native}[]" if not native else native, oid, pl.List(kind.dtype),
        st.lists(st.none() | kind.values, max_size=4), made=pl.List(kind.made or kind.dtype),
        shown=lambda value: value, ask="array_to_json({})", read=json.loads,
    )  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner), max_leaves=4
).map(json.dumps)
