"""Declared gaps: what a connector does otherwise, each with its reason.

`lossy` names what arrives altered, `never` what cannot be, `not_yet` what is to come. The keys are
names of checks (`split`), of types (`decimal(38,0)`), or both (`values[decimal(38,0)]`). Each is
run nevertheless and must fail: a quirk that no longer holds fails the suite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hygge.testing.corpus import CASES


class Quirks:
    """Base of the suites.

    Parameters
    ----------
    lossy, never, not_yet: check, type or `check[type]` to the reason.
    becomes: a type to the one that the connector's side has instead, where that carries every
        value exactly: `{"int8": "int64"}`.
    folder: a folder of each test's own, as pathlib.Path.
    """

    lossy: ClassVar[Mapping[str, str]] = {}
    never: ClassVar[Mapping[str, str]] = {}
    not_yet: ClassVar[Mapping[str, str]] = {}
    becomes: ClassVar[Mapping[str, str]] = {}
    folder: Path

    @classmethod
    def quirks(cls) -> Iterator[tuple[str, str]]:
        """Every declared key and its reason."""
        for word in ("lossy", "never", "not_yet"):
            for key, reason in getattr(cls, word).items():
                yield key, f"{word.replace('_', ' ')}: {reason}"

    @pytest.fixture(autouse=True)
    def _quirks(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = tmp_path
        monkeypatch.chdir(tmp_path)  # where relative paths start, bound or not
        for key, reason in self.quirks():
            if key in _keys(request.node):
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def test_quirks_name_checks_and_types(self) -> None:
        """A quirk that names nothing would silently hide nothing."""
        checks = {n.removeprefix("test_") for n in dir(self) if n.startswith("test_")}
        types = {case.name for case in CASES}
        for key, reason in self.quirks():
            check, _, inside = key.partition("[")
            known = key in types or key in checks or (check in checks and inside.endswith("]"))
            assert known, f"the quirk '{key}' names neither a check nor a type"
            assert reason.partition(": ")[2], f"the quirk '{key}' needs a reason"
        assert set(self.becomes) <= types


def _keys(node: Any) -> set[str]:
    """What a quirk may call a test: its check, its type, or both."""
    check = node.originalname.removeprefix("test_")
    inside = node.callspec.id if hasattr(node, "callspec") else ""
    return {check, inside, f"{check}[{inside}]"} - {""}


def skip(reason: str) -> None:
    """Leave a check out that does not apply, as the connector itself says."""
    pytest.skip(reason)


by_type = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
"""Runs a check for every case of the corpus."""
