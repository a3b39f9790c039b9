"""Exact casts against Python's own Decimal and datetime: nothing rounded, cut, wrapped or lost."""

from __future__ import annotations

import math
import re
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hygge.core.cast import cast
from hygge.core.fields import FLOATS, INTEGERS, LogicalType, parse_type

BAD = object()
INTEGER_RANGES = {
    kind: (0, 2 ** int(kind[4:]) - 1)
    if kind.startswith("u")
    else (-(2 ** (int(kind[3:]) - 1)), 2 ** (int(kind[3:]) - 1) - 1)
    for kind in INTEGERS
}
PL_INTEGERS = {k: parse_type(k).physical for k in sorted(INTEGERS)}
KINDS = [
    *sorted(INTEGERS), "float32", "float64", "bool",
    "decimal(5,2)", "decimal(18,0)", "decimal(38,10)", "decimal(38,38)", "decimal(2,2)",
    "date", "time", "timestamp(ms)", "timestamp(us)", "timestamp(ns)",
    "timestamp(us, UTC)", "timestamp(ms, Europe/Paris)", "timestamp(ns, Asia/Tokyo)",
    "duration(ms)", "duration(us)", "duration(ns)", "string", "binary", "json", "null",
]  # fmt: skip
NUMERIC = [k for k in KINDS if parse_type(k).kind in (*INTEGERS, *FLOATS, "decimal", "bool")]


def f32(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def shortest(value: float, kind: str) -> Decimal:
    """The shortest decimal that is read as this float."""
    if kind == "float64":
        return Decimal(repr(value))
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if f32(float(text)) == value:
            return Decimal(text)
    raise AssertionError(value)


def in_decimal(value: Decimal, kind: LogicalType) -> Any:
    scale, precision = kind.scale or 0, kind.precision or 38
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)) or "0")
    while exponent < -scale and whole % 10 == 0:
        if whole == 0:
            exponent = -scale
            break
        whole, exponent = whole // 10, exponent + 1
    if exponent < -scale or abs(whole) * 10 ** (exponent + scale) >= 10**precision:
        return BAD
    return Decimal((sign, digits, value.as_tuple().exponent))


def number(value: Any, source: str, kind: LogicalType) -> Any:
    """What a number is in another numeric type, or BAD. `source` names floats' width."""
    finite = not isinstance(value, float) or math.isfinite(value)
    if kind.kind == "bool":
        return bool(value) if finite and value in (0, 1) else BAD
    if kind.kind in INTEGERS:
        low, high = INTEGER_RANGES[kind.kind]
        return int(value) if finite and int(value) == value and low <= value <= high else BAD
    if kind.kind == "decimal":
        if not finite:
            return BAD
        if not isinstance(value, float):
            return in_decimal(Decimal(value), kind)
        narrow = f32 if source == "float32" else float
        if all(in_decimal(d, kind) is BAD for d in (shortest(value, source), Decimal(value))):
            return BAD
        return lambda got: narrow(float(got)) == value  # any decimal that is read as this float
    narrow = f32 if kind.kind == "float32" else float
    if not finite:
        return value
    try:
        near = narrow(float(value))
    except OverflowError:
        return BAD
    if not math.isfinite(near):
        return BAD
    if isinstance(value, Decimal):
        return near if value == Decimal(near) or value == shortest(near, kind.kind) else BAD
    return near if near == value else BAD


def check(values: list[Any], dtype: pl.DataType, kind: LogicalType, expected: list[Any]) -> None:
    column = pl.Series("c", values, dtype=dtype)
    result = cast(column, kind)
    assert result.values.dtype == kind.physical
    assert result.values.name == "c"
    got = result.values.to_list()
    assert len(got) == len(values) == len(result.bad)
    for before, want, now, bad in zip(values, expected, got, result.bad, strict=True):
        shown = f"{before!r} ({dtype}) as {kind}: {now!r}, wanted {want!r}"
        if before is None:
            assert now is None and not bad, shown
        elif want is BAD:
            assert now is None and bad, shown
        elif callable(want):
            assert not bad and want(now), shown
        elif isinstance(want, float) and math.isnan(want):
            assert not bad and math.isnan(now), shown
        else:
            assert not bad and now == want and type(now) is type(want), shown


