"""What one attempt's settling is asked of: the state that a destination holds, and loads into it.
What a destination is, is told in `store`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Schema
from hygge.core.ledger import Ledger
from hygge.core.load import Load, LoadRequest
from hygge.core.state import Mode, State


class StoreSession(ABC):
    """One attempt's settling. Used by one thread, but for `cancel()`, which any may call."""

    @abstractmethod
    def state(self) -> State | None:
        """What the destination holds; None where it holds nothing of hygge's.

        Raises StateError where the state is damaged, or data lies there that hygge did not write.
        """

    @abstractmethod
    def begin(self, request: LoadRequest) -> Load:
        """Begin a load. Nothing is visible to readers until it commits."""

    def rehearse(self, mode: Mode) -> None:
        """Raise what a load would raise for want of a right, where that can be told without one;
        and note what a load in this mode would say of a destination that is there.

        Asked by a dry run; it changes nothing.
        """

    def valued(self, column: str) -> int | None:
        """How many of the rows that are held have a value in a column; None where that is not
        told. Asked before `begin`."""
        return None

    def unfinished(self, mode: Mode, fields: Schema) -> Ledger | None:
        """What a load of this entity has left that can be gone on with; None where there is none.

        From now on it is this session's: no other can have it. `resume` goes on with it, `begin`
        drops it, and closing the session leaves it as it lay.

        Parameters
        ----------
        mode, fields: of the load to be made; the ledger's `obstacle` says if they stand in the way.
        """
        return None

    def resume(self, request: LoadRequest) -> Load:
        """Go on with what `unfinished` gave: a load in which those chunks lie staged already."""
        raise UnsupportedError(f"{type(self).__name__} keeps no unfinished loads")

    def who(self) -> str:
        """Who the destination takes us for, and by what, for people; "" where it does not tell."""
        return ""

    def cancel(self) -> None:
        """Stop what is under way, from any thread; never past the commit point."""

    def close(self) -> None:
        """Give back what is held. Safe more than once; an uncommitted load is aborted."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
