"""By which names secrets go, and how their values are quoted: pieces of patterns.

Spelt so that the engine looks for their first letters only.
"""

from __future__ import annotations

from collections.abc import Iterable

WORDS = (
    "password", "passwd", "passphrase", "pwd", "private[_-]?key", "secret", "signature", "token",
    "signing[_-]?key", "shared[_-]?key", "subscription[_-]?key", "api[_-]?key", "access[_-]?key",
    "account[_-]?key", "master[_-]?key", "encryption[_-]?key", "credential",
)  # fmt: skip
"""Names have these anywhere: `client_secret`, `sslpassword`."""
SHORT = r"(?:sas|sig|pw|pass)"
"""These are whole names."""


def any_of(words: Iterable[str]) -> str:
    """A pattern for one of the words."""
    rests: dict[str, list[str]] = {}
    for word in words:
        rests.setdefault(word[0], []).append(word[1:])
    return "(?:" + "|".join(f"[{c}{c.upper()}](?:{'|'.join(r)})" for c, r in rests.items()) + ")"


def stems(words: Iterable[str]) -> tuple[str, ...]:
    """What is in every text that has one of the words."""
    return tuple(dict.fromkeys(word.partition("[")[0] for word in words))


LONG = any_of(WORDS)
NEEDED = (*stems(WORDS), "sas", "sig", "pw", "pass")
"""One of these is in every text with such a name."""
IS_NAME = rf"(?=[\w .-]{{0,60}}{LONG}|{SHORT}(?![\w.-]))"
"""What follows has such a name, which may have blanks."""
IS_KEY = rf"(?=[\w.-]{{0,60}}{LONG}|{SHORT}(?![\w.-]))"
"""The same without blanks."""
NAME = rf"(?:{LONG}[\w.-]{{0,60}}+|(?<![\w.-])(?=[pPsS]){SHORT}(?![\w.-]))"
"""Such a name from its word on."""

# Quoted as in JSON and Python (a backslash before a quote) or as in SQL (the quote twice), after
# what tells its type: b'x', Secret('x'), SecretStr(value='x'). Of what no quote closes the rest of
# the line is taken.
CLOSED = r"(?:'\*{3}'|\"\*{3}\"|\"(?:[^\"\\]|\\[\s\S]|\"\")*+\"|'(?:[^'\\]|\\[\s\S]|'')*+')"
QUOTED = (
    r"(?:(?:[a-z_][\w.]{0,60}\((?:\w{1,40}=)?){0,2}(?:(?:[bruenx]{1,2}|u&)(?=['\"]))?"
    rf"(?:{CLOSED}|['\"][^\r\n]*))"
)
BARE = r"(?:[^&;\s'\"]|&(?![\w.%-]{1,60}=)|['\"]{1,2}(?=\w))+"
"""Without quotes, in an address or a list of settings: other quotes and `&` may be in it."""
SENTENCE = r"(?:an?|the|this|that|there|it|its|no|not|in|of|for|to|with|is|has|what)\s"
"""What follows `the home of 'passwords':` may as well be a sentence: it is one where it begins with
a word that nobody has for a password."""
