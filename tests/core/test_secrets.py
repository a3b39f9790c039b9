"""Secrets are revealed where a session opens, and nowhere else."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.core.known import forget

from hygge.core.errors import ConfigError
from hygge.core.secrets import MASK, Interpolated, Secret, interpolate, redact, remember

# Passwords begin and end with marks that occur nowhere else, so that half of one is noticed too.
HEAD, TAIL = "Zq7", "Xj9"
awkward = st.text(
    st.one_of(
        st.sampled_from("@/:?#%&=+;{}'\"\\$ \té€😀"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=12,
)
passwords = awkward.map(lambda middle: HEAD + middle + TAIL)
no_blanks = passwords.map(lambda p: "".join(p.split()))
schemes = st.sampled_from(["postgresql", "mssql+pyodbc", "mysql", "https", "s3"])


def leaks(text: str) -> bool:
    return HEAD in text or TAIL in text


@given(no_blanks, schemes, st.sampled_from(["user", "", "dom%5Cuser", "a.b-c"]))
def test_passwords_in_urls_never_seen_before(password: str, scheme: str, user: str) -> None:
    forget()
    text = f"cannot connect to {scheme}://{user}:{password}@db.example:5432/shop: refused"
    shown = redact(text)
    assert not leaks(shown)
    assert "db.example:5432/shop: refused" in shown
    assert shown.startswith(f"cannot connect to {scheme}://{user}:")


@pytest.mark.parametrize(
    "form",
    [
        "password={}", "PWD={};Server=x", "Password = {} ", "x?access_token={}&y=1",
        "client_secret={}", "aws_secret_access_key={}", "AccountKey={};EndpointSuffix=x",
        "https://h/c?sv=1&sig={}", "sslpassword={} host=x", "SharedAccessSignature={}",
        '{{"password": "{}"}}', "{{'api_key': '{}', 'user': 'x'}}", "PWD={{{}}};Server=x",
        'password="{}"', "apikey={}", "private_key={}", "X-Auth-Token={}",
        '[{{"user": "x", "password": "{}"}}]', "{{'a': 1, 'pw': {}}}", "('pw': '{}')",
        '{{\n  "token" : "{}"\n}}', "url=password={}",
        "odbc_connect=Server=s;PWD={}", "(pw={})", "pass = {}",
    ],
)  # fmt: skip
def test_named_values_never_seen_before(form: str) -> None:
    assert not leaks(redact("before " + form.format(f"{HEAD}a,b:c@d/e+f%3D{TAIL}") + " after"))


def test_a_brace_quoted_odbc_password_is_blotted_whole() -> None:
    shown = redact(f"Driver={{X}};PWD={{{HEAD};a}}}} b{TAIL}}};Server=s")
    assert not leaks(shown)
    assert shown == "Driver={X};PWD=***;Server=s"


@given(passwords)
def test_known_values_in_whatever_quoting(password: str) -> None:
    forget()
    remember(password)
    texts = [
        password, quote(password), quote(password, safe=""), quote_plus(password),
        quote(password, safe=" +"),
        re.sub("%..", lambda m: m[0].lower(), quote(password)),
        repr(password), ascii(password), json.dumps(password),
        json.dumps(password, ensure_ascii=False), repr({"a": [password]}),
    ]  # fmt: skip
    for text in texts:
        shown = redact(f"<{text}>")
        assert not leaks(shown), (text, shown)
        assert shown.startswith("<") and shown.endswith(">")


@given(passwords, schemes, st.booleans())
def test_a_secret_url_is_known_by_its_password(password: str, scheme: str, quoted: bool) -> None:
    forget()
    written = quote(password, safe="") if quoted else password
    secret = Secret(f"{scheme}://user:{written}@host/db")
    for shown in (str(secret), repr(secret), f"{secret}", redact(f"login failed for {password}")):
        assert not leaks(shown)
    assert not leaks(redact(repr(password)))


@given(passwords)
def test_a_plain_secret_shows_nothing(password: str) -> None:
    forget()
    secret = Secret(password)
    assert str(secret) == MASK
    assert not leaks(repr(secret))
    assert not leaks(redact(f"bad password {password!r}"))


@given(passwords)
def test_connection_strings_are_known_by_their_parts(password: str) -> None:
    forget()
    plain = password.replace(";", "").replace("}", "").replace("{", "").replace("'", "")
    plain = "".join(plain.replace('"', "").replace("&", "").split())
    Secret(f"Server=s;UID=u;PWD={plain};Encrypt=yes")
    assert not leaks(redact(f"login failed: {plain!r}"))
    Secret(f"https://h/container?sv=1&sig={plain}")
    assert not leaks(redact(f"403 for {plain}"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{{"user": "x", "password": {}}}', '{{"user": "x", "password": {}}}'),
        ("400: \"client_secret\": {}.", "400: \"client_secret\": {}."),
        ("fatal: 'password': {} is wrong", "fatal: 'password': {} is wrong"),
        ("bad: 'password': {} (type=str)", "bad: 'password': {} (type=str)"),
        ('{{\n  "password" :\n         {} // by hand\n}}',) * 2,
        ("{{'pw': b{}, 'a': 1}}", "{{'pw': {}, 'a': 1}}"),
        ("{{'pw': Secret({})}}", "{{'pw': {})}}"),
        ("got pw=SecretStr(value={}) instead", "got pw={}) instead"),
        ("the store of 'pw': {} is no setting",) * 2,
        ("x: 'token': {} | y", "x: 'token': {} | y"),
        ('["password": {}]', '["password": {}]'),
    ],
)  # fmt: skip
@given(password=passwords)
def test_quoted_values_are_blotted_whole(text: str, shown: str, password: str) -> None:
    forget()
    sql = "'" + password.replace("\\", "").replace("'", "''") + "'"
    for quoted in (json.dumps(password), repr(password), json.dumps("a\"b'c"), sql):
        assert redact(text.format(quoted)) == shown.format(MASK)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fatal: 'password': hunter2", "fatal: 'password': ***"),
        ("'password': hunter2 is wrong", "'password': *** is wrong"),
        ("{'host': 'h', 'password': 'hunt...", "{'host': 'h', 'password': ***"),
        ("PWD='hunter2 and\nmore", "PWD=***\nmore"),
        ('flow "tokens": stopped', 'flow "tokens": ***'),
        ('{"token": 12345, "n": 1}', '{"token": *** "n": 1}'),
    ],
)  # fmt: skip
def test_rather_a_word_too_many(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "compass=north", "design=1", "id=5", "unexpected token: '}'", "SELECT a FROM b WHERE c = 1",
        "https://h/p?x=1#y", "C:/a@b", "sqlite:///shop.db", "mail a@b.example:25", "12:30:45 @ x",
        "the home of 'password_resets': a URL begins with postgresql://",
        'the flow "tokens": there is none',
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece", ["a", "password", "://u:", "x://u:", "'password'", "password={", "token_", "a.b-",
              "password =", '"token":', "{'token':{", ",'pw':", " ", "x://u:p@", "={", "pwd='",
              'pwd="\\"', "pwd=''", 'pwd="\n', "pwd='\"", "pwd=a(", "pwd=a(b", "'pw': the ",
              "'pw':b'\\\n", '"pwd": """\n', "pwd = " + " " * 50,
              "{'", '{"\\', "password: ", " - ", '\\"pw\\": ', '\\"pw\\":\\"', "pw: |\n ", "{pw: ",
              ",pw: ", "\npassword: '", "1|"],
)  # fmt: skip
def test_long_texts_take_no_longer_than_their_length(piece: str) -> None:
    remember("aaaa-bbbb")
    started = time.process_time()  # not the clock's: the machine may be busy otherwise
    redact(piece * (60_000 // len(piece)))
    assert time.process_time() - started < 10


def test_longer_secrets_are_blotted_before_those_inside_them() -> None:
    for value in ("abc", "abcdef", "bcd"):
        remember(value)
    assert redact("abcdef abc bcd") == "*** *** ***"


def test_very_short_values_would_blot_everything() -> None:
    remember("a")
    remember("")
    assert redact("banana") == "banana"


# Carried as references --------------------------------------------------------------------------


def test_a_reference_is_revealed_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", f"{HEAD}value{TAIL}")
    secret = Secret("postgresql://u:${DB_PASSWORD}@h/db")
    assert secret.is_reference
    assert secret.written == "postgresql://u:${DB_PASSWORD}@h/db"
    assert secret.reveal() == f"postgresql://u:{HEAD}value{TAIL}@h/db"
    assert redact(f"error near {HEAD}value{TAIL}") == f"error near {MASK}"
    assert not leaks(str(secret)) and not leaks(repr(secret))


def test_pickles_and_copies_keep_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", f"{HEAD}value{TAIL}")
    secret = Secret("${DB_PASSWORD}")
    secret.reveal()
    stored = pickle.dumps(secret)
    assert HEAD.encode() not in stored
    assert b"DB_PASSWORD" in stored
    for again in (pickle.loads(stored), copy.copy(secret), copy.deepcopy(secret)):
        assert again == secret
        assert hash(again) == hash(secret)
        assert again.reveal() == f"{HEAD}value{TAIL}"


def test_a_literal_is_known_again_in_another_process() -> None:
    program = (
        "import pickle, sys; from hygge.core.secrets import redact;"
        "pickle.load(sys.stdin.buffer); print(redact('the word is hunter2'))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(Secret("hunter2")),
        capture_output=True, check=True,
    )  # fmt: skip
    assert out.stdout.decode().strip() == "the word is ***"


def test_an_error_before_revealing_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    with pytest.raises(ConfigError, match=r"NOT_SET_ANYWHERE is not set[\s\S]*NOT_SET_ANYWHERE:-"):
        Secret("${NOT_SET_ANYWHERE}").reveal()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"), ("x${A}y${A}", "xoneyone"), ("${B:-two}", "two"), ("${B:-}", ""),
        ("${EMPTY}", ""), ("${EMPTY:-two}", "two"), ("$${A}", "${A}"), ("$A", "$A"),
        ("${A", "${A"), ("${1A}", "${1A}"), ("${A}$${A}${A}", "one${A}one"), ("", ""),
    ],
)  # fmt: skip
def test_interpolation(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv("A", "one")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("B", raising=False)
    assert interpolate(text) == expected


def test_what_a_variable_holds_is_not_interpolated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "${B}")
    assert interpolate("${A}") == "${B}"


