"""A stand-in for Google Cloud Storage's XML API: what obstore asks of it, and no more.

No emulator that could be had serves what obstore sends: `gcp-storage-emulator` gives no ETag, and
fake-gcs-server knows no plain PUT of the XML API. This keeps objects in memory and does, as
https://cloud.google.com/storage/docs/xml-api says: GET and HEAD with ranges, PUT with
`x-goog-if-generation-match`, DELETE, listings in pages (version 2), and multipart uploads. It asks
for no credentials, and knows every bucket but those whose names begin with `missing`.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000


@dataclass(frozen=True)
class Held:
    data: bytes
    generation: int
    changed: datetime

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}-{self.generation}"'


class Buckets:
    """Everything there is, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.objects: dict[tuple[str, str], Held] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.numbers = itertools.count(1_700_000_000_000_000)

    def put(self, bucket: str, key: str, data: bytes, match: str | None) -> Held | None:
        """Put an object; None where it is not at the generation it should be."""
        with self.lock:
            there = self.objects.get((bucket, key))
            if match is not None and int(match) != (there.generation if there else 0):
                return None
            now = datetime.now(UTC).replace(microsecond=0)
            held = Held(data, next(self.numbers), now)
            self.objects[bucket, key] = held
            return held


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go apart: an ACK between takes 40 ms
    buckets: Buckets

    def log_message(self, *args: object) -> None:
        pass

    def _asked(self) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(self.path)
        bucket, _, key = parts.path.lstrip("/").partition("/")
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        return unquote(bucket), unquote(key), query

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        length = headers.get("Content_Length")
        if length is None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, code: int, name: str) -> None:
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{name}</Code></Error>"
        self._answer(code, body.encode(), Content_Type="application/xml")

    def do_GET(self) -> None:
        bucket, key, query = self._asked()
        if bucket.startswith("missing"):
            return self._refuse(404, "NoSuchBucket")
        if not key:
            return self._list(bucket, query)
        with self.buckets.lock:
            held = self.buckets.objects.get((bucket, key))
        if held is None:
            return self._refuse(404, "NoSuchKey")
        data, size = held.data, len(held.data)
        headers = {
            "ETag": held.tag, "Last_Modified": format_datetime(held.changed, usegmt=True),
            "x_goog_generation": str(held.generation), "Content_Type": "application/octet-stream",
        }  # fmt: skip
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if self.command == "HEAD" or found is None:
            return self._answer(200, data, Content_Length=str(size), **headers)
        start, stop = int(found[1]), min(int(found[2] or size - 1) + 1, size)
        if start >= size:
            return self._refuse(416, "InvalidRange")
        span = f"bytes {start}-{stop - 1}/{size}"
        return self._answer(206, data[start:stop], Content_Range=span, **headers)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        bucket, key, query = self._asked()
        data = self._body()
        if bucket.startswith("missing"):
            return self._refuse(404, "NoSuchBucket")
        if "uploadId" in query:
            pieces = self.buckets.uploads.get(query["uploadId"])
            if pieces is None:
                return self._refuse(404, "NoSuchUpload")
            pieces[int(query["partNumber"])] = data
            return self._answer(200, ETag=f'"{hashlib.md5(data).hexdigest()}"')
        return self._put(bucket, key, data, b"")

    def _put(self, bucket: str, key: str, data: bytes, body: bytes) -> None:
        match = self.headers.get("x-goog-if-generation-match")
        held = self.buckets.put(bucket, key, data, match)
        if held is None:
            return self._refuse(412, "PreconditionFailed")
        found = body.replace(b"{etag}", escape(held.tag).encode())
        return self._answer(200, found, ETag=held.tag, x_goog_generation=str(held.generation))

    def do_POST(self) -> None:
        bucket, key, query = self._asked()
        self._body()
        if "uploads" in query:
            name = f"upload-{next(self.buckets.numbers)}"
            self.buckets.uploads[name] = {}
            body = (
                "<InitiateMultipartUploadResult>"
                f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key>"
                f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            )
            return self._answer(200, body.encode(), Content_Type="application/xml")
        pieces = self.buckets.uploads.pop(query.get("uploadId", ""), None)
        if pieces is None:
            return self._refuse(404, "NoSuchUpload")
        done = (
            "<CompleteMultipartUploadResult>"
            f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><ETag>{{etag}}</ETag>"
            "</CompleteMultipartUploadResult>"
        )
        return self._put(bucket, key, b"".join(pieces[n] for n in sorted(pieces)), done.encode())

    def do_DELETE(self) -> None:
        bucket, key, query = self._asked()
        if "uploadId" in query:
            self.buckets.uploads.pop(query["uploadId"], None)
            return self._answer(204)
        with self.buckets.lock:
            found = self.buckets.objects.pop((bucket, key), None)
        return self._answer(204) if found else self._refuse(404, "NoSuchKey")

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        with self.buckets.lock:
            held = sorted((k, h) for (b, k), h in self.buckets.objects.items() if b == bucket)
        seen: dict[str, Held | None] = {}
        for key, one in held:
            if not key.startswith(prefix):
                continue
            inner = key[len(prefix) :]
            cut = inner.find(delimiter) if delimiter else -1
            if cut >= 0:
                seen[prefix + inner[: cut + 1]] = None
            else:
                seen[key] = one
        names = [n for n in seen if n > after]
        page = names[:PAGE]
        out = ["<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>"]
        out.append(f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>")
        out.append(f"<IsTruncated>{str(len(names) > PAGE).lower()}</IsTruncated>")
        if len(names) > PAGE:
            out.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        for name in page:
            item = seen[name]
            if item is None:
                out.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
                continue
            out.append(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(item.data)}</Size>"
                f"<LastModified>{item.changed:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                f"<ETag>{escape(item.tag)}</ETag><Generation>{item.generation}</Generation>"
                "</Contents>"
            )
        out.append("</ListBucketResult>")
        self._answer(200, "".join(out).encode(), Content_Type="application/xml")


def main(port: int) -> None:
    """Serve until killed."""
    handler = type("Bound", (Handler,), {"buckets": Buckets()})
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