def numbers_for(source: str) -> st.SearchStrategy[Any]:
    near = [2**k + d for k in (0, 7, 8, 15, 16, 24, 31, 32, 53, 63, 64) for d in (-1, 0, 1)]
    if source in INTEGERS:
        low, high = INTEGER_RANGES[source]
        edge = [s * n for n in near for s in (1, -1) if low <= s * n <= high]
        return st.one_of(st.integers(low, high), st.sampled_from(edge), st.integers(0, 99))
    if source in FLOATS:
        width = 64 if source == "float64" else 32
        edge_f = [s * float(n) for n in near for s in (1, -1)]
        cents = st.integers(-(10**7), 10**7).map(lambda c: c / 100)
        out = st.one_of(st.floats(width=width), st.sampled_from(edge_f), cents, st.just(-0.0))  # type: ignore[arg-type]
        return out.map(f32) if width == 32 else out
    if source == "bool":
        return st.booleans()
    kind = parse_type(source)
    scale, precision = kind.scale or 0, kind.precision or 38
    top = 10**precision - 1
    whole = st.one_of(
        st.integers(-top, top), st.integers(-min(999, top), min(999, top)),
        st.sampled_from([n * 10**scale for n in near if n * 10**scale <= top] or [0]),
    )  # fmt: skip
    return whole.map(lambda n: Decimal((int(n < 0), tuple(map(int, str(abs(n)))), -scale)))


@pytest.mark.parametrize("kind", NUMERIC)
@pytest.mark.parametrize("source", NUMERIC)
@settings(max_examples=25)
@given(data=st.data())
def test_numbers(source: str, kind: str, data: st.DataObject) -> None:
    target, given_type = parse_type(kind), parse_type(source)
    values = data.draw(st.lists(st.none() | numbers_for(source), min_size=1, max_size=12))
    if source == kind:
        expected = values
    else:
        expected = [None if v is None else number(v, source, target) for v in values]
    check(values, given_type.physical, target, expected)


def test_a_float_beside_a_decimal_is_not_taken_for_it() -> None:
    cents = [c / 100 for c in range(-5_000, 5_000)]
    target = parse_type("decimal(10,2)")
    check(cents, pl.Float64(), target, [Decimal(f"{c:.2f}") for c in cents])
    beside = [math.nextafter(c, math.inf) for c in cents]
    check(beside, pl.Float64(), target, [BAD] * len(beside))


def test_a_float_that_rounds_up_to_a_digit_too_many() -> None:
    check(
        [0.996, 0.99, None], pl.Float64(), parse_type("decimal(2,2)"), [BAD, Decimal("0.99"), None]
    )
    check([999.996, 1e300], pl.Float64(), parse_type("decimal(5,2)"), [BAD, BAD])


PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
number_texts = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,22}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"0{0,3}[0-9]{1,5}\.[0-9]{1,2}0{0,40}", fullmatch=True),
    st.text("0123456789.+-eE_ ٣½xnaif", max_size=8),
    st.sampled_from([
        "", ".", "+", "-", "1.", ".5", "1e400", "-1e400", "1e-400", "0e9", "++1", "1,5", "0x1F",
        "NaN", "nan", "inf", "-Infinity", "1_000", "٣", "１", "9007199254740993", "16777217",
        "1e999999999", "9" * 38, "9" * 39, "0." + "9" * 38, "5e-1", "1.005", "99.995", "1 2",
    ]),
)  # fmt: skip


@pytest.mark.parametrize("kind", [k for k in NUMERIC if k != "bool"])
@given(texts=st.lists(st.none() | number_texts, min_size=1, max_size=10))
def test_numbers_in_text(kind: str, texts: list[str | None]) -> None:
    target = parse_type(kind)

    def one(text: str) -> Any:
        text = text.strip(" \t\r\n")
        if target.kind in INTEGERS:
            low, high = INTEGER_RANGES[target.kind]
            whole = re.fullmatch("[+-]?[0-9]+", text)
            return int(text) if whole and low <= int(text) <= high else BAD
        if target.kind == "decimal":
            if not PLAIN.fullmatch(text):
                return BAD
            value = Decimal(text)
            return BAD if value and abs(value.adjusted()) > 99 else in_decimal(value, target)
        if re.fullmatch("[+-]?(nan|inf|infinity)", text, re.IGNORECASE):
            return float(text)
        if not PLAIN.fullmatch(text):
            return BAD
        narrow = f32 if target.kind == "float32" else float
        near = narrow(float(text))
        if not math.isfinite(near) or (near == 0 and Decimal(text) != 0):
            return BAD
        if re.fullmatch("[+-]?[0-9]+", text) and int(near) != int(text):
            return BAD
        return near

    for text in texts:
        if text and re.fullmatch(r"-0+", text.strip()) and kind.startswith("u"):
            return  # minus zero of an unsigned type: either would do
        if kind == "float32" and text and re.search(r"[.eE]", text):
            return  # below
    check(texts, pl.String(), target, [None if t is None else one(t) for t in texts])


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_written_out_is_read_as_itself(value: float) -> None:
    check([f"{value:.9g}"], pl.String(), parse_type("float32"), [value])


