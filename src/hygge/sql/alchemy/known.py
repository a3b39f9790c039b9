"""Databases that SQLAlchemy reaches and that hygge knows: settled in as by their own connectors,
but for the way rows go in."""

from __future__ import annotations

import polars as pl

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Schema
from hygge.core.importing import needing
from hygge.sql.alchemy.settler import AlchemySettler, Inserting
from hygge.sql.postgres.settler import PostgresSettler
from hygge.sql.settle.settler import Settler


class AlchemyPostgres(Inserting, PostgresSettler):
    """PostgreSQL by a driver of SQLAlchemy's."""

    def encoded(
        self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> pl.DataFrame:
        made = super().encoded(batch, fields, entity=entity, offset=offset)
        texts = [batch[f.name] for f in fields if f.type.kind == "uuid"]  # not bytes, as COPY's are
        return made.with_columns(texts)


def settler_of(driver: str) -> Settler:
    """How a database takes loads.

    Parameters
    ----------
    driver: SQLAlchemy's name of it, perhaps with the driver's: `mysql+pymysql`.

    Raises
    ------
    UnsupportedError: it has a Store of its own, which it needs.
    MissingDriver: what reads its types is not installed.
    """
    backend = driver.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return AlchemyPostgres()
    if backend in ("mysql", "mariadb"):
        with needing("mysql"):
            from hygge.sql.alchemy.of_mysql import AlchemyMySQL
        return AlchemyMySQL()
    if backend == "mssql":
        raise UnsupportedError(
            "SQL Server's times would be rounded on this way", hint="use `type: mssql`"
        )
    return AlchemySettler(driver)
