"""The landing zone's layout: names, numbers, metadata; addresses. Values in, values out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fabric.folder import FolderConnection

from hygge import ConfigError, OpenMirroringStore, StateError
from hygge.core.context import Surroundings
from hygge.lake.mirror.zone import Zone, file_name, keys_of, lying, metadata
from hygge.storage.address import Address
from hygge.storage.onelake import address_of, is_fabric
from hygge.storage.tree import Entry


def entry(key: str, size: int = 1) -> Entry:
    return Entry(f"zone/t/{key}", size, 0)


@given(last=st.integers(0, 40), data=st.data())
def test_the_last_number_is_found_wherever_files_have_gone(last: int, data: st.DataObject) -> None:
    """Fabric puts files aside and removes them, but leaves the last one."""
    places = ("", "_ProcessedFiles/", "_FilesReadyToDelete/", None)
    entries, waiting = [entry("_metadata.json")], dict[int, int]()
    for number in range(1, last + 1):
        place = "" if number == last else data.draw(st.sampled_from(places))
        if place is not None:
            entries.append(entry(f"{place}{file_name(number)}", number))
        if place == "":
            waiting[number] = number
    found = lying(data.draw(st.permutations(entries)), "zone/t")
    assert (found.last, dict(found.waiting), found.others) == (last, waiting, ())


def test_names() -> None:
    assert file_name(1) == "00000000000000000001.parquet"
    others = ("data.parquet", "_x", "_delta/1.parquet", "0000000000000000009.parquet")
    found = lying([entry("00000000000000000007.csv"), *map(entry, others)], "zone/t")
    assert found.last == 7
    assert found.others == ("data.parquet", "0000000000000000009.parquet")


def test_where_things_are(tmp_path: object) -> None:
    root = Address.parse("abfss://ws@onelake.dfs.fabric.microsoft.com/db/Files/LandingZone")
    here = FolderConnection(root=tmp_path)
    plain, inside = Zone(here, root, "", "users"), Zone(here, root, "sales", "users")
    assert plain.folder == "db/Files/LandingZone/users"
    assert inside.folder == "db/Files/LandingZone/sales.schema/users"
    assert inside.own.key == "db/Files/LandingZone/_hygge/sales.schema/users"
    assert plain.mirrored == ("db/Tables/users", "db/Tables/dbo/users")
    assert inside.mirrored == ("db/Tables/sales/users",)
    assert Zone(here, Address.parse("az://c/landing"), "", "users").mirrored == ()


def test_metadata() -> None:
    assert metadata(["C1", "C2"]) == b'{"keyColumns": ["C1", "C2"]}'
    assert keys_of(metadata(["C1", "é"]), "here") == ("C1", "é")
    assert keys_of(metadata([]), "here") == ()
    for text in (b'{"keyColumns": ["a"], "isUpsertDefaultRowMarker": true}', b"[]", b"{", b"3",
                 b'{"fileDetectionStrategy": "LastUpdateTimeFileDetection"}'):  # fmt: skip
        with pytest.raises(StateError) as caught:
            keys_of(text, "here")
        assert caught.value.hint


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        ("https://onelake.dfs.fabric.microsoft.com/ws/db/Files/LandingZone/",
         "abfss://ws@onelake.dfs.fabric.microsoft.com/db/Files/LandingZone"),
        ("https://westus-onelake.blob.fabric.microsoft.com/ws/db/Files/LandingZone",
         "abfss://ws@westus-onelake.dfs.fabric.microsoft.com/db/Files/LandingZone"),
        ("abfss://ws@onelake.dfs.fabric.microsoft.com/db/x",
         "abfss://ws@onelake.dfs.fabric.microsoft.com/db/x"),
        ("landing", "landing"),
    ],
)  # fmt: skip
def test_addresses_as_the_portal_shows_them(shown: str, address: str) -> None:
    assert address_of(shown) == address


def test_who_is_fabric() -> None:
    assert is_fabric("ws@onelake.dfs.fabric.microsoft.com")
    assert not is_fabric("c@account.dfs.core.windows.net") and not is_fabric("container")


def test_what_is_no_landing_zone_or_table() -> None:
    url = "https://onelake.dfs.fabric.microsoft.com/ws/db/Files/LandingZone"
    around = Surroundings()
    for settings in ({"landing_zone": ""}, {}, {"landing_zone": url, "drop_timeout": "soon"},
                     {"landing_zone": url, "compression": "lz4"}):  # fmt: skip
        with pytest.raises(ConfigError):
            OpenMirroringStore("t", options=settings)
    with pytest.raises(ConfigError, match="no URL"):
        OpenMirroringStore("t", landing_zone="data/landing").bind(around)
    for table in ("a/b", "_hidden", "x.schema.t", ".t", "sales.", "a?b"):
        with pytest.raises(ConfigError, match="no name"):
            OpenMirroringStore("t", landing_zone=url, table=table).bind(around)
    found = OpenMirroringStore("t", landing_zone=url, table="sales.users").bind(around)
    assert found.place() == (
        "abfss://ws@onelake.dfs.fabric.microsoft.com/db/Files/LandingZone/sales.schema/users"
    )
    again = OpenMirroringStore("t", landing_zone=found.config.landing_zone, table="sales.users")
    assert again.identity() == found.identity()
