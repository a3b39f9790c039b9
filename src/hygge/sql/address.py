"""Addresses of database servers: URLs taken apart. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

# User and password end at the last `@`, so that a password may hold what should be quoted.
_URL = re.compile(
    r"\s*(?P<scheme>[A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9_]+)?://"
    r"(?:(?P<user>[^:/@?]*)(?::(?P<password>.*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<options>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d*))?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and who asks.

    Parameters
    ----------
    host: a name, an address, several with commas between, or the folder of a socket; "" unsaid.
    port: None where unsaid.
    database, user: "" where unsaid.
    password: None where unsaid.
    options: what stands after `?` in a URL.
    """

    host: str = ""
    port: int | None = None
    database: str = ""
    user: str = ""
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


def parse_url(text: str, schemes: Sequence[str]) -> Address:
    """A URL taken apart: `postgresql://user:password@host:port/database?option=value`.

    A driver's name after the scheme (`postgresql+psycopg://`) is passed over.

    Parameters
    ----------
    text: the URL; reserved characters in its parts are percent-encoded (RFC 3986).
    schemes: those that it may have.

    Raises
    ------
    ValueError: it is no such URL; the message shows no part of it but scheme and port.
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError(f"a URL begins with {' or '.join(f'{s}://' for s in schemes)}")
    if match["scheme"].lower() not in schemes:
        raise ValueError(
            f"a URL of {match['scheme']}:// is for another type; here it begins with "
            f"{' or '.join(f'{s}://' for s in schemes)}"
        )
    host, port = _hosts(match["hosts"])
    password = match["password"]
    return Address(
        host=host, port=port, database=unquote(match["database"] or "").strip(),
        user=unquote(match["user"] or ""),
        password=None if password is None else unquote(password),
        options=dict(parse_qsl((match["options"] or "").strip(), keep_blank_values=True)),
    )  # fmt: skip


def _hosts(text: str) -> tuple[str, int | None]:
    hosts, ports = [], set()
    for part in text.split(","):
        match = _HOST.fullmatch(part.strip())
        if match is None:
            raise ValueError("after the host of a URL comes `:` and a port, which is a number")
        hosts.append(unquote(match["host"].strip("[]")))
        ports.add(int(match["port"]) if match["port"] else None)
    if len(ports) > 1:
        raise ValueError("the hosts of a URL must have one and the same port")
    (port,) = ports
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{port} is no port; they go from 1 to 65535")
    return ",".join(hosts), port


def shown(scheme: str, address: Address, default_port: int) -> str:
    """An address for people, without user, password and options."""
    host = f"[{address.host}]" if ":" in address.host else quote(address.host, safe=",")
    port = f":{address.port}" if address.port not in (None, default_port) else ""
    return f"{scheme}://{host}{port}/{quote(address.database, safe='')}"
