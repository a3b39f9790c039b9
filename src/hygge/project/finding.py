"""Where a project is, and what its variables hold."""

from __future__ import annotations

from pathlib import Path

from hygge.core.errors import ConfigError, Location, Problem

FILES = ("hygge.yml", "hygge.yaml")


def find_project(start: Path | None = None) -> Path:
    """The nearest folder with a `hygge.yml` (or `.yaml`), from `start` upwards.

    Parameters
    ----------
    start: a folder, or a file in it; None is the current folder.

    Raises ConfigError where there is none.
    """
    folder = (start or Path.cwd()).absolute()
    for candidate in (folder, *folder.parents):
        if project_file(candidate) is not None:
            return candidate
    raise ConfigError(
        f"there is no hygge.yml in {folder} or any folder above it",
        hint="`hygge init my-project` makes one; or go to the project's folder",
    )


def project_file(folder: Path) -> Path | None:
    """A folder's project file; None where it has none. Raises ConfigError where it has two."""
    return _one_of(folder, FILES)


def flow_file(folder: Path) -> Path | None:
    """A flow folder's file; None where it has none. Raises ConfigError where it has two."""
    return _one_of(folder, ("flow.yml", "flow.yaml"))


def _one_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) > 1:
        message = f"{found[0].name} and {found[1].name} lie side by side"
        raise ConfigError(problems=[Problem(message, Location(str(found[1])), "keep one of them")])
    return found[0] if found else None


def yaml_files(folder: Path) -> list[Path]:
    """A folder's YAML files by name, hidden ones left out."""
    return sorted(
        path
        for path in folder.glob("*.y*ml")
        if path.suffix in (".yml", ".yaml") and not path.name.startswith(".")
    )


def load_dotenv(root: Path) -> list[Problem]:
    """Put the variables of `.env` into the environment; what is set there already stays."""
    path = root / ".env"
    if not path.is_file():
        return []
    import logging

    import dotenv
    from dotenv.parser import parse_stream

    # What it would log of a line it cannot read is a problem here.
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            unread = [b.original.line for b in parse_stream(stream) if b.error]
        dotenv.load_dotenv(path, override=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        return [Problem(f"this file cannot be read: {error}", Location(str(path)))]
    return [
        Problem(
            "this line is left out: it is no `NAME=value`",
            Location(str(path), line, 1),
            "write NAME=value, and close every quotation mark",
            "warning",
        )
        for line in unread
    ]
