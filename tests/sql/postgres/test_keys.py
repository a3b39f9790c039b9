"""Keys whose column takes texts for the same that differ."""

from __future__ import annotations

import pytest
from tests.servers import Database

from hygge.core.errors import DataError
from hygge.core.fields import Field, parse_type
from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.postgres.keys import check_keys
from hygge.sql.settle.place import Place


@pytest.mark.parametrize("native", ["citext", "code"])
def test_citext_is_known_by_its_name_beneath_domains_too(postgres: Database, native: str) -> None:
    """The extension need not be there: a type of its name will do."""
    postgres.execute(
        "CREATE TYPE citext AS ENUM ('a'); CREATE DOMAIN plain AS text; CREATE DOMAIN inner_ AS "
        f"citext; CREATE DOMAIN code AS inner_; CREATE TABLE t (n int, ok plain, k {native})"
    )
    text = parse_type("string")
    connection = PostgresConnection.model_validate({"url": postgres.url})
    with connection.connect() as link:
        check_keys(
            link, Place("", "t", "shop"), [Field("ok", text), Field("n", parse_type("int32"))]
        )
        with pytest.raises(DataError, match="'k' is citext") as caught:
            check_keys(link, Place("", "t", "shop"), [Field("ok", text), Field("k", text)])
    assert caught.value.hint
