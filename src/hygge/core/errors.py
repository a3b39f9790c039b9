"""Every error hygge raises, grouped by how one recovers.

HyggeError
├── ConfigError          mend the configuration or the command (exit code 2)
│   └── UnsupportedError the plan asks for what a connector cannot do
├── ConnectError         mend access: address, permission, driver
│   ├── NothingThere     wait for the files, or mend the path
│   └── MissingDriver    install an extra
├── TransientError       try again: nothing is wrong but the moment
├── DataError            mend the data, or declare it otherwise
│   ├── BadValue         one value does not fit its declared field
│   └── SchemaDrift      the fields are not those the destination holds
├── VerifyError          counts disagree: nothing was published
├── StateError           the destination's state is damaged or another's
│   └── ConflictError    another run changed the destination meanwhile
├── GuardError           a load that would empty or shrink a destination
├── Cancelled            stopped on request before the commit point
├── JournalError         the run could not be recorded
└── RunFailed            one or more flows failed; carries all results
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

FULL_REFRESH = "--full-refresh (in Python, `full_refresh=True`)"
"""How hints name a full refresh, for the command line and for code."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a configuration file; lines and columns count from 1, 0 is unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        shown = self.file
        try:
            shown = str(Path(self.file).relative_to(Path.cwd()))
        except ValueError:
            pass
        if not self.line:
            return shown
        return f"{shown}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, with its place and its mend."""

    message: str
    location: Location | None = None
    hint: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        place = self.location or Location("")
        return (place.file, place.line, place.column, self.message)


class HyggeError(Exception):
    """Base of all. `hint` is the next step, printed on a line of its own.

    Parameters
    ----------
    message: what went wrong, where and why, in one or two sentences.
    hint: what to do next; None where nothing helps.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(cls: type[HyggeError], args: tuple[Any, ...], state: dict[str, Any]) -> HyggeError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(HyggeError):
    """The configuration or the command is wrong; carries every problem found, sorted."""

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.sort_key))
        if not message:
            message = "\n".join(str(p) for p in self.problems)
        super().__init__(message, hint=hint)


class UnsupportedError(ConfigError):
    """A connector was asked for what it declares it cannot do."""


class ConnectError(HyggeError):
    """A source or destination could not be reached or refused access."""


class NothingThere(ConnectError):
    """The folder or pattern is right as far as one can see, but no file is there (yet)."""


class MissingDriver(ConnectError):
    """A driver is not installed; the hint names the extra that brings it."""

    def __init__(self, driver: str, extra: str) -> None:
        super().__init__(
            f"the driver '{driver}' is not installed",
            hint=f"pip install 'hygge[{extra}]'",
        )


class TransientError(HyggeError):
    """The moment was wrong (a lock, a timeout, a dropped line): trying again may help."""

    retryable = True


class DataError(HyggeError):
    """The data is not what it was declared to be.

    Where it is of one row, `row` is how the message names it, and `at` its position among the rows
    that were given to who raised it, from 0; None where that is not known.
    """

    row: str = ""
    at: int | None = None

    def name_rows(self, place: Callable[[str, int], tuple[str, int]]) -> None:
        """Name its rows otherwise: who raised it may not know the file, or what was left out.

        Parameters
        ----------
        place: of how a row was named, and its position, the name and the position to tell.
        """
        if self.at is not None:
            row, self.at = place(self.row, self.at)
            self._tell(self.message.replace(f", {self.row}:", f", {row}:", 1))
            self.row = row

    def _tell(self, message: str) -> None:
        self.message = message
        self.args = (message, *self.args[1:])


class Other(NamedTuple):
    """A further value that does not fit, of the same column: its row, as `BadValue` names it, and
    the row's position; see DataError."""

    row: str
    value: object
    at: int


class BadValue(DataError):
    """A value does not fit its declared field.

    Parameters
    ----------
    entity: the table or dataset, as the Home names it.
    column: the column's name.
    row: the key of the row, as `name=value`, or its position as `row N` counting from 1.
    value: the offending value; cut to 80 characters when shown.
    declared: the declared type, as text.
    at: the position of the row; see DataError.
    others: the next few of the same column that do not fit either, where they are known.
    more: how many others there are in all, as far as rows were looked at together.
    """

    def __init__(
        self,
        *,
        entity: str,
        column: str,
        row: str,
        value: object,
        declared: str,
        hint: str | None = None,
        at: int | None = None,
        others: Sequence[Other] = (),
        more: int = 0,
    ) -> None:
        self.others, self.more = tuple(others), more
        super().__init__(
            f"{entity}.{column}, {row}: {_shown(value)} does not fit {declared}{self._beside}",
            hint=hint or f"mend the row, or declare another type under `types: {{{column}: ...}}`",
        )
        self.entity, self.column, self.row, self.value = entity, column, row, value
        self.declared, self.at = declared, at

    @property
    def _beside(self) -> str:
        """What is said of the others; "" where there are none."""
        told = [f"{other.row}: {_shown(other.value)}" for other in self.others]
        told += ["..."] if self.more > len(told) else []
        return f"; {self.more:,} more like it: {', '.join(told)}" if self.more else ""

    def name_rows(self, place: Callable[[str, int], tuple[str, int]]) -> None:
        alone = self.message.removesuffix(self._beside)
        self.others = tuple(
            Other(row, other.value, at)
            for other in self.others
            for row, at in [place(other.row, other.at)]
        )
        self._tell(alone + self._beside)
        super().name_rows(place)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


class SchemaDrift(DataError):
    """Source and destination no longer have the same fields, and the mode cannot bridge it."""


class VerifyError(HyggeError):
    """What was read, written and staged does not agree; nothing was published."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(
            message,
            hint=hint
            or "run it again; if it stays so, somebody else changes what is being "
            "loaded, or hygge is wrong, which is worth a report",
        )


class StateError(HyggeError):
    """The state at the destination is damaged, or was made for something else."""


class ConflictError(StateError):
    """Another run or somebody changed the destination before the commit; nothing was published."""

    retryable = True


class GuardError(HyggeError):
    """The load would empty or greatly shrink a full destination, and has no leave to."""


class Cancelled(HyggeError):
    """Stopped on request before the commit point; the destination is as it was."""


class JournalError(HyggeError):
    """The run could not be recorded in the journal, so it is not called a success."""


class RunFailed(HyggeError):
    """One or more entities failed; `result` holds the whole run, successes included."""

    def __init__(self, message: str, *, result: Any, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result
