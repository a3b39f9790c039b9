"""Secrets and what only looks like one: each case says what is left of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.known import forget

from hygge.core.guesses import variable_is_secret
from hygge.core.guesses.sql import secrets_of
from hygge.core.secrets import (
    blot,
    interpolate,
    redact,
    redact_about,
    remember,
    remember_condition,
    remember_statement,
)

P = "Zx9secretQ7"


# A statement as it is written, and what is left of it; {} is the literal.
STATEMENTS = [
    ("ALTER USER u PASSWORD {}", "ALTER USER u PASSWORD ***"),
    ("CREATE ROLE u WITH LOGIN ENCRYPTED PASSWORD {} VALID UNTIL 'x'",
     "CREATE ROLE u WITH LOGIN ENCRYPTED PASSWORD *** VALID UNTIL 'x'"),
    ("create user mapping for u server s options (user 'u', password {})",
     "create user mapping for u server s options (user 'u', password ***)"),
    ("CREATE SECRET s (TYPE s3, KEY_ID {}, SECRET {}, REGION 'eu')",
     "CREATE SECRET s (TYPE s3, KEY_ID ***, SECRET ***, REGION 'eu')"),
    ("CREATE SECRET s (TYPE s3, SESSION_TOKEN {}, SCOPE 's3://b')",
     "CREATE SECRET s (TYPE s3, SESSION_TOKEN ***, SCOPE 's3://b')"),
    ("CREATE SECRET h (TYPE huggingface, TOKEN {})",
     "CREATE SECRET h (TYPE huggingface, TOKEN ***)"),
    ("CREATE SECRET a (TYPE azure, CONNECTION_STRING {})",
     "CREATE SECRET a (TYPE azure, CONNECTION_STRING ***)"),
    ("ATTACH 'x.db' AS x (ENCRYPTION_KEY {})", "ATTACH 'x.db' AS x (ENCRYPTION_KEY ***)"),
    ("CREATE USER u IDENTIFIED BY {}", "CREATE USER u IDENTIFIED BY ***"),
    ("alter user 'u'@'%' identified with caching_sha2_password by {}",
     "alter user 'u'@'%' identified with caching_sha2_password by ***"),
    ("ALTER USER u IDENTIFIED BY {} REPLACE {}",
     "ALTER USER u IDENTIFIED BY *** REPLACE ***"),
    ("CREATE DATABASE LINK l CONNECT TO u IDENTIFIED BY {} USING 'tns'",
     "CREATE DATABASE LINK l CONNECT TO u IDENTIFIED BY *** USING 'tns'"),
    ("ALTER LOGIN x WITH PASSWORD = {}, CHECK_POLICY = OFF",
     "ALTER LOGIN x WITH PASSWORD = ***, CHECK_POLICY = OFF"),
    ("OPEN SYMMETRIC KEY k DECRYPTION BY PASSWORD={};",
     "OPEN SYMMETRIC KEY k DECRYPTION BY PASSWORD=***;"),
    ("CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'i', SECRET = {}",
     "CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'i', SECRET = ***"),
    ("SET PASSWORD FOR u@h = {}", "SET PASSWORD FOR u@h = ***"),
    ("SET PASSWORD = PASSWORD({})", "SET PASSWORD = ***"),
    ("SET app.api_key TO {}", "SET app.api_key TO ***"),
    ("SELECT set_config('app.jwt_secret', {}, false)",
     "SELECT set_config('app.jwt_secret', ***, false)"),
    ("SET s3_secret_access_key={}", "SET s3_secret_access_key=***"),
    ("COPY t FROM 's3://b' CREDENTIALS {} CSV", "COPY t FROM 's3://b' CREDENTIALS *** CSV"),
]  # fmt: skip
LITERALS = ["'{}'", '"{}"', "$${}$$", "$tag${}$tag$", "E'{}'", "N'{}'"]


@pytest.mark.parametrize("literal", LITERALS)
@pytest.mark.parametrize(("statement", "shown"), STATEMENTS)
def test_what_stands_where_sql_has_a_secret(statement: str, shown: str, literal: str) -> None:
    written = statement.replace("{}", literal.format(P))
    assert redact(f"near this: {written}") == f"near this: {shown}"
    assert blot(written) == shown  # hygge's own words may quote it as well
    assert redact(shown) == shown
    assert P in set(secrets_of(written)), "and it is known from then on"


def test_quotes_are_doubled_in_a_statement_that_is_a_text() -> None:
    written = f"DO $$ BEGIN EXECUTE 'ALTER USER u PASSWORD ''{P}'''; END $$"
    assert redact(written) == "DO $$ BEGIN EXECUTE 'ALTER USER u PASSWORD ***'; END $$"
    assert P in set(secrets_of(written))
    assert redact("ALTER USER u PASSWORD '' VALID UNTIL 'x'").endswith(" VALID UNTIL 'x'")


@pytest.mark.parametrize(("statement", "shown"), STATEMENTS)
def test_a_statement_in_quotes_before_its_error(statement: str, shown: str) -> None:
    """PostgreSQL's driver puts the statement in quotes, whatever quotes are in it."""
    written = remember_statement(statement.replace("{}", f"'{P}'"))
    text = f"db: Failed to execute query '{written}': ERROR:  role \"x\" does not exist"
    shown = redact(text)
    assert P not in shown
    assert shown.endswith('\': ERROR:  role "x" does not exist'), shown


