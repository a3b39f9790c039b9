"""A stand-in for OneLake: its Blob interface, as far as hygge asks for it, by its documentation.

https://learn.microsoft.com/fabric/onelake/onelake-access-api and onelake-api-parity; requests are
those of https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api. Folders exist
by themselves, as with a hierarchical namespace, and a list of files to remove is refused as OneLake
refuses it: https://github.com/apache/arrow-rs-object-store/issues/701.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

TOKEN = "a-token-for-tests"


@dataclass
class Held:
    """What lies in one workspace, and what was asked.

    Parameters
    ----------
    port: of the server.
    files: by their path.
    folders: which stay when they are empty.
    asked: every request: its method, its path and the headers that matter.
    locked: folders that cannot be removed.
    busy: so many removals are not answered as they should be.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def below(self, prefix: str) -> list[str]:
        return sorted(
            p for p in {*self.files, *self.folders} if p.startswith(prefix) and p != prefix
        )


class Handler(BaseHTTPRequestHandler):
    """One request. The path is `/onelake/WORKSPACE/ITEM/...`, as under an emulator's address."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go apart: an ACK between takes 40 ms
    held: Held

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.send_header("x-ms-version", "2023-11-03")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, code: int, what: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{what}</Code><Message>{what}</Message></Error>"
        self.answer(code, text.encode(), x_ms_error_code=what)

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = unquote(url.path).removeprefix("/onelake/").partition("/")[2].rstrip("/")
        told = {n: self.headers[n] for n in ("If-None-Match", "Authorization", "Range")
                if self.headers.get(n)}  # fmt: skip
        with self.held.lock:
            self.held.asked.append((self.command, self.path, told))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.error(401, "NoAuthenticationInformation")
            elif query.get("comp") == "batch":
                why = "Either WorkspaceId or ArtifactId are missing in the request"
                self.answer(400, f'{{"error":{{"code":"BadRequest","message":"{why}"}}}}'.encode())
            elif query.get("comp") == "list":
                self.list(query)
            else:
                getattr(self, f"on_{self.command.lower()}")(path, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one

    def on_put(self, path: str, body: bytes) -> None:
        held = self.held
        if path.count("/") < 2:
            self.error(403, "OperationNotAllowedOnThePath")  # items and what is managed in them
        elif path in held.files and self.headers.get("If-None-Match") == "*":
            self.error(409, "BlobAlreadyExists")
        else:
            held.files[path] = body
            parts = path.split("/")
            held.folders |= {"/".join(parts[:n]) for n in range(1, len(parts))}
            self.answer(201, ETag=f'"0x{hash(body) & 0xFFFFFF:X}"')

    def on_get(self, path: str, body: bytes) -> None:
        found = self.held.files.get(path)
        if found is None:
            self.error(404, "BlobNotFound")
            return
        tag, total = f'"0x{hash(found) & 0xFFFFFF:X}"', len(found)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            self.answer(200, found, ETag=tag, length=str(total))
            return
        start, stop = int(asked[1]), min(int(asked[2] or total), total - 1)
        piece = found[start : stop + 1]
        self.answer(206, piece, ETag=tag, Content_Range=f"bytes {start}-{stop}/{total}")

    on_head = on_get

    def on_delete(self, path: str, body: bytes) -> None:
        held = self.held
        if held.busy:
            held.busy -= 1
            self.error(503, "ServerBusy")
            return
        if path in held.folders:
            if path in held.locked:
                self.error(409, "PathConflict")
                return
            if held.below(f"{path}/"):
                self.error(409, "DirectoryIsNotEmpty")
                return
            held.folders.discard(path)
        elif held.files.pop(path, None) is None:
            self.error(404, "BlobNotFound")
            return
        self.answer(202)

    def list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        told, inner = list[str](), set[str]()
        for path in self.held.below(prefix):
            if path < query.get("startFrom", ""):
                continue
            rest = path.removeprefix(prefix)
            if delimiter and "/" in rest:
                inner.add(prefix + rest.partition("/")[0] + "/")
                continue
            if path in self.held.folders:
                if delimiter:
                    inner.add(f"{path}/")
                    continue
                kind, size = "directory", 0
            else:
                kind, size = "file", len(self.held.files[path])
            told.append(
                f"<Blob><Name>{escape(path)}</Name><Properties><Last-Modified>"
                f"{formatdate(usegmt=True)}</Last-Modified><Content-Length>{size}</Content-Length>"
                f"<Content-Type>a/b</Content-Type><Etag>0x1</Etag>"
                f"<ResourceType>{kind}</ResourceType></Properties></Blob>"
            )
        told += [f"<BlobPrefix><Name>{escape(p)}</Name></BlobPrefix>" for p in sorted(inner)]
        text = (
            "<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>"
            f"{''.join(told)}</Blobs><NextMarker/></EnumerationResults>"
        )
        self.answer(200, text.encode(), Content_Type="application/xml")


@contextmanager
def onelake() -> Iterator[Held]:
    """A workspace, until the end of the `with`."""
    held = Held()
    handler = type("Bound", (Handler,), {"held": held})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        held.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        serving.start()
        try:
            yield held
        finally:
            server.shutdown()
            serving.join()
