"""Emulators of object stores for tests: S3 by moto, Azure by Azurite, Google by a stand-in.

Each is a process that ends with the one that asked for it, however brutally that ends: a keeper
reads from a pipe which nobody else holds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.servers.base import Broken, Missing
from tests.servers.daemon import PATIENCE, free_port
from tests.servers.ssh import ssh_server

ROOT = Path(__file__).parents[2]
AZURITE = "azurite@3.35.0"  # 3.36 and later want Node 22
AZURITE_FOLDER = ROOT / ".venv" / "azurite"
ACCOUNT = "devstoreaccount1"
# The key that every Azurite has: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
KINDS = ("s3", "azure", "gcs")


@dataclass(frozen=True)
class Emulator:
    """One that is up.

    Parameters
    ----------
    kind: one of KINDS, and the type of connection that reaches it.
    port: on this machine.
    bucket: made in it; of an SFTP server `user@`.
    folder: of an SFTP server, a folder of the machine's with its keys and its files.
    """

    kind: str
    port: int
    bucket: str
    folder: str = ""

    @property
    def url(self) -> str:
        """Of the bucket, as hygge takes it."""
        if self.kind == "sftp":
            return f"sftp://{self.bucket}127.0.0.1:{self.port}{self.folder}/files"
        return {"s3": "s3", "azure": "az", "gcs": "gs"}[self.kind] + f"://{self.bucket}"

    def settings(self, port: int | None = None) -> dict[str, Any]:
        """Of a connection to it, perhaps through a proxy on another port."""
        at = f"http://127.0.0.1:{port or self.port}"
        own: dict[str, Any] = {
            "s3": {"endpoint": at, "access_key_id": "tester", "secret_access_key": "Only-For-Tests",
                   "region": "us-east-1"},
            "azure": {"endpoint": f"{at}/{ACCOUNT}", "account": ACCOUNT,
                      "account_key": ACCOUNT_KEY},
            "gcs": {"endpoint": at},
            "sftp": {"key_file": f"{self.folder}/user",
                     "known_hosts": f"{self.folder}/known_hosts"},
        }[self.kind]  # fmt: skip
        return {"type": self.kind, "url": self.url, **own}


class Azurite:
    """What `install` looks for and gets."""

    name = "Azurite"
    installers = (("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix",
                   str(AZURITE_FOLDER), AZURITE),)  # fmt: skip

    def find(self) -> None:
        """Nothing, if it is here. Raises Missing."""
        azurite()

    def install(self) -> None:
        """Have it installed, where npm is; npm says itself what goes wrong."""
        (command,) = self.installers
        if shutil.which("npm") and shutil.which("node"):
            subprocess.run(command, timeout=600, stdin=subprocess.DEVNULL)


def azurite() -> list[str]:
    """The command that starts it. Raises Missing."""
    script = AZURITE_FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    node = shutil.which("node")
    if node is None or not script.is_file():
        raise Missing(
            f"{Azurite.name} is missing; to install it: {' '.join(Azurite.installers[0])}"
        )
    return [node, str(script)]


@contextmanager
def emulator(kind: str) -> Iterator[Emulator]:
    """An emulator of a kind, or an SFTP server, until the end of the `with`.

    Raises Missing, Broken.
    """
    if kind == "sftp":
        with (
            tempfile.TemporaryDirectory(prefix="hygge-sftp-") as folder,
            ssh_server(Path(folder)) as server,
        ):
            yield Emulator(kind, server.port, f"{server.user}@", folder)
        return
    if kind == "azure":
        azurite()
    for _ in range(3):
        port = free_port()  # which somebody may take meanwhile
        with subprocess.Popen(
            [sys.executable, "-m", "tests.servers.objects", kind, str(port)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as keeper:  # fmt: skip
            try:
                if _answers(port, keeper):
                    found = Emulator(kind, port, "hygge-tests")
                    _make_bucket(found)
                    yield found
                    return
            finally:
                assert keeper.stdin is not None  # a pipe
                keeper.stdin.close()
                keeper.wait(30)
    raise Broken(f"the emulator of {kind} did not start")


def _answers(port: int, keeper: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while keeper.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _make_bucket(emulator: Emulator) -> None:
    if emulator.kind == "s3":
        who = "Credential=tester/20260101/us-east-1/s3/aws4_request"
        header = f"AWS4-HMAC-SHA256 {who}, SignedHeaders=host, Signature=0"
        _put(f"http://127.0.0.1:{emulator.port}/{emulator.bucket}", {"Authorization": header})
    elif emulator.kind == "azure":
        at = f"/{ACCOUNT}/{emulator.bucket}"
        query = {"restype": "container"}
        signed = signed_for_azure("PUT", at, query)
        _put(f"http://127.0.0.1:{emulator.port}{at}?{urlencode(query)}", signed)


def signed_for_azure(method: str, path: str, query: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request without a body.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    date = formatdate(usegmt=True)
    text = f"{method}{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-12-02\n/{ACCOUNT}{path}"
    text += "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
    key = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    return {
        "x-ms-date": date, "x-ms-version": "2021-12-02",
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(key).decode()}",
    }  # fmt: skip


def _put(url: str, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, method="PUT", headers=headers)
    request.add_header("Content-Length", "0")
    with urllib.request.urlopen(request, timeout=30):
        pass


def keep(kind: str, port: int) -> None:
    """Be the keeper: start it, and stop it when nobody holds the pipe any more."""
    commands: dict[str, Sequence[str]] = {
        "s3": [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        "gcs": [sys.executable, "-m", "tests.servers.gcs", str(port)],
    }
    if kind == "azure":
        commands[kind] = [
            *azurite(), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent",
            "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence",
        ]  # fmt: skip
    with subprocess.Popen(commands[kind], cwd=ROOT, stdin=subprocess.DEVNULL) as process:
        threading.Thread(target=lambda: (process.wait(), os._exit(1)), daemon=True).start()
        sys.stdin.read()
        process.kill()


if __name__ == "__main__":
    keep(sys.argv[1], int(sys.argv[2]))
