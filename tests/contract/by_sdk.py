"""Object stores read without hygge and without obstore: S3 by boto3, Azure and Google by their HTTP
interfaces, an SFTP server by the folder that it serves."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4
from xml.etree import ElementTree

import boto3
from tests.servers.objects import ACCOUNT, Emulator, signed_for_azure

Read = Callable[[str], bytes]


def keys(emulator: Emulator, prefix: str) -> list[str]:
    """The keys of all objects that begin so, in order."""
    return sorted(LISTS[emulator.kind](emulator, prefix))


def read(emulator: Emulator, key: str) -> bytes:
    """An object's bytes; an error where there is none."""
    return READS[emulator.kind](emulator, key)


def download(emulator: Emulator, place: str, folder: Path) -> Path:
    """The parts that the newest manifest of a place lists, in a new folder."""
    manifests = keys(emulator, f"{place}/_hygge/")
    into = folder / uuid4().hex
    into.mkdir()
    if manifests:
        for part in json.loads(read(emulator, manifests[-1]))["extra"]["parts"]:
            (into / part["name"]).write_bytes(read(emulator, f"{place}/{part['name']}"))
    return into


@cache
def _s3(emulator: Emulator) -> Any:
    told = emulator.settings()
    return boto3.client(
        "s3", endpoint_url=told["endpoint"], region_name=told["region"],
        aws_access_key_id=told["access_key_id"],
        aws_secret_access_key=told["secret_access_key"],
    )  # fmt: skip


def _s3_list(emulator: Emulator, prefix: str) -> list[str]:
    pages = _s3(emulator).get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=emulator.bucket, Prefix=prefix)
    return [each["Key"] for page in found for each in page.get("Contents", ())]


def _s3_read(emulator: Emulator, key: str) -> bytes:
    found: bytes = _s3(emulator).get_object(Bucket=emulator.bucket, Key=key)["Body"].read()
    return found


def _azure(emulator: Emulator, path: str, query: Mapping[str, str]) -> bytes:
    at = quote(f"/{ACCOUNT}/{emulator.bucket}{path}")
    url = f"http://127.0.0.1:{emulator.port}{at}?{urlencode(query)}"
    return _get(url, signed_for_azure("GET", at, query))


def _azure_list(emulator: Emulator, prefix: str) -> list[str]:
    found: list[str] = []
    query = {"restype": "container", "comp": "list", "prefix": prefix}
    while True:
        page = ElementTree.fromstring(_azure(emulator, "", query))
        found += [name.text or "" for name in page.iterfind("./Blobs/Blob/Name")]
        if not (marker := page.findtext("NextMarker")):
            return found
        query["marker"] = marker


def _azure_read(emulator: Emulator, key: str) -> bytes:
    return _azure(emulator, f"/{key}", {})


def _gcs_list(emulator: Emulator, prefix: str) -> list[str]:
    found: list[str] = []
    query = {"list-type": "2", "prefix": prefix}
    while True:
        at = f"http://127.0.0.1:{emulator.port}/{emulator.bucket}?{urlencode(query)}"
        page = ElementTree.fromstring(_get(at, {}))
        found += [each.text or "" for each in page.iterfind("{*}Contents/{*}Key")]
        if not (marker := page.findtext("{*}NextContinuationToken")):
            return found
        query["continuation-token"] = marker


def _gcs_read(emulator: Emulator, key: str) -> bytes:
    return _get(f"http://127.0.0.1:{emulator.port}/{emulator.bucket}/{quote(key)}", {})


def _get(url: str, headers: Mapping[str, str]) -> bytes:
    request = urllib.request.Request(url, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: bytes = answer.read()
        return found


def _sftp_list(emulator: Emulator, prefix: str) -> list[str]:
    root = Path(emulator.folder) / "files"
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return [key for key in found if key.startswith(prefix)]


def _sftp_read(emulator: Emulator, key: str) -> bytes:
    return (Path(emulator.folder) / "files" / key).read_bytes()


LISTS = {"s3": _s3_list, "azure": _azure_list, "gcs": _gcs_list, "sftp": _sftp_list}
READS = {"s3": _s3_read, "azure": _azure_read, "gcs": _gcs_read, "sftp": _sftp_read}