@pytest.mark.parametrize("text", ["true", "T", "YES", "y", "1", " true "])
def test_true(text: str) -> None:
    check([text], pl.String(), parse_type("bool"), [True])


@pytest.mark.parametrize("text", ["false", "F", "no", "N", "0"])
def test_false(text: str) -> None:
    check([text], pl.String(), parse_type("bool"), [False])


@pytest.mark.parametrize("text", ["", "2", "tru", "on", "10", "yesno", "-1", "null"])
def test_neither_true_nor_false(text: str) -> None:
    check([text], pl.String(), parse_type("bool"), [BAD])


# Times ------------------------------------------------------------------------------------------

UNITS = {"ms": 1_000, "us": 1, "ns": 1}  # microseconds that one step is at least
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))
near_now = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
whole_days = st.dates().map(lambda d: datetime(d.year, d.month, d.day))
whole_millis = near_now.map(lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000))
times = st.one_of(moments, near_now, whole_days, whole_millis)
NS_MIN, NS_MAX = datetime(1677, 9, 21, 0, 12, 43, 145226), datetime(2262, 4, 11, 23, 47, 16, 854774)


def in_unit(value: datetime, unit: str) -> bool:
    if unit == "ns":
        return NS_MIN <= value.replace(tzinfo=None) <= NS_MAX
    return value.microsecond % UNITS[unit] == 0


