"""Addresses in OneLake, Microsoft Fabric's storage.

https://learn.microsoft.com/fabric/onelake/onelake-access-api, "URI syntax": the account is always
`onelake`, the container is the workspace, and a path begins with the item.
"""

from __future__ import annotations

import re

HOST = "onelake.dfs.fabric.microsoft.com"
_HTTPS = re.compile(
    r"https://(?P<host>[\w-]*onelake[\w.-]*\.fabric\.microsoft\.com)/(?P<workspace>[^/]+)(?P<path>/.*)?",
    re.IGNORECASE,
)
"""As the portal shows it; a region may stand before `onelake`, see "Data residency" there."""


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


def item_address(workspace: str, item: str, path: str) -> str:
    """The address of a path in an item, e.g. of `Tables/users` in `sales.Lakehouse`."""
    return f"abfss://{workspace}@{HOST}/{item}/{path}"
