"""Each shape of secrets finds what it is for and nothing else, in time that grows with the text."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.core.known import forget

import hygge
from hygge.core.guesses import IN_ANY_TEXT, IN_YAML, Shape, values_in, without
from hygge.core.secrets import Secret, redact

SHAPES = (*IN_ANY_TEXT, *IN_YAML)
SECRET = "hunter2"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_each_shape_finds_its_example(shape: Shape) -> None:
    assert SECRET in shape.example
    assert any(SECRET in value for value in values_in(shape.example, [shape]))
    assert SECRET not in without(shape.example, [shape])
    shown = redact(f"{shape.example}\nthe rest of it")
    assert SECRET not in shown
    assert redact(shown) == shown


def test_each_shape_has_a_name_of_its_own() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


# Secrets of any kind, where a shape is as its example is ----------------------------------------

# They begin and end with what occurs nowhere else, so that half of one is noticed too.
HEAD, TAIL = "Zq7", "Xj9"
any_text = st.text(
    st.one_of(
        st.sampled_from("@/:?#%&=+;{}[]'\"\\$ \té€😀-*|>,.!"),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    max_size=12,
).map(lambda middle: HEAD + middle + TAIL)
token = st.text("abcXYZ0189-._~+/", max_size=24).map(lambda t: f"{HEAD}{t}{TAIL}0123456789abcdef")
unquoted = st.text("abcXYZ0189-._~+/@:#%!$*^|<>?", max_size=24).map(lambda t: f"{HEAD}{t}{TAIL}")


def leaks(text: str) -> bool:
    return HEAD in text or TAIL in text


def sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ALTER USER u PASSWORD /* of today */ ", " VALID UNTIL 'x'"),
        ("ALTER USER u PASSWORD -- of today\n  ", ""),
        ("CREATE USER u IDENTIFIED /**/ BY\n", " QUOTA 1M ON t"),
        ("SET PASSWORD FOR u@h /* x */ = /* y */ PASSWORD( ", ")"),
        ("EXECUTE format('ALTER USER %I PASSWORD %L', u, ", ")"),
        ("SELECT format('CREATE USER x IDENTIFIED BY %L', ", ") FROM t"),
        ("PRAGMA key = ", ";"), ("pragma main.rekey(", ")"), ("PRAGMA hexkey=", ""),
        ("SELECT * FROM OPENROWSET('MSOLEDBSQL', 'db';'u';", ", 'SELECT 1') AS a"),
        ("EXEC sp_addlinkedsrvlogin 'db', 'false', NULL, 'u', ", ""),
        ("EXEC sp_addlinkedsrvlogin @rmtsrvname = 'db', @rmtpassword = ", ";"),
        ("CREATE STAGE s CREDENTIALS=(AWS_KEY_ID=", " AWS_SECRET_KEY='x')"),
    ],
)  # fmt: skip
@given(secret=any_text)
def test_sql(before: str, after: str, secret: str) -> None:
    forget()
    written = f"{before}{sql(secret)}{after}"
    assert not leaks(redact(written))
    assert not leaks(redact(f"db: Failed to execute '{written}': no such role"))


@pytest.mark.parametrize(
    "form",
    [
        "SET app.jwt_secret TO {}", "SET SESSION s3_secret_access_key TO {};", "PRAGMA key = {}",
        "set local app.api_key to {};",
    ],
)  # fmt: skip
@given(secret=token)
def test_sql_without_quotes(form: str, secret: str) -> None:
    forget()
    assert not leaks(redact(form.format(secret)))


@pytest.mark.parametrize("name", ["credentials", "db.credential", "api-key", "tokens", "password"])
@given(
    secret=any_text,
    depth=st.integers(0, 3),
    inside=st.integers(0, 3),
    python=st.booleans(),
)
def test_whatever_is_nested_below_a_name(
    name: str, secret: str, depth: int, inside: int, python: bool
) -> None:
    """As it is and as a text in JSON; what stands beside it stays."""
    forget()
    held: object = {"first": {"a": ["}", {"b": "]"}]}, "key": secret, "last": [secret]}
    for _ in range(depth):
        held = [held, {"c": secret}]
    whole = {"host": "h", name: held, "port": 5432}
    text = repr(whole) if python else json.dumps(whole)
    for _ in range(inside):
        text = json.dumps(text)
    shown = redact(f"400: {text} refused")
    assert not leaks(shown), shown
    assert shown.startswith("400: ")
    if not inside or not set("'\"\\") & set(secret):  # else more may be blotted than must be
        assert "5432" in shown and shown.endswith(" refused"), shown


@given(
    secret=any_text,
    name=st.sampled_from(["password", "client_secret", "api-key"]),
    indent=st.integers(1, 6),
)
def test_yaml_that_has_the_value_in_the_next_line(secret: str, name: str, indent: int) -> None:
    forget()
    value = json.dumps(secret, ensure_ascii=False)
    for quoted in (value, sql(secret), "".join(c for c in secret if c.isalnum())):
        shown = redact(f"shop:\n  {name}:\n  {' ' * indent}{quoted}\n  host: db\n")
        assert not leaks(shown), shown
        assert shown.endswith("\n  host: db\n")


@given(st.lists(any_text, min_size=1, max_size=3), st.booleans())
def test_what_stands_below_credentials(secrets: list[str], flow: bool) -> None:
    forget()
    held = {f"part_{n}": secret for n, secret in enumerate(secrets)}
    text = yaml.safe_dump({"credentials": held}, default_flow_style=flow, allow_unicode=True,
                          width=1 << 20)  # fmt: skip
    shown = redact(f"x: 1\n{text}host: db\n")
    assert not leaks(shown), shown
    assert shown.startswith("x: 1\n") and shown.endswith("\nhost: db\n")


@pytest.mark.parametrize(
    "form",
    [
        "Authorization: Bearer {}", "> authorization: Basic {}", "Proxy-Authorization: {}",
        "{{'Authorization': 'token {}', 'Accept': '*/*'}}", "-H 'Authorization: Bearer {}'",
        "headers=[(b'authorization', b'Bearer {}')]", "Authorization=Bearer {}",
        'Authorization: Digest username="u", response="{}"', "got Bearer {} there",
        "Cookie: a=b; session={}", "set-cookie: sid={}; Path=/", "{{'Cookie': 'sid={}'}}",
        "X-Auth-Token: {}", "x-api-key: {}", "< api-key: {}", "x-functions-key: {}",
        "https://h/x?code={}&n=1", "https://h/x?n=1&key={}", "https://h/c?sv=1&sig={}",
        "https://h/x?X-Amz-Signature={}&X-Amz-Date=1", "https://{}@h/x.git",
        "<a:Password>{}</a:Password>", "tool --client-secret {} --host h", "--password={}",
        "CONNECT u/{}@db",
    ],
)  # fmt: skip
@given(secret=token)
def test_addresses_headers_and_commands(form: str, secret: str) -> None:
    forget()
    if "://{}" in form:  # a user's name
        secret = "".join(c for c in secret if c.isalnum())
    if "u/{}@" in form:
        secret = secret.replace("/", "")
    shown = redact(form.format(secret))
    assert not leaks(shown), shown


@given(
    name=st.sampled_from(["Pwd", "password", "AccountKey", "SharedAccessKey", "api-key"]),
    words=st.lists(unquoted, min_size=1, max_size=3),
)
def test_lists_of_settings(name: str, words: list[str]) -> None:
    """In one with semicolons a value may have blanks, quotes and `&`."""
    forget()
    alone = f"host=h {name}={words[0]} user=u"
    among = f"Server=s;{name}={' '.join(words)};Encrypt=yes"
    for text in (alone, among, f"login failed for '{among}'"):
        assert not leaks(redact(text)), redact(text)
    assert redact(among) == f"Server=s;{name}=***;Encrypt=yes"
    assert not leaks(redact(f"Server=s;{name}={HEAD}it's&{TAIL};Encrypt=yes"))


@given(st.lists(st.text("abcXYZ019+/", min_size=4, max_size=64), min_size=1, max_size=4))
def test_private_keys(lines: list[str]) -> None:
    """Whole, in JSON, and cut short; and a line of one that has been revealed."""
    forget()
    body = "\n".join(f"{HEAD}{line}{TAIL}" for line in lines)
    pem = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"
    for text in (pem, json.dumps({"said": pem}), repr(pem), pem[: len(pem) // 2 + 20]):
        assert not leaks(redact(f"cannot read {text} it"))
    Secret(pem)
    for line in body.split("\n"):
        assert not leaks(redact(f"bad base64 in {line}"))


# Time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    ["a://", "://@", "a://a:", "a://${a}@", "/*pwd", "token/*", "pwd--",
     *(shape.example[: shape.example.index(SECRET) + cut] for shape in SHAPES for cut in (0, 1))],
)  # fmt: skip
def test_a_long_text_takes_a_second_for_each_megabyte(piece: str) -> None:
    """Of the processor's time, which nobody else's load counts to. What grows with the square of
    the length takes a minute here."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 5


