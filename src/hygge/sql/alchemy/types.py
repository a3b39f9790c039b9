"""The reviewed type table of SQLAlchemy's types, as reflection gives them.

They say less than the databases do: widths of integers, for one, differ between databases under
one name, so all of them are int64. A connector of its own knows better, where there is one.
https://docs.sqlalchemy.org/en/21/core/type_basics.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from hygge.core.errors import UnsupportedError
from hygge.core.fields import MAX_PRECISION, LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Dialect, TypeRule
from hygge.sql.sqlite.types import show as sqlite_show

TEXT = "CAST({} AS text)"
"""Asks PostgreSQL for its own text, where its drivers make Python objects that lose something."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row of the table, for a class of SQLAlchemy's types and those below it."""

    kind: type[Any]
    logical: str
    stored: str = "as Python has it"
    loss: str = ""
    fetch: str = ""
    given: Callable[[Any], bool] = lambda kind: True
    condition: str = ""
    backend: str = ""

    def row(self) -> TypeRule:
        """It as the docs print it."""
        logical = parse_type(self.logical) if "(p" not in self.logical else None
        loss = "; ".join(part for part in (self.condition, self.loss) if part)
        name = self.kind.__name__
        if self.kind.__module__.startswith("sqlalchemy.dialects."):
            name = f"{self.kind.__module__.split('.')[2]}.{name}"
        elif self.backend:
            name = f"{self.backend}.{name}"
        return TypeRule((name,), self.logical, lambda _: logical, self.stored, loss, self.fetch)


def _decimal(kind: Any) -> bool:
    return kind.precision is not None and (
        1 <= kind.precision <= MAX_PRECISION and 0 <= (kind.scale or 0) <= kind.precision
    )


_RULES = (
    _Rule(mysql.BIT, "binary"),
    _Rule(mysql.YEAR, "int64"),
    _Rule(mysql.TIME, "duration(us)"),
    _Rule(mysql.TIMESTAMP, "timestamp(us)", "the session's time zone is set to UTC",
          loss="that it is an instant is not told: it is UTC's wall clock"),
    _Rule(mysql.BIGINT, "uint64", given=lambda kind: bool(kind.unsigned), condition="UNSIGNED"),
    _Rule(mysql.FLOAT, "float32", "as a double", fetch="({} + 0e0)",
          given=lambda kind: kind.precision is None or kind.precision <= 24),
    _Rule(mysql.DOUBLE, "float64"),
    _Rule(postgresql.JSON, "json", "as its text", fetch=TEXT),
    _Rule(postgresql.INTERVAL, "string", "as its text", fetch=TEXT),
    _Rule(postgresql.ARRAY, "string", "as its text", fetch=TEXT),
    _Rule(sa.Boolean, "bool"),
    _Rule(sa.Integer, "int64"),
    _Rule(sa.REAL, "float32", "as a double", fetch="CAST({} AS double precision)",
          backend="postgresql"),
    _Rule(sa.Float, "float64"),
    _Rule(sa.Numeric, "decimal(p,s)", given=_decimal, condition="with a precision of at most 38"),
    _Rule(sa.Date, "date"),
    _Rule(sa.DateTime, "timestamp(us, UTC)", given=lambda kind: bool(kind.timezone),
          condition="WITH TIME ZONE", loss="digits past microseconds"),
    _Rule(sa.DateTime, "timestamp(us)", loss="digits past microseconds"),
    _Rule(sa.Time, "time", given=lambda kind: not kind.timezone),
    _Rule(sa.Interval, "duration(us)"),
    _Rule(sa.JSON, "json"),
    _Rule(sa.Uuid, "uuid"),
    _Rule(sa.types._Binary, "binary"),
    _Rule(sa.String, "string"),
)  # fmt: skip
TYPE_TABLE = tuple(rule.row() for rule in _RULES)


@dataclass(frozen=True, slots=True)
class Known:
    """What a column's type means: the logical type, if it is known, how it is asked for, and what
    is lost."""

    type: LogicalType | None
    fetch: str = ""
    loss: str = ""


def known(kind: Any, backend: str) -> Known:
    """What the table says of a type, as reflected or told by a cursor; None is one untold.

    Where it says nothing, the configuration must; PostgreSQL is then asked for its own text, which
    can be declared `string`, `json` or whatever it is.
    """
    for rule in _RULES:
        if rule.backend not in ("", backend):
            continue
        if isinstance(kind, rule.kind) and rule.given(kind):
            logical = (
                LogicalType("decimal", precision=kind.precision, scale=kind.scale or 0)
                if rule.kind is sa.Numeric
                else parse_type(rule.logical)
            )
            return Known(logical, rule.fetch, rule.loss)
    if isinstance(kind, sa.Numeric):
        return Known(None)
    return Known(None, TEXT if backend == "postgresql" else "")


_POSITIONS: dict[str, Callable[[LogicalType], Any]] = {
    "decimal": lambda kind: sa.Numeric(kind.precision, kind.scale),
    "date": lambda kind: sa.Date(),
    "timestamp": lambda kind: sa.DateTime(timezone=kind.zone is not None),
}


def _whole_number(kind: LogicalType) -> Any:
    integer: Any = sa.BigInteger
    return integer()


@dataclass(frozen=True, slots=True)
class AlchemyDialect(Dialect):
    """A dialect of SQLAlchemy's as one of ours.

    Parameters
    ----------
    folds: makes of a name as SQLAlchemy has it the one that the database has: some have
        SQLAlchemy's lower case as upper case.
    """

    folds: Callable[[str], str] = str

    def quote(self, name: str) -> str:
        # Not by super(): slots make the class anew, which its cell does not know.
        return Dialect.quote(self, self.folds(name))


def _no_ddl(kind: LogicalType) -> str:
    raise UnsupportedError(f"this connection of SQLAlchemy's is for reading: no form for {kind}")


def dialect_of(theirs: sa.Dialect, ddl: Callable[[LogicalType], str] = _no_ddl) -> AlchemyDialect:
    """The dialect of a SQLAlchemy connection.

    Parameters
    ----------
    ddl: see `Dialect`; for one that takes loads.
    """
    preparer: Any = theirs.identifier_preparer

    def show(value: Position, kind: LogicalType) -> str:
        found = _POSITIONS.get(kind.kind, _whole_number)(kind)
        bare: Any = sa.literal(value, found)
        shown = bare.compile(dialect=theirs, compile_kwargs={"literal_binds": True})
        return str(shown)

    folds: Any = getattr(theirs, "denormalize_name", str)
    return AlchemyDialect(
        name=theirs.name, quotes=(preparer.initial_quote, preparer.final_quote), rules=(), ddl=ddl,
        show=sqlite_show if theirs.name == "sqlite" else show,
        escapes=theirs.name in ("mysql", "mariadb"),
        folds=folds if theirs.requires_name_normalize else str,
    )  # fmt: skip


def text_of(kind: Any, theirs: sa.Dialect) -> str:
    """A reflected type as the database writes it, e.g. `NUMERIC(10, 2)`."""
    try:
        return str(kind.compile(dialect=theirs))
    except sa.exc.SQLAlchemyError:  # NullType: SQLAlchemy does not know it
        return str(kind)