@pytest.mark.parametrize("kind", ["timestamp(ms)", "timestamp(us)", "timestamp(ns)", "date"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@given(values=st.lists(st.none() | times, min_size=1, max_size=10))
def test_naive_times(unit: str, kind: str, values: list[datetime | None]) -> None:
    target = parse_type(kind)
    values = [v for v in values if v is None or in_unit(v, unit)]
    expected: list[Any] = []
    for value in values:
        if value is None:
            expected.append(None)
        elif kind == "date":
            expected.append(value.date() if value.time() == time() else BAD)
        else:
            expected.append(value if in_unit(value, target.unit or "us") else BAD)
    check(values, pl.Datetime(unit), target, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/St_Johns"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@given(values=st.lists(near_now | whole_millis, min_size=1, max_size=8))
def test_zoned_times_are_instants(unit: str, zone: str, values: list[datetime]) -> None:
    target = parse_type(f"timestamp({unit}, {zone})")
    instants = [v.replace(tzinfo=UTC) for v in values]
    column = pl.Series("c", instants, dtype=pl.Datetime("us", "UTC"))
    result = cast(column, target)
    for value, now, bad in zip(instants, result.values.to_list(), result.bad, strict=True):
        if in_unit(value, unit):
            assert not bad
            assert now.astimezone(UTC) == value
        else:
            assert bad


def test_a_nanosecond_is_not_lost() -> None:
    column = pl.Series("c", [1_704_067_200_000_000_001, 1_704_067_200_000_000_000]).cast(
        pl.Datetime("ns")
    )
    for kind in ("date", "timestamp(us)", "timestamp(ms)"):
        assert cast(column, parse_type(kind)).bad.to_list() == [True, False]
    durations = pl.Series("c", [1_500, 2_000], dtype=pl.Int64).cast(pl.Duration("ns"))
    assert cast(durations, parse_type("duration(us)")).bad.to_list() == [True, False]


def test_what_64_bits_cannot_hold_does_not_wrap_around() -> None:
    far = pl.Series("c", [2**62]).cast(pl.Duration("us"))
    assert cast(far, parse_type("duration(ns)")).bad.all()
    days = pl.Series("c", [date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29)])
    assert cast(days, parse_type("timestamp(ns)")).bad.to_list() == [True, True, False]
    texts = pl.Series("c", ["2300-01-01", "1500-01-01 10:00:00", "0001-01-01", "2024-02-29"])
    assert cast(texts, parse_type("timestamp(ns)")).bad.to_list() == [True, True, True, False]


@pytest.mark.parametrize("kind", ["timestamp(us)", "timestamp(us, UTC)"])
def test_naive_and_zoned_times_do_not_mix(kind: str) -> None:
    naive = pl.Series("c", [datetime(2024, 1, 1)])
    zoned = naive.dt.replace_time_zone("UTC")
    wrong = zoned if parse_type(kind).zone is None else naive
    assert cast(wrong, parse_type(kind)).bad.all()
    assert cast(pl.Series("c", [date(2024, 1, 1)]), parse_type(kind)).bad.all() == (kind[-2] == "C")


@pytest.mark.parametrize("blank", ["T", " ", "t"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@given(values=st.lists(times, min_size=1, max_size=6))
def test_naive_times_in_text(unit: str, blank: str, values: list[datetime]) -> None:
    target = parse_type(f"timestamp({unit})")
    texts = [v.isoformat(blank) for v in values]
    check(texts, pl.String(), target, [v if in_unit(v, unit) else BAD for v in values])  # type: ignore[arg-type]


def test_a_time_may_end_with_its_hour() -> None:
    texts = ["2024-01-01 10", "2024-01-01T10", "2024-01-01 10 ", None]
    result = cast(pl.Series("c", texts), parse_type("timestamp"))
    assert result.values.to_list() == [datetime(2024, 1, 1, 10)] * 3 + [None]


@given(
    value=near_now,
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
    form=st.sampled_from(["+hh:mm", "+hhmm", "+hh", "Z"]),
    zone=st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu"]),
)
def test_zoned_times_in_text(value: datetime, minutes: int, form: str, zone: str) -> None:
    if form == "+hh":
        minutes -= minutes % 60 if minutes >= 0 else -(-minutes % 60)
    minutes = 0 if form == "Z" else minutes
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    offset = {
        "Z": "Z", "+hh": f"{sign}{hours:02}",
        "+hhmm": f"{sign}{hours:02}{rest:02}", "+hh:mm": f"{sign}{hours:02}:{rest:02}",
    }[form]  # fmt: skip
    column = pl.Series("c", [value.isoformat() + offset])
    result = cast(column, parse_type(f"timestamp(us, {zone})"))
    assert not result.bad.any()
    expected = value.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    assert result.values[0].astimezone(UTC) == expected
    assert result.values[0].tzinfo == ZoneInfo(zone)


@pytest.mark.parametrize(
    "text",
    [
        "", "2024", "2024-01", "2024-02-30", "2023-02-29", "2024-1-5", "24-01-05", "0000-01-01",
        "12024-01-01", "+2024-01-01", "-2024-01-01", "2024-01-01T", "2024-01-01 24:00:00",
        "2016-12-31 23:59:60", "2024-01-01 10:60", "2024-01-01 10:00:61",
        "2024-01-01 1:02:03", "2024-01-01T10:00:00.", "2024-01-01T10:00:00.1234567",
        "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+00:00", "2024-01-01x10:00", "٢٠٢٤-01-01",
        "2024/01/01", "now", "1704067200", "2024-01-01 10:00:00 PM",
    ],
)  # fmt: skip
def test_no_naive_time(text: str) -> None:
    check([text], pl.String(), parse_type("timestamp"), [BAD])


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01", "2024-01-01T10:00:00", "2024-01-01T10:00:00+24:00", "2024-01-01T10:00:00+5",
        "2024-01-01T10:00:00+05:99", "2024-01-01T10:00:00 Europe/Paris", "2024-01-01Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T10:00:00ZZ",
    ],
)  # fmt: skip
def test_no_instant(text: str) -> None:
    check([text], pl.String(), parse_type("timestamp(us, UTC)"), [BAD])


@given(st.dates())
def test_dates_in_text(value: date) -> None:
    midnight = [value.isoformat(), f"{value} 00:00:00", f" {value}T00:00:00.000 "]
    check(midnight, pl.String(), parse_type("date"), [value] * 3)
    check([f"{value} 00:00:01", f"{value}Z"], pl.String(), parse_type("date"), [BAD, BAD])


@given(st.times())
@example(time(23, 59, 59, 999999))
def test_times_of_day_in_text(value: time) -> None:
    check([value.isoformat()], pl.String(), parse_type("time"), [value])


@pytest.mark.parametrize(
    "text", ["24:00:00", "23:59:60", "1:02:03", "10", "10:00:00Z", "10:00:00.1234567891", "-01:00"]
)
def test_no_time_of_day(text: str) -> None:
    check([text], pl.String(), parse_type("time"), [BAD])


# Text, bytes ------------------------------------------------------------------------------------


@given(st.lists(st.none() | st.binary(max_size=6), min_size=1, max_size=6))
@example([b"\xff", b"ok", None, b""])
def test_bytes_are_text_only_as_utf8(values: list[bytes | None]) -> None:
    def one(value: bytes) -> Any:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return BAD

    expected = [None if v is None else one(v) for v in values]
    check(values, pl.Binary(), parse_type("string"), expected)


@given(st.lists(st.none() | st.text(max_size=6), min_size=1, max_size=6))
def test_text_is_bytes(values: list[str | None]) -> None:
    expected = [None if v is None else v.encode() for v in values]
    check(values, pl.String(), parse_type("binary"), expected)
    check(values, pl.String(), parse_type("string"), values)


@given(st.text(max_size=8), st.integers(1, 8))
@example("é" * 4, 4)
def test_text_is_held_to_its_length(value: str, length: int) -> None:
    target = parse_type(f"string({length})")
    check([value], pl.String(), target, [value if len(value) <= length else BAD])
    raw = value.encode()
    target = parse_type(f"binary({length})")
    check([raw], pl.Binary(), target, [raw if len(raw) <= length else BAD])


@given(st.uuids())
def test_uuids(value: Any) -> None:
    texts = [str(value), str(value).upper(), value.hex, f"{{{value}}}", ""]
    check(texts, pl.String(), parse_type("uuid"), [*texts[:2], BAD, BAD, BAD])


@given(value=moments, day=st.dates(), clock=st.times(), real=st.floats(allow_nan=False))
def test_what_is_written_as_text_reads_back(
    value: datetime, day: date, clock: time, real: float
) -> None:
    for original, kind in (
        (value, "timestamp(us)"), (day, "date"), (clock, "time"), (real, "float64"),
        (value.replace(tzinfo=UTC), "timestamp(us, UTC)"), (True, "bool"), (-5, "int64"),
        (Decimal("-0.50"), "decimal(5,2)"),
    ):  # fmt: skip
        column = pl.Series("c", [original], dtype=parse_type(kind).physical)
        text = cast(column, parse_type("string"))
        assert not text.bad.any()
        back = cast(text.values, parse_type(kind))
        assert back.values.to_list() == [original], (kind, text.values[0])


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)))
@example(datetime(1900, 1, 1))
def test_zoned_times_as_text_are_the_same_instant(value: datetime) -> None:
    """Paris was 9 minutes and 21 seconds ahead of Greenwich until 1911."""
    kind = parse_type("timestamp(us, Europe/Paris)")
    column = pl.Series("c", [value.replace(tzinfo=UTC), None]).dt.convert_time_zone("Europe/Paris")
    text = cast(column, parse_type("string")).values
    assert datetime.fromisoformat(text[0]) == value.replace(tzinfo=UTC)
    assert cast(text, kind).values.equals(column, null_equal=True)


