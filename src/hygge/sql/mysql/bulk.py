"""Rows into MySQL by the batch: LOAD DATA LOCAL INFILE out of memory, and INSERTs of many rows
where a server has that switched off. No Python object per row in either.

https://dev.mysql.com/doc/refman/8.4/en/load-data.html,
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_local_infile_request.html
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from pymysql.constants import COMMAND
from pymysql.err import InternalError, MySQLError
from pymysql.protocol import OKPacketWrapper

PIECE = 1 << 20
"""Bytes of one packet, and about those of one INSERT; a server takes no less
(`max_allowed_packet`)."""
REFUSED = (1148, 3948, 4166)
"""What servers say of LOAD DATA LOCAL that is switched off: MySQL 5.7's, MySQL 8's, MariaDB's."""
_DATETIME, _TIME = "%Y-%m-%d %H:%M:%S%.6f", "%H:%M:%S%.6f"
# A field in quotes is a text, whatever is in it, quotes doubled; NULL without quotes is none.
_FORM = (
    "CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
    "LINES TERMINATED BY '\\n'"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server says of a statement: rows it took, and warnings it has."""

    rows: int
    warnings: int


def load(connection: Any, table: str, rows: pl.DataFrame, quote: Callable[[str], str]) -> Taken:
    """Append rows by LOAD DATA, which makes of errors warnings: there must be none.

    Parameters
    ----------
    connection: a `pymysql.Connection` that says it can (CLIENT.LOCAL_FILES).
    table: quoted.
    rows: of numbers, texts, bytes, dates, times and naive moments.

    Raises what PyMySQL raises; with a number of REFUSED before any row is taken.
    """
    into, made = [], []
    for at, (name, dtype) in enumerate(rows.schema.items()):
        into.append(f"@v{at}" if dtype == pl.Binary else quote(name))
        if dtype == pl.Binary:
            made.append(f"{quote(name)} = UNHEX(@v{at})")
    setting = f" SET {', '.join(made)}" if made else ""
    connection._execute_command(
        COMMAND.COM_QUERY,
        f"LOAD DATA LOCAL INFILE 'hygge' INTO TABLE {table} {_FORM} ({', '.join(into)}){setting}",
    )
    if not connection._read_packet().is_load_local_packet():
        raise InternalError("the server did not ask for the rows")
    data = lines(rows)
    for start in range(0, len(data), PIECE):
        connection.write_packet(bytes(data[start : start + PIECE]))
    connection.write_packet(b"")
    return _taken(connection)


def lines(rows: pl.DataFrame) -> memoryview:
    """Rows as LOAD DATA is told to expect them."""
    buffer = io.BytesIO()
    rows.with_columns(pl.col(pl.Binary).bin.encode("hex")).write_csv(
        buffer, include_header=False, quote_style="non_numeric", null_value="NULL",
        datetime_format=_DATETIME, time_format=_TIME,
    )  # fmt: skip
    return buffer.getbuffer()


def insert(connection: Any, table: str, rows: pl.DataFrame, quote: Callable[[str], str]) -> Taken:
    """Append rows by INSERTs of many; see `load`."""
    names = ", ".join(map(quote, rows.columns))
    taken = warnings = 0
    for values in tuples(rows):
        statement = f"INSERT INTO {table} ({names}) VALUES {values}"
        connection._execute_command(COMMAND.COM_QUERY, statement.encode())
        found = _taken(connection)
        taken, warnings = taken + found.rows, warnings + found.warnings
    return Taken(taken, warnings)


def tuples(rows: pl.DataFrame) -> Iterator[str]:
    """Rows as INSERT takes them, `(1, 'a'), (2, NULL)`, some PIECE at a time.

    Every value is a literal of text, which the server reads as what its column is; for a session
    in which a backslash escapes.
    """
    parts: list[pl.Expr] = [pl.lit("(")]
    for at, (name, dtype) in enumerate(rows.schema.items()):
        parts += [pl.lit(", "), _literal(name, dtype)] if at else [_literal(name, dtype)]
    texts = rows.select(pl.concat_str([*parts, pl.lit(")")])).to_series()
    ends = (texts.str.len_bytes().cum_sum() // PIECE).rle_id()
    for _, group in pl.DataFrame({"g": ends, "t": texts}).group_by("g", maintain_order=True):
        yield str(group["t"].str.join(", ")[0])


def _literal(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Binary:
        shown = pl.lit("X'") + column.bin.encode("hex") + "'"
    else:
        if dtype == pl.String:
            text = column.str.replace_all("\\", "\\\\", literal=True)
            text = text.str.replace_all("'", "''", literal=True)
        elif isinstance(dtype, pl.Datetime) or dtype == pl.Time:
            text = column.dt.strftime(_TIME if dtype == pl.Time else _DATETIME)
        else:
            text = column.cast(pl.String)
        shown = pl.lit("'") + text + "'"
    return shown.fill_null("NULL")


def _taken(connection: Any) -> Taken:
    told = OKPacketWrapper(connection._read_packet())
    return Taken(told.affected_rows, told.warning_count)


def refused(error: MySQLError) -> bool:
    """Whether an error says that LOAD DATA LOCAL is not to be had."""
    return bool(error.args) and error.args[0] in REFUSED


def warning(rows: Sequence[tuple[Any, ...]]) -> str:
    """The first of SHOW WARNINGS, in words."""
    if not rows:
        return "the server took the rows with warnings"
    _, number, text = rows[0]
    return f"{text} ({number})"