# What is none ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "token_count = 5", "tokens=12", "max_tokens=4096", "password_file=/run/pw",
        "SELECT decrypt_date('2026-01-01')", "SELECT format('%s has %s', a, 'b')",
        "secret_name: shop", "tokenType=bearer", "MONKEY=banana", "ORDER_KEY=order_id",
        "set the token to refresh", "SET password_encryption TO md5", "SET token_limit TO 5",
        "{token: '${TOKEN}', type: rest}", "the bearer of it", "a bearer token is needed",
        "WWW-Authenticate: Bearer realm=shop", "authorization: the server refused it",
        "401 Unauthorized: Authorization header missing", "cookies are off", "<token>", "</secret>",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "tool --password-file x", "usage: tool --token TEXT", "hint: give --password, or set it",
        "PRAGMA foreign_keys = ON", "PRAGMA key", "https://shop@db.example/x",
        "https://h/x?key=id&code=3", "see https://example.com:8080/a and mail it@example.com",
        "connect to db at 10.0.0.1", "OPENROWSET(BULK 'x.csv', SINGLE_CLOB)",
        'duplicate key value violates unique constraint "tokens_pkey"\n'
        "DETAIL:  Key (token_id)=(5) already exists.",
        'FATAL:  password authentication failed for user "shop"',
        "ERROR 1045 (28000): Access denied for user 'shop'@'localhost' (using password: YES)",
        "Login failed for user 'sa'. (18456)", "ORA-01017: invalid username/password; logon denied",
        'permission denied for table "secrets"', "no such column: password",
        "Invalid Input Error: Secret with name \"s\" already exists!",
        "Generic S3 error: Error performing GET http://127.0.0.1:9000/b/k in 2ms - 403 Forbidden",
        "The AWS Access Key Id you provided does not exist in our records.",
        "Server failed to authenticate the request. Make sure the value of Authorization header is "
        "formed correctly including the signature.",
        "unexpected token '}' at line 3", "token expired at 2026-01-01T00:00:00Z",
        "2026-01-01 00:00:00 password_resets: 12 rows, 3 KB in 1 s -> data/password_resets",
        "password_hash: string\ntoken: int64\nsecret: decimal(10, 2)",
    ],
)  # fmt: skip
def test_harmless_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_what_hygge_says_itself_stays() -> None:
    """Every text in its sources but for what documents them, and the shapes."""
    folder = Path(hygge.__file__).parent
    said = set[str]()
    for path in folder.rglob("*.py"):
        if path.parent.name != "guesses":
            said.update(_texts(ast.parse(path.read_text(encoding="utf-8"))))
    assert len(said) > 1000
    assert [text for text in said if redact(text) != text] == []


def _texts(module: ast.Module) -> Iterator[str]:
    """Of each f-string the whole, with a word for each value."""
    nodes = list(ast.walk(module))
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "word" for p in node.values)
            yield "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents
        ):
            yield node.value
