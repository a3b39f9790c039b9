"""Checks of Homes: chunks read by several sessions, and what tells that a chunk has not changed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import polars as pl

from hygge.core.chunk import ReadRequest
from hygge.core.context import Context
from hygge.testing._home_base import AnyHomeContract, read_session, some_rows
from hygge.testing.quirks import skip


class ChunksContract(AnyHomeContract):
    """How chunks are read side by side, and proved."""

    def test_sessions_beside_one_read_its_chunks(self) -> None:
        """As many as it gives, perhaps none, and in its snapshot if it shares that."""
        frame = some_rows(500)
        home, context = self.of(frame), Context()
        request = ReadRequest(batch_rows=20)
        with ExitStack() as held:
            own = held.enter_context(home.open(context))
            chunks = own.split(request, 3)
            request = replace(request, snapshot=own.share())
            others = home.beside(own, 2, context)
            assert len(others) <= 2
            sessions = [own, *(held.enter_context(other) for other in others)]
            pieces = [
                read_session(sessions[at % len(sessions)], request, chunk)
                for at, chunk in enumerate(chunks)
            ]
            assert all(session.consistency for session in sessions)
        self.check_rows(pl.concat(pieces), frame)

    def test_fingerprints_of_chunks(self) -> None:
        """The same in every session as long as nothing changes, and each chunk's its own."""
        home, request = self.of(some_rows(500)), ReadRequest(batch_rows=20)
        with home.open(Context()) as one, home.open(Context()) as two:
            chunks = one.split(request, 3)
            found = [one.fingerprint(request, chunk) for chunk in chunks]
            assert [two.fingerprint(request, chunk) for chunk in chunks] == found
            if None in found:
                assert set(found) == {None}
                skip("this Home cannot tell whether rows have changed")
            assert len(set(found)) == len(chunks)
            # It does not matter what was asked or read before.
            for chunk, digest in zip(reversed(chunks), reversed(found), strict=True):
                rows = read_session(two, request, chunk)
                assert two.count(request, chunk) in (rows.height, None)
                assert two.fingerprint(request, chunk) == digest
