"""A small HTTP proxy before an object store, that fails as it is told to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote

Fault = Literal["lose", "drop", "hang"] | int
"""What becomes of a request: its answer is lost though it was done (`lose`), it is dropped before
it gets there (`drop`), it is never answered (`hang`), or it is answered with a status code."""
_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>as told</Message></Error>"


@dataclass
class Proxy:
    """One that is up.

    Parameters
    ----------
    port: where it listens.
    rule: told the method and the path of every request; None lets it through.
    seen: every request, in order.
    """

    port: int = 0
    rule: Callable[[str, str], Fault | None] = lambda method, path: None
    seen: list[tuple[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def fail(self, fault: Fault, *, method: str, path: str, times: int = 1) -> None:
        """From now on, fail the next requests of a method whose path has a text in it."""
        left = times
        lock = threading.Lock()

        def rule(asked: str, at: str) -> Fault | None:
            nonlocal left
            with lock:
                if asked == method and path in at and left > 0:
                    left -= 1
                    return fault
            return None

        self.rule = rule


@contextmanager
def proxy(to: int) -> Iterator[Proxy]:
    """A proxy to another port of this machine, until the end of the `with`."""
    state = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body go apart: an ACK between takes 40 ms

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            state.seen.append((self.command, self.path))
            fault = state.rule(self.command, unquote(self.path))
            if isinstance(fault, int):
                answer = _ERROR.format(code=fault).encode()
                self._say(fault, [("Content-Type", "application/xml")], answer)
                return
            if fault == "hang":
                state.over.wait(60)
            if fault in ("hang", "drop"):
                self._cut()
                return
            code, headers, answer = self._forward(body)
            if fault == "lose":
                self._cut()
                return
            self._say(code, headers, answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            upstream = http.client.HTTPConnection("127.0.0.1", to, timeout=30)
            try:
                upstream.putrequest(self.command, self.path, skip_host=True,
                                    skip_accept_encoding=True)  # fmt: skip
                for name, value in self.headers.items():
                    if name.lower() != "connection":
                        upstream.putheader(name, value)
                upstream.endheaders(body or None)
                answer = upstream.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                upstream.close()

        def _say(self, code: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(code)
            length = str(len(body))
            for name, value in headers:
                if name.lower() == "content-length":
                    length = value
                elif name.lower() not in ("connection", "transfer-encoding", "keep-alive"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _cut(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError, OSError):
                pass  # whoever asked has gone

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            state.over.set()
            server.shutdown()
