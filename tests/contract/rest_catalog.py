"""A stand-in for an Iceberg REST catalog: the calls that tables need, over pyiceberg's SQL catalog.

https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)  # fmt: skip
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import CommitTableRequest

TOKEN = "Zq7-only-for-tests"
STATUS = {
    NoSuchTableError: 404, NoSuchNamespaceError: 404, NamespaceAlreadyExistsError: 409,
    TableAlreadyExistsError: 409, CommitFailedException: 409,
}  # fmt: skip


@contextmanager
def served(catalog: Catalog) -> Iterator[tuple[str, list[str]]]:
    """The address of a server over a catalog, while the block lasts, and the calls it got."""
    calls = list[str]()
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

        def answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size)
            path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")][1:]
            calls.append(f"{self.command} {'/'.join(path)}")
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                self.send(401, {"error": {"message": "who are you?", "type": "No", "code": 401}})
                return
            try:
                with one_at_a_time:
                    self.send(200, answer_to(catalog, self.command, path, body))
            except tuple(STATUS) as error:
                kind = type(error)
                told = {"message": str(error), "type": kind.__name__, "code": STATUS[kind]}
                self.send(STATUS[kind], {"error": told})

        def send(self, status: int, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(204 if self.command == "HEAD" and status == 200 else status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(0 if self.command == "HEAD" else len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer_to(catalog: Catalog, method: str, path: list[str], body: bytes) -> Any:
    """What a call gives, as plain values."""
    if path == ["config"]:
        return {"defaults": {}, "overrides": {}}
    names = tuple(path[1].split("\x1f")) if len(path) > 1 else ()
    if len(path) < 3:
        if method == "POST":
            asked = json.loads(body)
            catalog.create_namespace(tuple(asked["namespace"]), asked.get("properties") or {})
            return asked
        return {"namespace": list(names), "properties": catalog.load_namespace_properties(names)}
    if len(path) == 3:
        wanted = CreateTableRequest.model_validate({"location": None, **json.loads(body)})
        spec = wanted.partition_spec or UNPARTITIONED_PARTITION_SPEC
        how = {"partition_spec": spec, "properties": wanted.properties}
        make: Any = catalog._create_staged_table if wanted.stage_create else catalog.create_table  # type: ignore[attr-defined]
        return table_as_json(make((*names, wanted.name), wanted.table_schema, **how))
    if method == "POST":
        change = CommitTableRequest.model_validate_json(body)
        named: Any = SimpleNamespace(name=lambda: (*names, path[3]))
        done = catalog.commit_table(named, change.requirements, change.updates)
        return table_as_json(done)
    return table_as_json(catalog.load_table((*names, path[3])))


def table_as_json(table: Any) -> dict[str, Any]:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json(by_alias=True, exclude_none=True)),
        "config": {},
    }
