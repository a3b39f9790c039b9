"""One open connection to SQL Server, whichever driver it is of."""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from hygge.core.errors import ConnectError, TransientError, UnsupportedError
from hygge.sql.link import Link
from hygge.sql.mssql.engine import BABELFISH, ENGINE_SQL, Engine, engine_of
from hygge.sql.mssql.login import Login
from hygge.sql.mssql.types import DIALECT

if TYPE_CHECKING:
    from hygge.sql.mssql.copying import Copy


_FORGET = "DECLARE @x int; BEGIN TRY SET @x = 1 / 0; END TRY BEGIN CATCH SET @x = 0; END CATCH; "
"""An error that is caught, which has Babelfish forget those of its own: 4.3 keeps one for each lock
that it finds taken, has room for five, and goes down with all its sessions at the sixth."""


class MSSQLLink(Link):
    """A connection; see `Link`. Every statement commits by itself, but in a transaction.

    Parameters
    ----------
    label: the database, for errors.
    isolation: as configured; None is for the session to choose.
    login: who connected.
    """

    copies: ClassVar[bool] = True
    """Whether the driver copies rows in bulk."""
    fetches: ClassVar[Mapping[str, str]] = {}
    """How types that the driver has no form for are asked for, with `{}` in place of the name."""

    def __init__(
        self, label: str, isolation: str | None = None, login: Login | None = None
    ) -> None:
        self.label, self.isolation, self.login = label, isolation, login
        self._engine: Engine | None = None
        self._has_policies: bool | None = None
        self._claims: set[str] = set()

    @property
    def engine(self) -> Engine:
        """What the server is; asked for once."""
        if self._engine is None:
            self._engine = engine_of(*self.row(ENGINE_SQL))
        return self._engine

    @property
    def has_policies(self) -> bool:
        """Whether the server has row security (SQL Server 2016 on); asked for once."""
        if self._has_policies is None:
            (view,) = self.row("SELECT OBJECT_ID('sys.security_predicates')")
            self._has_policies = view is not None
        return self._has_policies

    def who(self) -> str:
        """Who the server takes us for, by what, and what it is itself:
        `'app' (database user 'dbo'), by ..., on Azure SQL Database 12.0.2000.8`."""
        login, user = self.row("SELECT SUSER_SNAME(), USER_NAME()")
        by = f", by {self.login.words()}" if self.login else ""
        engine = self.engine
        return f"'{login}' (database user '{user}'){by}, on {engine.name} {engine.version}"

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        return self.table(sql)[1]

    @abstractmethod
    def table(self, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """The names of a small result's columns, and its rows."""

    @abstractmethod
    def insert(self, into: str, rows: pl.DataFrame) -> int:
        """Put encoded rows into a table by INSERTs; how many there were.

        Parameters
        ----------
        into: the table's quoted name.
        """

    def copy_into(self, target: str) -> Copy:
        """A bulk copy into a table, over a connection that the driver opens for it.

        Raises UnsupportedError where the driver does not copy.
        """
        raise UnsupportedError(f"{self.label}: this driver copies nothing in bulk")

    # Names that a session keeps for itself, by application locks of its own: they are of one
    # database, outlast its transactions, and the server lets go of them when the session ends,
    # however it ends.
    # https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
    # https://learn.microsoft.com/sql/t-sql/functions/applock-test-transact-sql

    def claim(self, name: str) -> None:
        """Have a name, which is nobody else's, until it is given up or this session ends."""
        (answer,) = self.row(
            f"DECLARE @r int; EXEC @r = sp_getapplock @Resource = {_resource(name)}, "
            "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 0; SELECT @r"
        )
        if answer not in (0, 1):
            raise TransientError(f"{self.label}: the name '{name}' is claimed already")
        self._claims.add(name)

    def unclaim(self, name: str) -> None:
        """Give a name up."""
        self.execute(
            f"EXEC sp_releaseapplock @Resource = {_resource(name)}, @LockOwner = 'Session'"
        )
        self._claims.discard(name)

    def is_claimed(self, name: str) -> bool:
        """Whether a session that lives has a name; this very one too, which the server would let
        claim it once more."""
        before = _FORGET if self.engine.name == BABELFISH else ""
        free, mine = self.row(
            f"{before}SELECT APPLOCK_TEST('public', {_resource(name)}, 'Exclusive', 'Session'), "
            f"APPLOCK_MODE('public', {_resource(name)}, 'Session')"
        )
        return not free or mine != "NoLock"

    def reset(self) -> None:
        chosen = self._engine is None or self._engine.isolation == "chosen"
        back = "; SET XACT_ABORT OFF; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        self.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION" + back * chosen)
        for name in tuple(self._claims):  # else whoever has it next would keep them
            self.unclaim(name)


def _resource(name: str) -> str:
    """A claimed name as the server's locks have it."""
    return DIALECT.text(f"hygge {name}")


def answers(where: tuple[str, int], timeout: float, label: str) -> None:
    """Raise where nobody listens at a host and port."""
    host, port = where
    try:
        socket.create_connection((host, port), timeout=timeout or None).close()
    except socket.gaierror as error:
        raise ConnectError(
            f"{label}: no host is called '{host}' ({error.strerror})", hint="check `server`"
        ) from None
    except OSError as error:
        raise ConnectError(
            f"{label}: {host}, port {port}: {error.strerror or error}",
            hint="check `server` and `port`, that the server runs, and that no firewall is between",
        ) from None
