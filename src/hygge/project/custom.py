"""A project's own connectors: `homes/*.py` and `stores/*.py` beside its file.

They are imported as modules of the package `hygge_project`, so that they can import each other
(`from hygge_project.homes._shared import ...`); files that begin with `_` are left to be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from hygge.core import registry
from hygge.core.errors import HyggeError, Location, Problem
from hygge.core.secrets import redact

PACKAGE = "hygge_project"
FOLDERS: dict[str, registry.Role] = {"homes": "home", "stores": "store"}


def import_custom(root: Path) -> list[Problem]:
    """Import a project's own connectors, so that `type:` finds them.

    A file that has not changed since it was imported is not run again. What a file raises is a
    problem at the line that raised it.
    """
    files = [
        (file, folder)
        for folder in FOLDERS
        if (root / folder).is_dir()
        for file in sorted((root / folder).glob("*.py"))
        if not file.name.startswith(("_", "."))
    ]
    if not files:
        return []
    _enter(root)
    problems = []
    for file, folder in files:
        problem = _import(file, f"{PACKAGE}.{folder}.{file.stem}", FOLDERS[folder])
        if problem is not None:
            problems.append(problem)
    return problems


def _enter(root: Path) -> None:
    """Make `hygge_project` the package of this root, forgetting another's modules."""
    package = sys.modules.get(PACKAGE)
    if package is not None and list(package.__path__) == [str(root)]:
        return
    for name in [n for n in sys.modules if n.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    package = ModuleType(PACKAGE, "The open project's own connectors.")
    package.__path__ = [str(root)]
    sys.modules[PACKAGE] = package
    importlib.invalidate_caches()


def _import(file: Path, name: str, role: registry.Role) -> Problem | None:
    stamp = _stamp(file)
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__hygge_stamp__", None) == stamp:
        _register_again(module, role)
        return None
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        return Problem("this file cannot be imported", Location(str(file)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a project's own code raises
        sys.modules.pop(name, None)
        return _problem(error, file)
    module.__dict__["__hygge_stamp__"] = stamp
    return None


def _stamp(file: Path) -> tuple[str, int, int]:
    status = file.stat()
    return str(file), status.st_mtime_ns, status.st_size


def _register_again(module: ModuleType, role: registry.Role) -> None:
    """Another project may have taken a type name in the meantime."""
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            name = getattr(value, "type", None)
            if isinstance(name, str) and name and hasattr(value, "from_config"):
                registry.register(role, name, value)


def _problem(error: BaseException, file: Path) -> Problem:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        at = Location(str(file), error.lineno or 0, error.offset or 1)
        return Problem(f"this is not Python: {error.msg}", at)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    at = Location(str(file), lines[-1].lineno or 0, 1) if lines else Location(str(file))
    if isinstance(error, HyggeError):
        return Problem(redact(error.message), at, error.hint)
    hint = None
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"install what brings '{error.name}' beside hygge, or mend the import"
    said = f": {error}" if str(error) else ""
    return Problem(redact(f"importing this file failed: {type(error).__name__}{said}"), at, hint)
