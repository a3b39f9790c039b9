"""A terminal's screen, as far as hygge draws on one: enough to see what a person would see."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(?P<args>[0-9;?]*)(?P<what>[A-Za-z])|(?P<char>.)", re.DOTALL)


class Screen:
    """Lines of text under a cursor. Raises ValueError for a sequence it does not know.

    Nothing scrolls away: `lines` is all that was ever left standing.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines = [""]
        self.cursor_hidden = False
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Take what a program wrote."""
        for token in _TOKEN.finditer(text):
            if token["char"] is not None:
                self._put(token["char"])
            else:
                self._do(token["args"], token["what"])

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        else:
            if self._column == self.width:  # a terminal wraps when the next character comes
                self._column = 0
                self._put("\n")
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + char + line[self._column + 1 :]
            self._column += 1

    def _do(self, args: str, what: str) -> None:
        number = int(args) if args.isdigit() else 1
        if what == "A":
            self._row = max(0, self._row - number)
        elif what == "K" and args == "2":
            self.lines[self._row] = ""
        elif what in "lh" and args == "?25":
            self.cursor_hidden = what == "l"
        elif what != "m":
            raise ValueError(f"an unknown sequence: {args!r} {what!r}")

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip()