def test_settings_hold_secrets() -> None:
    class Model(BaseModel):
        password: Secret

    made: Any = Model.model_validate({"password": Interpolated("value9", "${PW}")})
    assert made.password == Secret("${PW}")
    plain = Model.model_validate({"password": f"{HEAD}{TAIL}"})
    for shown in (repr(plain), str(plain), plain.model_dump_json(), str(plain.model_dump())):
        assert not leaks(shown)
    assert "password" in Model.model_json_schema()["properties"]


@given(passwords, st.sampled_from(["password", "api_key", "db.token", "pw"]), st.integers(1, 3))
def test_json_in_json(password: str, name: str, depth: int) -> None:
    forget()
    text = {"user": "x", name: password, "port": 5432}
    for _ in range(depth + 1):
        text = json.dumps(text)  # type: ignore[assignment]
    shown = redact(f"400: body {text} refused")
    assert not leaks(shown), shown
    assert shown.startswith("400: body ")
    if "\\" not in password:  # else more may be blotted than must be
        assert "port" in shown and shown.endswith(" refused")


@given(
    passwords,
    st.sampled_from(["password", "client_secret", "sslpassword", "pass"]),
    st.booleans(),
    st.sampled_from(["", "  ", "12 |   ", "- "]),
)
def test_yaml(password: str, name: str, flow: bool, before: str) -> None:
    """As PyYAML writes it, which quotes what needs to be; in what a parser shows of a file too."""
    forget()
    written = yaml.safe_dump(
        {name: password}, default_flow_style=flow, allow_unicode=True, width=1 << 20
    )
    text = f"cannot read shop.yml:\n{before}{written}host: db.example\n"
    shown = redact(text)
    assert not leaks(shown), shown
    assert shown.startswith("cannot read shop.yml:\n")
    assert shown.endswith("host: db.example\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{host: h, password: hunter2, port: 1}", "{host: h, password: ***, port: 1}"),
        ("db: {user: u, password: hunter2", "db: {user: u, password: ***"),
        ("a:\n  password: |\n    one\n    two\n  user: u", "a:\n  password: ***\n  user: u"),
        ("line 3:\n  3: password: two words\n     ^", "line 3:\n  3: password: ***\n     ^"),
        (r'"{\"pw\": \"a\\\"b\", \"user\": \"u\"}"', r'"{\"pw\": ***, \"user\": \"u\"}"'),
        (r"{\"token\": 12345, \"a\": 1}", r"{\"token\": ***, \"a\": 1}"),
    ],
)
def test_what_is_blotted_of_yaml_and_json_in_json(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "wrong password: authentication failed", "FATAL: password authentication failed for user x",
        "the token: it has expired (token: expired)", "no password, secret or token: give one",
        "write `password: ${DB_PASSWORD}`", "write `{host: db, password: ...}` there",
        "password: the server wants one", "passwords:3 of them", "password:\n  user: x",
        "{a: b, passenger: c}", "compass: north", "\\\"user\\\": \\\"x\\\"",
        "hint: set `api_key`, e.g. `{api_key: ${KEY}}`",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact(text) == text