@pytest.mark.parametrize(
    "statement",
    [f"CREATE USER u IDENTIFIED BY {P}", f"create user u identified by {P};",
     f"GRANT x TO u IDENTIFIED BY {P}"],
)  # fmt: skip
def test_oracle_needs_no_quotes(statement: str) -> None:
    assert P not in redact(statement)
    assert list(secrets_of(statement)) == [P]


@pytest.mark.parametrize(
    "call",
    ["pgp_sym_decrypt(x, {})", "SELECT AES_DECRYPT(c, {}) FROM t", "DecryptByPassPhrase({}, c)",
     "pgp_sym_encrypt(coalesce(a, b), {}, 'cipher-algo=aes256')", "encode(hmac(x, {}, k), 'hex')"],
)  # fmt: skip
def test_the_keys_of_calls_that_encrypt(call: str) -> None:
    written = call.format(f"'{P}'")
    assert redact(f"LINE 1: {written}") == f"LINE 1: {call.format('***')}".replace(
        "'cipher-algo=aes256'", "***"
    )
    assert P in set(secrets_of(written))
    assert "aes" not in set(secrets_of("SELECT encrypt(c, '1', 'aes')")), "names a method"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT password FROM users WHERE name = 'x'",
        "unexpected token 'SELECT' at line 3",
        'syntax error: invalid token "x"',
        'password authentication failed for user "u"',
        "Access denied for user 'u'@'localhost' (using password: YES)",
        'column "password" does not exist',
        "rows are identified by the key, and by 'id'",
        'CREATE SECRET "mine" (TYPE s3)',
        "DROP SECRET 'mine'",
        "the decryption 'x' of it",
        "a script (of 'sql')",
        "'ALTER USER nobody PASSWORD x': ERROR: role \"nobody\" does not exist",
        '"SELECT token FROM t": no such table: t',
    ],
)
def test_statements_and_complaints_without_a_secret(text: str) -> None:
    assert redact(text) == text
    assert not [v for v in secrets_of(text) if "mine" in v or "SELECT" in v] or "mine" in text


def test_a_condition_of_a_query_tells_no_secret() -> None:
    """`user` would be missed everywhere."""
    for query in (
        "SELECT * FROM t WHERE token = 'user'", 'SELECT token "customer", x FROM t',
        'SELECT password_hash AS "customer" FROM t', "SELECT v ->> 'token' FROM t WHERE a = 'b'",
        "SELECT * FROM t WHERE kind IN ('password', 'customer')",
        "-- all orders\n/* of today; */ (\n SELECT * FROM t WHERE token = 'user')",
    ):  # fmt: skip
        assert not list(secrets_of(query)), query
    assert list(secrets_of("SELECT * FROM dblink(PASSWORD 'x12')")) == ["x12", "x12"]


def test_a_condition_by_itself_tells_no_secret() -> None:
    where = "password_reset = 'open' AND a = pgp_sym_decrypt(b, 'Zx9secretQ7')"
    assert remember_condition(where) == where
    assert redact("open to Zx9secretQ7") == "open to ***"


