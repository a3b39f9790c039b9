"""What happens to every batch between a Home and a Store: shaped, and its misfits dealt with."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import polars as pl

from hygge.core.chunk import InFile
from hygge.core.errors import ConnectError, DataError
from hygge.core.sift import Misfit, Policy, Sifted, Unheld, hold
from hygge.core.standing import Standing
from hygge.run.shape import Shape


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of values that do not fit; it pickles.

    Parameters
    ----------
    policy: see `core.sift.Policy`.
    folder: where rows are set aside; needed for `quarantine`.
    """

    policy: Policy = "fail"
    folder: Path | None = None


FAIL = Rules()
"""A value that does not fit stops the load."""


class Sieve:
    """One chunk's batches, in order. Used by one thread.

    Parameters
    ----------
    shape: what happens to each batch.
    rules: what becomes of values that do not fit.
    unheld: which values the destination cannot hold, beside; None for none that would be known.
    entity: the name used in errors.
    name: of the file of rows set aside, without its ending: run and chunk.
    """

    def __init__(
        self, shape: Shape, rules: Rules = FAIL, *, entity: str, name: str = "rows",
        unheld: Unheld | None = None,
    ) -> None:  # fmt: skip
        self._shape, self._rules, self._entity, self._name = shape, rules, entity, name
        # Under `fail` the destination refuses them itself, without a further look at each.
        self._unheld = None if rules.policy == "fail" else unheld
        self._offset, self._standing = 0, Standing()
        self._file: IO[str] | None = None
        self.nulled: Counter[str] = Counter()
        """Values that became NULL, by the destination's column."""
        self.aside = 0
        """Rows that were set aside."""

    def apply(self, batch: pl.DataFrame, at: InFile | None = None) -> pl.DataFrame:
        """A batch as it is to be written, and where it stands. Raises what `core.sift.sift` raises;
        a file's row is named as it stands there."""
        self._standing.began(at)
        try:
            shaped = self._sifted(batch)
        except DataError as error:
            self._standing.tell(error)
            raise
        self._standing.ended(batch.height, (misfit.at for misfit in shaped.aside))
        self._offset += batch.height
        self.nulled.update(shaped.nulled)
        if shaped.aside:
            self.aside += len(shaped.aside)
            self._keep(shaped.aside)
        return shaped.kept

    def tell(self, error: DataError) -> None:
        """Have an error of what `apply` gave name its row as it was read."""
        self._standing.tell(error, kept=True)

    def _sifted(self, batch: pl.DataFrame) -> Sifted:
        shaped = self._shape.sift(
            batch, self._rules.policy, entity=self._entity, offset=self._offset
        )
        if self._unheld is not None:
            shaped = hold(
                shaped, self._shape.target, self._rules.policy, self._unheld,
                entity=self._entity, offset=self._offset,
            )  # fmt: skip
        return shaped

    @property
    def _path(self) -> Path:
        assert self._rules.folder is not None  # only `quarantine` sets rows aside
        return self._rules.folder / f"{self._name}.ndjson"

    def _keep(self, misfits: tuple[Misfit, ...]) -> None:
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8")
            for misfit in misfits:
                told = asdict(misfit)
                told["row"] = self._standing.name(misfit.row, told.pop("at"))
                self._file.write(json.dumps(told, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._unkept(error) from None

    def _unkept(self, error: OSError) -> ConnectError:
        return ConnectError(
            f"{self._entity}: rows could not be set aside in {self._path}: {error.strerror}",
            hint="free some space or mend the rights of that folder",
        )

    def close(self) -> None:
        """Finish the file of rows set aside, durably: the load that leaves them out will be. Safe
        more than once."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with file:
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unkept(error) from None

    def discard(self) -> None:
        """Remove that file: the load it belongs to was not published. Safe more than once."""
        if self._file is not None or self.aside:
            with suppress(ConnectError):
                self.close()
            self._path.unlink(missing_ok=True)


def forget(rules: Rules, run_id: str) -> None:
    """Remove what a run set aside for a load that was not published after all."""
    if rules.folder is not None:
        for path in rules.folder.glob(f"{run_id}-*.ndjson"):
            path.unlink(missing_ok=True)


def told(nulled: Mapping[str, int], aside: int, folder: Path | None) -> list[str]:
    """What a person should know of values that did not fit."""
    notes = [
        f"{count:,} value{'s' if count > 1 else ''} of '{column}' did not fit and "
        f"{'are' if count > 1 else 'is'} NULL now"
        for column, count in sorted(nulled.items())
    ]
    if aside:
        notes.append(
            f"{aside:,} row{'s' if aside > 1 else ''} did not fit and "
            f"{'were' if aside > 1 else 'was'} set aside in {folder}"
        )
    return notes
