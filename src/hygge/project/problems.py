"""Gathers problems, once each, and gives pydantic's errors their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hygge.core.errors import ConfigError, HyggeError, Location, Problem
from hygge.core.secrets import redact
from hygge.core.settings import problem_of
from hygge.project.levels import belongs
from hygge.project.nodes import Node, find

M = TypeVar("M", bound=BaseModel)


class Problems:
    """Problems found so far; the same one is kept once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._wrong: set[Location] = set()

    def add(self, problem: Problem) -> None:
        self._found[problem] = None
        if problem.severity == "error" and problem.location is not None:
            self._wrong.add(problem.location)

    def extend(self, problems: list[Problem]) -> None:
        for problem in problems:
            self.add(problem)

    def error(self, message: str, at: Location, hint: str | None = None) -> None:
        self.add(Problem(message, at, hint))

    def warn(self, message: str, at: Location, hint: str | None = None) -> None:
        self.add(Problem(message, at, hint, "warning"))

    def raised(self, error: HyggeError, at: Location, prefix: str = "") -> None:
        """Take over what was raised; problems of its own without a place are at `at`."""
        inner = error.problems if isinstance(error, ConfigError) else ()
        for p in inner:
            self.add(Problem(prefix + p.message, p.location or at, p.hint, p.severity))
        if not inner:
            self.error(redact(prefix + error.message), at, error.hint)

    def wrong_at(self, at: Location) -> bool:
        """Whether an error has been found at a place: what follows from it need not be told."""
        return at in self._wrong

    @property
    def sorted(self) -> tuple[Problem, ...]:
        return tuple(sorted(self._found, key=lambda p: p.sort_key))

    def __len__(self) -> int:
        return len(self._found)


def validated(
    model: type[M],
    values: Mapping[str, Any],
    node: Node,
    problems: Problems,
    *,
    about: str = "",
    partial: bool = False,
    within: str = "",
) -> M | None:
    """The model of some values; None, and problems at the places of `node`, where they are wrong.

    Parameters
    ----------
    model: what the values must be.
    values: plain values, with variables and names filled in.
    node: the same values as they were written.
    problems: takes what is wrong, but not twice at one place.
    about: what the model is, for messages that have no path, e.g. "a home of type 'sqlite'".
    partial: whether it is one layer of several, so that what is missing may stand in another.
    within: `home` or `store`, where the values are those of such a mapping.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if partial and detail["type"] == "missing":
                continue
            found = find(node, detail["loc"])
            at = found.where
            if detail["type"] == "extra_forbidden" and found.key is not None:
                at = found.key
                if problems.wrong_at(at):
                    continue
            elif problems.wrong_at(at) and detail["type"] != "missing":
                continue
            problem = problem_of(detail, model)
            message = problem.message
            if about and detail["type"] == "missing":
                message = f"{message}: {about} needs it"
            elif about and not detail["loc"]:
                message = f"{about}: {message}"
            hint = problem.hint
            if detail["type"] == "extra_forbidden":  # an exact name is meant, a near one may be
                hint = belongs(model, detail["loc"], node, within) or hint
            problems.error(message, at, hint)
        return None
