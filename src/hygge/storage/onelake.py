"""OneLake, Microsoft Fabric's storage: its addresses, and what its clients cannot do there.

https://learn.microsoft.com/fabric/onelake/onelake-access-api, "URI syntax": the account is always
`onelake`, the container is the workspace, and a path begins with the item.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hygge.core.errors import ConnectError, TransientError

HOST = "onelake.dfs.fabric.microsoft.com"
VERSION = "2023-11-03"
"""Of the Blob service's interface, as object_store asks for it."""
_HTTPS = re.compile(
    r"https://(?P<host>[\w-]*onelake[\w.-]*\.fabric\.microsoft\.com)/(?P<workspace>[^/]+)(?P<path>/.*)?",
    re.IGNORECASE,
)
"""As the portal shows it; a region may stand before `onelake`, see "Data residency" there."""
_MOMENT = {408, 429, 500, 502, 503, 504}
_EARLY = timedelta(minutes=5)
"""So long before it ends a token is not used any more."""


def is_fabric(host: str) -> bool:
    """Whether a host, or what ends with one, is OneLake's."""
    return host.lower().endswith(".fabric.microsoft.com")


def address_of(url: str) -> str:
    """A URL as Fabric's portal shows it, as `abfss://`; any other as it is."""
    found = _HTTPS.fullmatch(url.strip())
    if found is None:
        return url.strip()
    host = found["host"].lower().replace(".blob.", ".dfs.")
    return f"abfss://{found['workspace']}@{host}{found['path'] or ''}".rstrip("/")


class Remover:
    """Removes files and empty folders of a workspace, one by one: Delete Blob.

    obstore asks every removal of Azure as a list, which OneLake refuses:
    https://github.com/apache/arrow-rs-object-store/issues/701.

    Parameters
    ----------
    url: of the workspace, `https://onelake.blob.fabric.microsoft.com/WORKSPACE`.
    tokens: gives a token and when it ends, as obstore takes it; None where `signature` is used.
    signature: a shared access signature; "" for none.
    seconds: one request may take.
    """

    def __init__(
        self,
        url: str,
        tokens: Callable[[], Mapping[str, Any]] | None,
        signature: str,
        seconds: float,
    ) -> None:
        self._url, self._tokens, self._seconds = url, tokens, seconds
        self._query = f"?{signature}" if signature else ""
        self._held: Mapping[str, Any] = {}

    def __call__(self, key: str) -> None:
        """Remove one; what is not there is not missed.

        Raises TransientError where the moment is wrong, ConnectError where it is refused.
        """
        request = urllib.request.Request(  # noqa: S310 - of a fixed scheme
            f"{self._url}/{quote(key)}{self._query}", method="DELETE", headers=self._headers()
        )
        try:
            with urllib.request.urlopen(request, timeout=self._seconds):  # noqa: S310 - see above
                return
        except urllib.error.HTTPError as error:
            with error:
                code, why = error.code, error.headers.get("x-ms-error-code") or error.reason
        except OSError as error:
            raise TransientError(f"{key} could not be removed: {type(error).__name__}") from None
        if code == 404:
            return
        told = f"{key} could not be removed: OneLake says {code} {why}"
        if code in _MOMENT:
            raise TransientError(told)
        raise ConnectError(told, hint="give hygge's identity the right to write there")

    def _headers(self) -> dict[str, str]:
        headers = {"x-ms-version": VERSION}
        if self._tokens is not None:
            if not self._held or self._held["expires_at"] - datetime.now(UTC) < _EARLY:
                self._held = self._tokens()
            headers["Authorization"] = f"Bearer {self._held['token']}"
        return headers
