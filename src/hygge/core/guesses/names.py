"""Which names of settings and of variables are those of secrets."""

from __future__ import annotations

import re

_TELLING = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|signature|credential|authorization|cookie"
    r"|connection_string|(?:^|_)(?:sas|sig|pw|pass)(?:_|$)"
    r"|(?:^|_|access|account|api|encryption|master|private|shared|signing|ssh|storage)"
    r"key(?:_(?:id|base64|json))?$"
)
"""In names as pyiceberg (`s3.access-key-id`) and object stores (`azure_storage_sas_key`) have them,
with underscores for whatever parts their words."""
_ABOUT_IT = (
    r"_(?:tables?|schema|columns?|names?|files?|paths?|dir|directory|folder|ur[il]|endpoint|host"
    r"|port|users?|dates?|times?|types?|counts?|ttl|length|expir\w*|version|lifetime|policy"
    r"|provider|encryption|storage|limit|size|rotation|manager)$"
)
"""Names of what only has to do with a secret, such as its file."""
_ROWS_KEY = (
    r"(?:^|_)(?:primary|foreign|sort|partition|cluster(?:ing)?|unique|natural|business|surrogate"
    r"|merge|join|row)_?key$"
)
_SOME_KEY = r"(?:^|_)key$"
_CERTAIN_KEY = (
    r"(?:^|_)(?:access|account|api|auth|encryption|master|private|secret|shared|signing|ssh"
    r"|storage)_?key$"
)
_COLUMN = r"[a-z]+(?:_[a-z]+){0,4}|[A-Z]+(?:_[A-Z]+){0,4}|(?:[A-Z][a-z]+){1,4}(?:ID)?"
"""What names columns: words without digits. A key of a server or a service has some."""
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_MANY = r"(?:token|password|secret|credential|key)s$"
_SWITCHES = ("true", "false", "yes", "no", "on", "off", "none", "null")


def names_a_secret(name: str) -> bool:
    """Whether what goes by a name is secret by the name alone: `s3.secret-access-key`."""
    return re.search(_TELLING, _words(name)) is not None


def is_about_a_secret(name: str) -> bool:
    """Whether a name with such a word in it is only of what has to do with a secret:
    `token_count`, `passwordFile`."""
    return re.search(_ABOUT_IT, _words(re.sub(_HUMP, "_", name))) is not None


def names_many(name: str) -> bool:
    """Whether a name is that of several secrets, or of how many there are: `max_tokens`."""
    return re.search(_MANY, _words(name)) is not None


def variable_is_secret(name: str, value: str) -> bool:
    """Whether an environment variable holds a secret, by its name. `TOKEN_URL`, `SORT_KEY` and
    `MAX_TOKENS=100` do not, nor does a switch, nor `ORDER_KEY` if that may name a column."""
    words = _words(name)
    counted = names_many(name) and value.isdigit()
    names_column = (
        re.search(_SOME_KEY, words)
        and not re.search(_CERTAIN_KEY, words)
        and re.fullmatch(_COLUMN, value)
    )
    about = re.search(_ABOUT_IT, words) or re.search(_ROWS_KEY, words)
    no_secret = about or counted or names_column or value.lower() in _SWITCHES
    return bool(re.search(_TELLING, words) and not no_secret)


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())
