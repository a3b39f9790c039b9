"""Types and values of them, for property tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hygge.core.fields import INTEGERS, LogicalType, parse_type

SCALARS = [
    *sorted(INTEGERS), "float32", "float64", "bool", "null", "decimal(5,2)", "decimal(20,0)",
    "decimal(38,10)", "date", "time", "timestamp(ms)", "timestamp(us)", "timestamp(ns)",
    "timestamp(us, UTC)", "duration(us)", "string", "string(5)", "string(9)", "binary",
    "binary(3)", "json", "uuid",
]  # fmt: skip


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda t: f"list({t})"),
        st.tuples(inner, inner).map(lambda t: f"struct(a: {t[0]}, b: {t[1]})"),
    )


types: st.SearchStrategy[LogicalType] = st.one_of(
    st.sampled_from(SCALARS), st.sampled_from(SCALARS), _nested(st.sampled_from(SCALARS))
).map(parse_type)


def _decimal(whole: int, scale: int) -> Decimal:
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))


def values_of(kind: LogicalType) -> st.SearchStrategy[Any]:
    """Python values that a type carries, ends of its range included."""
    name = kind.kind
    if name in INTEGERS:
        bits = int(name.removeprefix("u")[3:])
        low, high = (
            (0, 2**bits - 1) if name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        return st.integers(low, high) | st.sampled_from([low, high])
    if name == "decimal":
        top, scale = 10 ** (kind.precision or 38) - 1, kind.scale or 0
        whole = st.integers(-top, top) | st.sampled_from([-top, top, 0])
        return whole.map(lambda n: _decimal(n, scale))
    if name == "timestamp":
        narrow = kind.unit == "ns"
        moments = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)) if narrow else (
            st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
        )  # fmt: skip
        step = 1000 if kind.unit == "ms" else 1
        return moments.map(
            lambda d: d.replace(
                microsecond=d.microsecond // step * step, tzinfo=UTC if kind.zone else None
            )
        )
    if name == "list":
        return st.lists(st.none() | values_of(kind.inner[0].type), max_size=3)
    if name == "struct":
        return st.fixed_dictionaries({f.name: st.none() | values_of(f.type) for f in kind.inner})
    simple: dict[str, st.SearchStrategy[Any]] = {
        "float32": st.floats(width=32, allow_nan=False),
        "float64": st.floats(allow_nan=False),
        "bool": st.booleans(),
        "null": st.none(),
        "date": st.dates(),
        "time": st.times(),
        "duration": st.timedeltas(timedelta(-(10**6)), timedelta(10**6)),
        "string": st.text(max_size=min(kind.length or 9, 9)),
        "binary": st.binary(max_size=min(kind.length or 9, 9)),
        "json": st.sampled_from(["{}", "[1, 2]", '"é"']),
        "uuid": st.uuids().map(str),
    }
    return simple[name]
