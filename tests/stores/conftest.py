"""What the tests of Stores share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog import Catalog, load_catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """The table's catalog, opened by pyiceberg alone."""
    uri = f"sqlite:///{tmp_path / 'catalog.db'}"
    found = load_catalog("hygge", type="sql", uri=uri, warehouse=f"file://{tmp_path}")
    yield found
    found.close()