# What is refused --------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = {
    "bool": True, "int64": 5, "float64": 1.0, "decimal(5,2)": Decimal("1.00"), "binary": b"1",
    "date": date(2024, 1, 1), "time": time(10), "timestamp(us)": datetime(2024, 1, 1),
    "timestamp(us, UTC)": datetime(2024, 1, 1, tzinfo=UTC), "duration(us)": timedelta(1),
    "list(int64)": [1], "struct(a: int64)": {"a": 1},
}  # fmt: skip
NUMBER_LIKE = {"bool", "int64", "float64", "decimal(5,2)"}
ALLOWED = (
    {(a, b) for a in NUMBER_LIKE for b in NUMBER_LIKE} - {("int64", "bool")}
    | {
        (a, "string")
        for a in SAMPLES
        if a not in ("duration(us)", "list(int64)", "struct(a: int64)")
    }
    | {("timestamp(us)", "date"), ("timestamp(us, UTC)", "date"), ("date", "timestamp(us)")}
    | {("binary", "json")}
    | {(a, a) for a in SAMPLES}
)


@pytest.mark.parametrize("kind", [*SAMPLES, "string", "json", "uuid", "null"])
@pytest.mark.parametrize("source", SAMPLES)
def test_types_that_mean_different_things_do_not_mix(source: str, kind: str) -> None:
    column = pl.Series("c", [SAMPLES[source], None], dtype=parse_type(source).physical)
    result = cast(column, parse_type(kind))
    assert result.values.dtype == parse_type(kind).physical
    assert result.bad.to_list() == [(source, kind) not in ALLOWED, False]