@pytest.mark.parametrize(
    "statement", ["SET password_encryption = 'scram-sha-256'", "SET secret_directory TO '/var/x'"]
)
def test_a_setting_about_secrets_holds_none(statement: str) -> None:
    assert not list(secrets_of(statement))


def test_addresses_and_settings_in_a_statement_are_known_by_their_parts() -> None:
    remember_statement(f"ATTACH 'host=h user=u password={P}' AS p (TYPE postgres)")
    remember_statement(f"SELECT * FROM dblink('postgres://u:{P}2@h/d', 'SELECT 1')")
    assert redact(f"u h p {P} {P}2") == "u h p *** ***"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=12))
def test_a_secret_of_a_statement_is_known_in_whatever_is_said_of_it(middle: str) -> None:
    forget()
    password = f"Zq7{middle}Xj9"
    written = "ALTER ROLE r PASSWORD '" + password.replace("'", "''") + "'"
    remember_statement(written)
    for text in (f"{password} is too weak", f"'{written}': ERROR: no", repr(password)):
        shown = redact(text)
        assert "Zq7" not in shown and "Xj9" not in shown, shown


def test_databases_fold_what_has_no_quotes() -> None:
    remember("Zx9secretQ7")
    remember("Abc")
    assert redact('role "zx9secretq7" is not there; abc') == 'role "***" is not there; abc'


def test_what_an_excerpt_leaves_of_a_known_secret() -> None:
    remember("Zx9secretQ7")
    assert redact("LINE 1: ...cretQ7') oops") == "LINE 1: ...***') oops"
    assert redact("LINE 1: SET x TO 'Zx9sec...") == "LINE 1: SET x TO '***..."
    assert redact("and so on...secondly, Zx9...") == "and so on...secondly, Zx9..."
    assert redact("Zx9sec...cretQ7...secretQ7") == "***...***...***"


# Lists, types and counts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"passwords": ["a1b2", "c\\"d]3"], "n": 1}', '{"passwords": ***, "n": 1}'),
        ('{"tokens": [\n  "a1b2",\n  "c3d4"\n], "n": 1}', '{"tokens": ***, "n": 1}'),
        (r'"{\"tokens\": [\"a1b2\", \"c3\"], \"n\": 1}"', r'"{\"tokens\": ***, \"n\": 1}"'),
        ("x:\n  passwords:\n    - a1b2\n    - c3\n  n: 1", "x:\n  passwords: ***\n  n: 1"),
        ("passwords:\n- a1b2\n- c3\nn: 1", "passwords: ***\nn: 1"),
        ("3| passwords:\n4|  - a1b2\n5| n: 1", "3| passwords: ***\n5| n: 1"),
        ("api_keys: [a1b2, 'c3']\nn: 1", "api_keys: ***\nn: 1"),
        ("db: {tokens: [a1b2, c3], n: 1}", "db: {tokens: ***, n: 1}"),
        ("{'password': {'value': 'a1b2'}, 'n': 1}", "{'password': ***, 'n': 1}"),
    ],
)
def test_lists_of_secrets(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "password_hash: string", "password_hash: string to int64", "signature: int",
        "token: string not null", "secret: decimal(10,2)", "token: timestamp[us, tz=UTC]",
        "tokens: 12", "pass: 3 rows", "api_keys: 1,200 rows, 3 columns", "tokens: 3 of 4 moved",
        '{"max_tokens": 4096, "n": 1}', "Schema({'id': Int64, 'password_hash': String})",
        "{token: varchar(20), n: 1}",
    ],
)  # fmt: skip
def test_types_and_counts_are_no_secrets(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    ["password: 1234", "pass: 1234", "token: string1", "password: text me", "password=string",
     "tokens: 12ab", '{"password": 1234}', "secret: date2x!", "password: 3 rowsX"],
)  # fmt: skip
def test_but_what_only_begins_like_them_may_be(text: str) -> None:
    assert "***" in redact(text)


def test_hygge_speaks_of_columns_and_entities_by_name() -> None:
    said = "password_resets: kept back\npassword_hash: its digits past 6 are cut"
    assert blot(said) == said
    assert redact(said) != said, "of somebody else's text it may be YAML"


