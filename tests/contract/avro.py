"""Avro's object files, read by what their specification says: https://avro.apache.org/docs/1.12.0"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any


def records(path: Path) -> list[Any]:
    """All records of a file; codecs null and deflate."""
    data = BytesIO(path.read_bytes())
    assert data.read(4) == b"Obj\x01"
    header = dict(_pairs(data))
    schema, codec = json.loads(header["avro.schema"]), header.get("avro.codec", b"null")
    sync, out = data.read(16), []
    while data.tell() < path.stat().st_size:
        count, size = _long(data), _long(data)
        block = data.read(size)
        inside = BytesIO(zlib.decompress(block, -15) if codec == b"deflate" else block)
        out += [_value(inside, schema, {}) for _ in range(count)]
        assert data.read(16) == sync
    return out


def _pairs(data: BytesIO) -> Iterator[tuple[str, bytes]]:
    for _ in _blocks(data):
        yield data.read(_long(data)).decode(), data.read(_long(data))


def _blocks(data: BytesIO) -> Iterator[int]:
    while count := _long(data):
        if count < 0:
            _long(data)  # the block's size
        yield from range(abs(count))


def _long(data: BytesIO) -> int:
    shift = number = 0
    while True:
        byte = data.read(1)[0]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1)
        shift += 7


def _value(data: BytesIO, schema: Any, known: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return _value(data, schema[_long(data)], known)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _value(data, kind, known)
    if kind in known:
        return _value(data, known[kind], known)
    if isinstance(schema, dict) and "name" in schema:
        known[schema["name"]] = schema
    if kind == "record":
        return {f["name"]: _value(data, f["type"], known) for f in schema["fields"]}
    if kind == "array":
        return [_value(data, schema["items"], known) for _ in _blocks(data)]
    if kind == "map":
        return {
            data.read(_long(data)).decode(): _value(data, schema["values"], known)
            for _ in _blocks(data)
        }
    if kind == "fixed":
        return data.read(schema["size"])
    return _PLAIN[kind](data)


_PLAIN: dict[str, Any] = {
    "null": lambda data: None,
    "boolean": lambda data: data.read(1) == b"\x01",
    "int": _long,
    "long": _long,
    "float": lambda data: struct.unpack("<f", data.read(4))[0],
    "double": lambda data: struct.unpack("<d", data.read(8))[0],
    "bytes": lambda data: data.read(_long(data)),
    "string": lambda data: data.read(_long(data)).decode(),
}