@pytest.mark.parametrize("kind", [*KINDS, "uuid", "list(int8)", "struct(a: int8)", "string(3)"])
@pytest.mark.parametrize("source", [*SAMPLES, "string", "null"])
def test_nulls_fit_everything(source: str, kind: str) -> None:
    for values in ([], [None], [None, None]):
        column = pl.Series("c", values, dtype=parse_type(source).physical)
        result = cast(column, parse_type(kind))
        assert result.values.dtype == parse_type(kind).physical
        assert result.values.to_list() == values
        assert not result.bad.any()


@given(st.lists(st.none() | st.sampled_from(["10", "x", "", "200"]), min_size=1, max_size=6))
def test_categories_are_their_text(values: list[str | None]) -> None:
    column = pl.Series("c", values, dtype=pl.Categorical())
    plain = pl.Series("c", values, dtype=pl.String)
    for kind in ("int8", "string", "string(1)", "binary"):
        one, two = cast(column, parse_type(kind)), cast(plain, parse_type(kind))
        assert one.values.to_list() == two.values.to_list()
        assert one.bad.to_list() == two.bad.to_list()


# Lists and structs ------------------------------------------------------------------------------

numbers = st.none() | st.integers(-300, 300)


def fits(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(fits, value))
    if isinstance(value, dict):
        return all(map(fits, value.values()))
    return value is None or -128 <= value <= 127


def check_nested(values: list[Any], wide: str, narrow: str) -> None:
    column = pl.Series("c", values, dtype=parse_type(wide).physical)
    check(values, column.dtype, parse_type(narrow), [v if fits(v) else BAD for v in values])


@given(st.lists(st.none() | st.lists(numbers, max_size=4), max_size=6))
def test_lists(values: list[Any]) -> None:
    check_nested(values, "list(int64)", "list(int8)")


@given(st.lists(st.none() | st.lists(st.none() | st.lists(numbers, max_size=3), max_size=3)))
def test_lists_of_lists(values: list[Any]) -> None:
    check_nested(values, "list(list(int64))", "list(list(int8))")


members = st.none() | st.fixed_dictionaries({"a": numbers, "b": numbers})


@given(st.lists(members, max_size=6))
def test_structs(values: list[Any]) -> None:
    check_nested(values, "struct(a: int64, b: int64)", "struct(a: int8, b: int8)")


@given(st.lists(st.none() | st.lists(members, max_size=3), max_size=5))
def test_lists_of_structs(values: list[Any]) -> None:
    check_nested(values, "list(struct(a: int64, b: int64))", "list(struct(a: int8, b: int8))")


@given(st.lists(st.none() | st.fixed_dictionaries({"a": st.lists(numbers)}), max_size=5))
def test_structs_of_lists(values: list[Any]) -> None:
    check_nested(values, "struct(a: list(int64))", "struct(a: list(int8))")


def test_a_struct_may_not_lose_a_member() -> None:
    column = pl.Series("c", [{"a": 1, "b": 2}, None])
    assert cast(column, parse_type("struct(a: int64)")).bad.to_list() == [True, False]
    assert cast(column, parse_type("struct(a: int64, b: int64, c: int64)")).bad.to_list()[0]
    swapped = cast(column, parse_type("struct(b: int8, a: string)"))
    assert swapped.values.to_list() == [{"b": 2, "a": "1"}, None]


def test_arrays_are_lists() -> None:
    column = pl.Series("c", [[1, 200], None, [3, 4]], dtype=pl.Array(pl.Int64, 2))
    assert cast(column, parse_type("list(int64)")).values.to_list() == [[1, 200], None, [3, 4]]
    assert cast(column, parse_type("list(int8)")).bad.to_list() == [True, False, False]


def test_limits_hold_inside_lists() -> None:
    column = pl.Series("c", [["abc"], ["abcd"], [], None])
    result = cast(column, parse_type("list(string(3))"))
    assert result.bad.to_list() == [False, True, False, False]
    assert result.values.to_list() == [["abc"], None, [], None]
