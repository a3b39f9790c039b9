"""What became of a commit that raised: looked into before anything is said of it."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar, Literal

from hygge.core.errors import ConflictError, HyggeError, TransientError
from hygge.core.load import Load
from hygge.core.secrets import redact
from hygge.files.reading import first_line
from hygge.lake.faults import lacking, no_room


class Settled(Load):
    """A load whose commit is one call of a library's."""

    DENIED: ClassVar[tuple[type[Exception], ...]]
    """The library's answer that it does not commit this at all."""

    _named: bool = False
    """Whether a commit names its files that has come or may come."""

    @abstractmethod
    def _telling(self) -> AbstractContextManager[None]:
        """Turns what libraries say into errors for people."""

    @abstractmethod
    def _where(self) -> str:
        """The table, for people."""

    @abstractmethod
    def _now(self) -> Literal["before", "ours", "others"]:
        """Whose load the table holds now: as it was, this one's, or another's."""

    @abstractmethod
    def _is_overtaken(self, error: Exception) -> bool:
        """Whether an error of the commit's says that others have committed, and this has not."""

    def _settle(self, cause: Exception) -> None:
        """Find out what became of a commit that raised: its answer may have been lost, or it may
        still be on its way. Returns where it has happened."""
        try:
            now = self._now()
        except HyggeError:
            raise self._unknown(cause) from cause
        if now == "ours":
            return
        if now == "others" or self._is_overtaken(cause):
            self._named = False
            raise self._conflict() from cause
        if isinstance(cause, self.DENIED):
            self._named = False
            with self._telling():
                raise cause
        if (full := no_room(self._where(), cause)) is not None:
            self._named = False
            raise full from cause
        if (gone := lacking(self._where(), cause)) is not None:
            raise gone from cause
        raise self._unknown(cause) from cause

    def _conflict(self) -> ConflictError:
        return ConflictError(
            f"{self._where()} was loaded or changed by another meanwhile; nothing was published",
            hint="run it again",
        )

    def _unknown(self, cause: Exception) -> TransientError:
        """The error for a commit of which nobody can say now whether it happened."""
        return TransientError(
            f"{self._where()}: whether the load was published is not known: "
            f"{redact(first_line(cause))}",
            hint="run it again: it looks before it loads anything",
        )
