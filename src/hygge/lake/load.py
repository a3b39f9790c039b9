"""What loads into tables of any format have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager

from hygge.core.context import Context
from hygge.core.errors import ConflictError, TransientError, VerifyError
from hygge.core.load import Load, Receipt
from hygge.core.secrets import redact
from hygge.files.session import first_line
from hygge.lake.parts import Datafile
from hygge.lake.shelf import Shelf
from hygge.lake.writer import LakeWriter, Ticket, files_of


class LakeLoad(Load):
    """A load whose rows lie in files of the table's folder before it commits."""

    _context: Context
    _shelf: Shelf
    """The table's folder."""

    @property
    @abstractmethod
    def ticket(self) -> Ticket:
        """For writers here and elsewhere."""

    @abstractmethod
    def _telling(self) -> AbstractContextManager[None]:
        """Turns what libraries say into errors for people."""

    @abstractmethod
    def _where(self) -> str:
        """The table, for people."""

    def writer(self, chunk: int) -> LakeWriter:
        with self._telling():
            return LakeWriter(self.ticket, chunk, self._context)

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        """What the footers say of the files that lie there."""
        with self._telling():
            return sum(self._shelf.rows(file.name) for file in files_of(receipts))

    def _check_files(self, files: Sequence[Datafile]) -> None:
        """Raise VerifyError where other files lie staged than receipts list."""
        lying = {e.name: e.bytes for e in self._shelf.entries(self.ticket.folder)}
        if lying != {file.name: file.bytes for file in files}:
            raise VerifyError(
                f"{self._where()}: the receipts and the staged files differ; nothing was published"
            )

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
