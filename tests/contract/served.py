"""The suite of Stores over a server, whose line can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

import pytest
from tests.servers import Database
from tests.servers.cut import Cut, cut_before

from hygge import Store
from hygge.core.context import Context, Surroundings
from hygge.sql.server import PooledConnection
from hygge.sql.settle.load import STEPS
from hygge.testing._store_base import some_rows
from hygge.testing.loading import commit, write
from hygge.testing.stores import StoreContract

S = TypeVar("S", bound=type[StoreContract])


class ServedContract(StoreContract):
    """A Store's, in a database of the module's own, `warehouse`.

    Parameters
    ----------
    store, connection, scheme: of the kind.
    words: what commits, as it goes over the line.
    """

    steps = STEPS
    store: ClassVar[type[Any]]
    connection: ClassVar[type[PooledConnection]]
    scheme: ClassVar[str]
    words: ClassVar[Sequence[bytes]] = (b"COMMIT",)
    database: Database
    cut: Cut

    @pytest.fixture(autouse=True)
    def _in_warehouse(self, warehouse: Database, request: pytest.FixtureRequest) -> Iterator[None]:
        self.database = warehouse
        self.prefix = f"{abs(hash(request.node.nodeid)) % 10**9}_"
        with cut_before(warehouse.host, warehouse.port) as self.cut:
            yield

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.database.url.partition('://')[2]}"

    def make(self, name: str) -> Store:
        made: Store = self.store(self.prefix + name, url=self.url)
        return made

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        near = f"{self.database.host}:{self.database.port}"
        url = self.url.replace(near, f"127.0.0.1:{self.cut.port}")
        assert url != self.url
        return self.store(self.prefix + name, url=url), lambda happens: self.cut.arm(
            *self.words, arrives=happens
        )

    def with_secret(self, secret: str) -> Store:
        made: Store = self.store("t", url=f"{self.scheme}://user:{secret}@127.0.0.1:1/shop")
        return made

    def test_a_load_needs_one_connection(self) -> None:
        """Whatever the mode and the number of chunks: a pool of one is enough."""
        one = self.connection.model_validate({"url": self.url, "pool_size": 1})
        for mode in ("replace", "append", "merge", "delete_insert"):
            store = self.store(f"{self.prefix}{mode}", connection="one").bind(
                Surroundings(connections={"one": one})
            )
            with store.open(Context()) as session:
                load = self.begin(session, mode)
                receipts = [write(load, [some_rows(10 * at, 10)], at) for at in range(3)]
                commit(load, receipts)
            self.check_rows(store, some_rows(0, 30))


BY_ITS_DRIVER = (
    "values", "awkward_names", "any_history", "the_answer_to_a_commit_is_lost",
    "of_two_loads_one_wins", "of_two_loads_in_threads_one_wins", "a_load_needs_one_connection",
    "cancelling_before_the_commit", "secrets_never_show", "it_pickles", "chunks_in_threads",
    "a_chunk_in_a_process_of_its_own", "readers_see_whole_loads_only", "columns_that_come_and_go",
    "what_is_not_committed_leaves_nothing", "state_reads_back", "quirks_name_checks_and_types",
)  # fmt: skip
"""The checks that depend on how rows and statements travel."""


def by_another_driver(suite: S) -> S:
    """A suite that has been run over the same statements already, but by another driver: only what
    depends on that is checked again."""
    for name in dir(suite):
        if name.startswith("test_") and name.removeprefix("test_") not in BY_ITS_DRIVER:
            setattr(suite, name, None)
    return suite