def test_a_reference_that_a_hint_has_for_a_secret() -> None:
    said = 'write\n  connections: {pg: {type: postgres, password: "${PG_PASSWORD}", user: u}}'
    assert redact(said) == said
    assert "hunter2" not in redact('{type: postgres, password: "${PG_PASSWORD:-hunter2}"}')
    assert "hunter2" not in redact('{type: postgres, password: "${PG_PASSWORD}hunter2"}')


def test_an_entity_that_an_error_begins_with_is_no_key() -> None:
    said = "tokens.secret: 'a' and 'b' are one name"
    assert redact_about("tokens.secret", said) == said
    assert redact_about("tokens", f"tokens.secret: x\npassword: {P}") == (
        "tokens.secret: x\npassword: ***"
    )
    assert redact_about("t", f"password: {P}") == "password: ***"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("'flows.t.entities.0.cast.password': 'x' is no type",) * 2,
        ("'cast.password': 'x' is no type",) * 2,
        ("'flows.passwords.rename': two are 'b'", "'flows.passwords.rename': two are 'b'"),
        ("'flows.sales.store.token': x12", "'flows.sales.store.token': ***"),
    ],
)
def test_a_setting_of_a_flow_is_known_by_its_own_name(said: str, shown: str) -> None:
    assert blot(said) == shown


# Variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("DB_PASSWORD", P), ("PGPASSWORD", "hygge1"), ("GITHUB_TOKEN", P), ("CLIENT_SECRET", P),
     ("API_KEY", P), ("STORAGE_KEY", P), ("SAS", P), ("my_pw", P), ("PASS", "1234"),
     ("AWS_SESSION_TOKEN", P), ("MYSECRET", P), ("CONNECTION_STRING", P)],
)  # fmt: skip
def test_variables_named_like_secrets(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert variable_is_secret(name, value)
    monkeypatch.setenv(name, value)
    assert interpolate(f"SET x.y TO '${{{name}}}'") == f"SET x.y TO '{value}'"
    assert redact(f"near {value} there") == "near *** there"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TABLE", "orders"), ("SINCE", "2026-01-01"), ("TOKEN_URL", "https://x"),
     ("USE_TOKEN", "true"),
     ("PASSWORD_FILE", "/run/pw.txt"), ("SORT_KEY", "updated_at"), ("MAX_TOKENS", "4096"),
     ("SECRET_NAME", "shop-db"), ("KEYSPACE", "shop"), ("PRIMARY_KEY", "order_id"),
     ("TOKENS_TABLE", "tokens"), ("COMPASS", "north")],
)  # fmt: skip
def test_variables_that_hold_none(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not variable_is_secret(name, value)
    monkeypatch.setenv(name, value)
    interpolate(f"SELECT * FROM ${{{name}}}")
    assert redact(f"near {value} there") == f"near {value} there"


def test_a_variable_shows_by_its_value_that_it_has_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP", f"postgresql://u:{P}@h/d")
    monkeypatch.setenv("OTHER", f"host=h password={P}2 user=u")
    interpolate("ATTACH '${SHOP}'; ATTACH '${OTHER}'")
    assert redact(f"h u d {P} {P}2") == "h u d *** ***"


def test_a_reference_in_a_url_is_no_secret() -> None:
    said = 'quote it: "pg://u:${PW}@h/d"'
    assert redact(said) == said
    assert redact("pg://u:${PW}@x@h/d") == "pg://u:***@h/d"
    assert redact("pg://u:${PW:-hunter2}@h/d") == "pg://u:***@h/d"


# Time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    ["a ", " \n", "-- a\n", "/* a", '{\\"', "{a'", "PASSWORD '", "PASSWORD '''", "PASSWORD $a$",
     "password to ", "secret(", "PASSWORD ''a", "PASSWORD ''a''''",
     "IDENTIFIED BY ", "user u identified by x", "crypt(", "crypt('", "set_config('",
     "set_config('secret",
     "tokens:\n - a\n", "tokens: [", "'tokens': ['", "...", "...Zx9sec", "PASSWORD for x",
     "\\\"pw\\\": [",     "'a password "],
)  # fmt: skip
def test_a_long_text_takes_a_second_for_each_megabyte(piece: str) -> None:
    """Of the processor's time, which nobody else's load counts to; twenty times what it takes."""
    remember("Zx9secretQ7")
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    redact(text)
    remember_statement(text)
    assert time.process_time() - started < 2
