"""Connections to SFTP servers, by asyncssh: https://asyncssh.readthedocs.io"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from pydantic import Field, field_validator

from hygge.core.durations import parse_duration
from hygge.core.errors import MissingDriver
from hygge.core.secrets import Secret
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection
from hygge.storage.tree import Tree


class SFTPConnection(StorageConnection):
    """An SFTP server: `{type: sftp, url: sftp://hygge@files.example.com/landing}`. Who connects,
    and with which key, is as for `ssh`: its configuration, agent, keys and known hosts hold here
    too. A path begins at the server's root; `sftp://host/~/folder` is below the user's home."""

    kind: ClassVar[str] = "sftp"
    schemes: ClassVar[tuple[str, ...]] = ("sftp",)

    user: str | None = Field(default=None, description="Who connects, if the URL does not say")
    password: Secret | None = Field(
        default=None, description="The user's password", examples=["${FILES_PASSWORD}"]
    )
    key_file: str | None = Field(
        default=None, description="The private key; what ssh itself finds if left out",
        examples=["~/.ssh/id_ed25519"],
    )  # fmt: skip
    passphrase: Secret | None = Field(
        default=None, description="The key's passphrase", examples=["${KEY_PASSPHRASE}"]
    )
    known_hosts: str | None = Field(
        default=None, description="A file of host keys that are trusted, instead of ssh's own"
    )
    timeout: str = Field(
        default="15s", description="How long connecting may take, and a server may be silent",
        examples=["1m"],
    )  # fmt: skip

    @field_validator("timeout")
    @classmethod
    def _duration(cls, text: str) -> str:
        if not parse_duration(text):
            raise ValueError("connecting needs some time")
        return text

    def bind(self, root: Path) -> Self:
        files = {n: getattr(self, n) for n in ("key_file", "known_hosts")}
        return self.model_copy(
            update={n: str(root / Path(f).expanduser()) for n, f in files.items() if f}
        )

    def connect(self, address: Address) -> Tree:
        try:
            from hygge.storage.sftp_tree import SFTPTree
        except ModuleNotFoundError as error:
            raise MissingDriver("asyncssh", "sftp") from error
        return SFTPTree(self._options(address), address)

    def _options(self, address: Address) -> dict[str, Any]:
        """What asyncssh is told: secrets revealed, and only what differs from ssh's own."""
        who, _, host = address.authority.rpartition("@")
        name, colon, port = host.rpartition(":")
        seconds = parse_duration(self.timeout).total_seconds()
        options: dict[str, Any] = {
            "host": name if colon else host, "port": int(port) if colon else (),
            "connect_timeout": seconds, "login_timeout": seconds, "keepalive_interval": seconds,
        }  # fmt: skip
        if user := unquote(who) or self.user:
            options["username"] = user
        if self.password is not None:
            options["password"] = self.password.reveal()
        if self.key_file is not None:
            options["client_keys"] = [self.key_file]
        if self.passphrase is not None:
            options["passphrase"] = self.passphrase.reveal()
        if self.known_hosts is not None:
            options["known_hosts"] = self.known_hosts
        return options
