"""Comparing keys: all that the source has now, brought to a load that looks for what is gone."""

from __future__ import annotations

from dataclasses import replace

from hygge.core.chunk import WHOLE
from hygge.core.context import Context
from hygge.core.errors import VerifyError
from hygge.core.load import Load
from hygge.core.reading import HomeSession
from hygge.run.chunks import Split
from hygge.run.plan import Plan
from hygge.run.pump import Meter, pump
from hygge.run.shape import Shape
from hygge.run.sieve import Sieve


def read_keys(
    plan: Plan, reading: HomeSession, load: Load, shape: Shape, split: Split, context: Context
) -> None:
    """Bring the keys of all rows that the source has, window or not; or of those that it tells to
    be gone.

    They are read when the rows have been. A row that was read and went before its key was is
    brought in by this load all the same, and found gone when keys are next compared.

    Raises VerifyError where keys counted, read and staged are not as many.
    """
    keys, meter = shape.of_keys(), Meter()
    request = replace(split.request, columns=keys.columns, lenient=False)
    told = load.request.terms.deletes is not None and load.request.terms.deletes.told
    if not told:
        request = replace(request, window=None)
    pumped = pump(
        reading, load.key_writer(), Sieve(keys, entity=plan.full_name), request,
        reading.gone(request) if told else WHOLE,
        entity=plan.full_name, cancel=context.cancel, meter=meter,
    )  # fmt: skip
    read, staged = meter.rows_read, load.staged_keys()
    if not read == pumped.receipt.rows == staged or pumped.rows_source not in (None, read):
        counted = "" if pumped.rows_source is None else f"the source counts {pumped.rows_source}, "
        raise VerifyError(
            f"{plan.full_name}: of its keys, {counted}{read} were read, {pumped.receipt.rows} "
            f"written and {staged} lie staged; nothing was published",
            hint="run it again; if it stays so, the source changes while it is read",
        )
    said = "rows are told to be gone" if told else "keys were compared with the destination's"
    context.note(f"{read:,} {said}", "info")
