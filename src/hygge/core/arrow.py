"""Arrow's own casts."""

from __future__ import annotations

from typing import Any


def cast(values: Any, wanted: Any) -> Any:
    """An array in another type, every value exactly, as `pyarrow.Array.cast` gives it.

    Parameters
    ----------
    values: pyarrow's array, or what its functions take for one.
    wanted: pyarrow's type.

    Raises pa.ArrowInvalid for a value that the type does not hold, and pa.ArrowNotImplementedError
    where there is no such cast.
    """
    # What `pyarrow.compute` calls, without the tenth of a start-up that importing it takes.
    from pyarrow._compute import CastOptions, call_function

    return call_function("cast", [values], CastOptions.safe(wanted))
