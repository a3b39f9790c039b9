"""What libpq's keywords ask for, as far as it is spoken here; of all else: Beyond.

Their meaning: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS, and
of the environment: https://www.postgresql.org/docs/current/libpq-envars.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hygge.sql.postgres.wire.messages import Beyond

DEFAULT_PORT = "5432"
SOCKETS = "/tmp"  # noqa: S108 - nothing is written there
"""Where libpq looks for a server that has no name, unless it was built otherwise."""
MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
SYSTEM = "system"
"""For `sslrootcert`: the certificates that the system trusts."""

_ONLY = {
    "sslnegotiation": ("postgres",), "target_session_attrs": ("any",), "keepalives": ("0", "1"),
    "gssencmode": ("disable", "prefer"), "channel_binding": ("disable", "prefer"),
}  # fmt: skip
"""Keywords of which not every value is spoken. Of what is preferred nothing is there: the protocol
goes without."""
_NUMBERS = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
            "tcp_user_timeout")  # fmt: skip
_TEXTS = ("host", "port", "dbname", "user", "password", "application_name", "client_encoding",
          "options", "sslmode", "sslrootcert", "sslcert", "sslkey")  # fmt: skip
SPOKEN = frozenset((*_ONLY, *_NUMBERS, *_TEXTS))

_ENVIRONMENT = {
    "PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user",
    "PGPASSWORD": "password", "PGAPPNAME": "application_name",
    "PGCLIENTENCODING": "client_encoding", "PGOPTIONS": "options", "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert", "PGSSLCERT": "sslcert", "PGSSLKEY": "sslkey",
    "PGSSLNEGOTIATION": "sslnegotiation", "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGGSSENCMODE": "gssencmode", "PGCHANNELBINDING": "channel_binding",
    "PGCONNECT_TIMEOUT": "connect_timeout",
}  # fmt: skip
"""Variables that say what a keyword leaves unsaid. (PGPASSFILE says where a password may be, which
is for libpq to look for where one is asked for.)"""
_BEYOND = frozenset((
    "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIREAUTH", "PGREQUIREPEER",
    "PGREQUIRESSL", "PGSSLCERTMODE", "PGSSLCOMPRESSION", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI",
    "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGMINPROTOCOLVERSION",
    "PGMAXPROTOCOLVERSION", "PGKRBSRVNAME", "PGGSSLIB", "PGGSSDELEGATION", "PGLOADBALANCEHOSTS",
    "PGDATESTYLE", "PGTZ", "PGGEQO",
))  # fmt: skip
"""Variables that say what is not spoken."""


@dataclass(frozen=True)
class Asked:
    """A connection that is asked for.

    Parameters
    ----------
    host: a name, an address, or the folder of a socket.
    port: of the server.
    user: who connects.
    password: theirs; empty for none.
    parameters: what the server is told at the start.
    sslmode: one of MODES.
    root: the file of certificates that vouch for the server, or SYSTEM; None for none.
    pair: the client's certificate and its key; None for none.
    timeout_s: that connecting may take; None for ever.
    keepalives: whether TCP shall look after a line that is silent.
    tuning: how, in libpq's words, where it is said.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    parameters: Mapping[str, str]
    sslmode: str
    root: str | None
    pair: tuple[str, str] | None
    timeout_s: float | None
    keepalives: bool
    tuning: Mapping[str, int]

    @property
    def socket(self) -> str | None:
        """The path of the socket, where it is one."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None


def asked(
    conninfo: Mapping[str, str], environ: Mapping[str, str], home: Path | None, whose: str
) -> Asked:
    """What keywords ask for.

    Parameters
    ----------
    conninfo: libpq's keywords and their values; an empty one is as none.
    environ: the process's, which says what they leave unsaid.
    home: the folder of whom the process belongs to; None where they have none.
    whose: their name, which is the default; empty where it is not known.

    Raises Beyond.
    """
    around = {k: environ.get(name, "") for name, k in _ENVIRONMENT.items()}
    said = {keyword: value for keyword, value in {**around, **conninfo}.items() if value}
    if beyond := sorted(_BEYOND & environ.keys()):
        raise Beyond(f"the environment has {beyond[0]}")
    _spoken(said)
    user = said.get("user") or whose
    if not user:
        raise Beyond("no user is named")
    mode = said.get("sslmode") or ("verify-full" if said.get("sslrootcert") == SYSTEM else "prefer")
    numbers = {keyword: _number(said[keyword]) for keyword in _NUMBERS if keyword in said}
    timeout = numbers.pop("connect_timeout", 0)
    host = _host(said)
    files = mode != "disable" and not host.startswith("/")
    parameters = {
        "user": user, "database": said.get("dbname", user), "options": said.get("options", ""),
        "application_name": said.get("application_name", ""), "client_encoding": "UTF8",
    }  # fmt: skip
    found = Asked(
        host=host, port=_port(said), user=user, password=said.get("password", ""),
        parameters={name: value for name, value in parameters.items() if value}, sslmode=mode,
        root=_root(said, mode, home) if files else None,
        pair=_pair(said, home) if files else None,
        timeout_s=float(max(2, timeout)) if timeout > 0 else None,
        keepalives=said.get("keepalives") != "0", tuning=numbers,
    )  # fmt: skip
    if len(os.fsencode(found.socket or "")) > 100:
        raise Beyond("the path of the socket is too long for one")
    return found


def _spoken(said: Mapping[str, str]) -> None:
    if unknown := said.keys() - SPOKEN:
        raise Beyond(f"keywords: {', '.join(sorted(unknown))}")
    for keyword, values in _ONLY.items():
        if said.get(keyword, values[0]) not in values:
            raise Beyond(f"{keyword}={said[keyword]}")
    encoding = said.get("client_encoding", "UTF8")
    if encoding.replace("-", "").lower() not in ("utf8", "unicode"):
        raise Beyond(f"client_encoding={encoding}")
    if not said.get("password", "").isascii():
        raise Beyond("a password that is not plain ASCII")
    if any("\0" in value for value in said.values()):
        raise Beyond("a NUL character")
    if said.get("sslmode", "prefer") not in MODES:
        raise Beyond(f"sslmode={said['sslmode']}")
    if said.get("sslrootcert") == SYSTEM and said.get("sslmode", "verify-full") != "verify-full":
        raise Beyond("sslrootcert=system with less than verify-full")


def _number(value: str) -> int:
    if not value.strip().isdecimal() or not value.isascii() or len(value) > 9:
        raise Beyond(f"{value} is no whole number")
    return int(value)


def _port(said: Mapping[str, str]) -> int:
    port = _number(said.get("port", DEFAULT_PORT))
    if not 1 <= port <= 65535:
        raise Beyond(f"port={port}")
    return port


def _host(said: Mapping[str, str]) -> str:
    host = said.get("host")
    if host is None:
        host = SOCKETS
        if not Path(host, f".s.PGSQL.{_port(said)}").exists():
            raise Beyond("no host is named, and there is no socket where one is looked for")
    if "," in host or host.startswith("@") or not (host.startswith("/") or _is_name(host)):
        raise Beyond(f"host={host}")
    return host


def _is_name(host: str) -> bool:
    """Whether it is a name, or an address, that stays as it is on its way to who looks it up."""
    try:
        return host.encode("idna") == host.encode("ascii")
    except UnicodeError:
        return False


def _root(said: Mapping[str, str], mode: str, home: Path | None) -> str | None:
    """The file of roots: it need not be there, unless the server must prove who it is."""
    root = said.get("sslrootcert") or (str(home / ".postgresql/root.crt") if home else None)
    if root is None and mode.startswith("verify"):
        raise Beyond("no folder is known to look for certificates in")
    if home and (home / ".postgresql/root.crl").exists():
        raise Beyond("there is a list of revoked certificates")
    return root


def _pair(said: Mapping[str, str], home: Path | None) -> tuple[str, str] | None:
    cert, key = said.get("sslcert"), said.get("sslkey")
    if not cert and not key:
        if home and (home / ".postgresql/postgresql.crt").exists():
            raise Beyond("there is a client's certificate where libpq looks for one")
        return None
    if not cert or not key or ":" in key or not Path(cert).is_file():
        raise Beyond("a client's certificate, and a key that is found otherwise than by its file")
    state = Path(key).stat() if Path(key).is_file() else None
    if state is None or state.st_mode & (0o037 if state.st_uid == 0 else 0o077):
        raise Beyond("the key of the client's certificate is not there, or others can read it")
    return cert, key


def home_folder() -> Path | None:
    """Of whom the process belongs to; None where they have none."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def system_user() -> str:
    """Who the process belongs to; empty where that is not known."""
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return ""
