"""`hygge init`: a new project, with a flow that moves something at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hygge.cli.console import bold, dim, say
from hygge.cli.failure import OK
from hygge.core.errors import ConfigError

SCHEMAS = Path(".hygge", "schema")
KINDS: tuple[Literal["project", "flow", "entity"], ...] = ("project", "flow", "entity")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_PROJECT = """\
# yaml-language-server: $schema=.hygge/schema/project.json
name: "{name}"
{flows_dir}
# Named access to databases, used in a flow as `connection: shop`. Texts like ${{VAR}} come from
# the environment or from .env, and are never shown.
#
# connections:
#   shop:
#     type: sqlite
#     path: shop.db

# Values that differ between places, used as {{env.lake}} and chosen by `hygge go --env prod`.
#
# environments:
#   dev:  {{lake: data/lake}}
#   prod: {{lake: /srv/lake}}
"""

_FLOW = """\
# yaml-language-server: $schema={up}.hygge/schema/flow.json
name: "example_flow"
home:
  type: "parquet"
  path: "data/source"
store:
  type: "parquet"
  path: "data/destination"

defaults:
  key_column: "id"
  batch_size: 10000
"""

_USERS = """\
# yaml-language-server: $schema={up}.hygge/schema/entity.json
name: "users"
columns:
  - id
  - name
  - email
  - created_at
"""

_PRODUCTS = """\
# yaml-language-server: $schema={up}.hygge/schema/entity.json
# Without `columns`, all are moved.
name: "products"
tags: [nightly]
"""

_ORDERS = """\
# yaml-language-server: $schema={up}.hygge/schema/entity.json
# Only what is new: rows at or past the highest id of the last run.
name: "orders"
mode: merge
incremental:
  column: id
tags: [nightly]
"""

_ITEMS = """\
# yaml-language-server: $schema={up}.hygge/schema/entity.json
name: "order_items"
key_column: [order_id, line]
rename:
  price: unit_price
"""

_IGNORE = """\
.hygge/*
!.hygge/schema/
.env
data/destination/
"""


def init(*, name: str, flows_dir: str, force: bool) -> int:
    """Write a project.

    Parameters
    ----------
    name: of the project and of its folder; `.` for the current folder.
    flows_dir: the folder of flows, below the project's.
    force: write the project's own files anew where they exist.

    Raises ConfigError, before anything is written, for a bad name or a file that is there already.
    """
    root, called = _root(name)
    _check_flows_dir(flows_dir)
    files = _files(called, flows_dir)
    _refuse_to_overwrite(root, [*files, *_samples()], force)
    texts = {path: text() for path, text in files.items()}
    for path, text in texts.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    from hygge.cli.sample import write_parquet

    samples = [p.relative_to(root) for p in write_parquet(root / "data" / "source")]
    say(f"{bold(called)} is ready:\n")
    for path in sorted([*files, *samples], key=lambda p: (len(p.parts) > 1, p.as_posix())):
        say(f"  {path.as_posix() if name == '.' else (Path(name) / path).as_posix()}")
    say("\nNext:\n")
    if name != ".":
        say(f"  cd {name}")
    say(f"  hygge go       {dim('# move the sample data')}")
    say(f"  hygge debug    {dim('# check the configuration, source and destination')}")
    return OK


def _root(name: str) -> tuple[Path, str]:
    if name == ".":
        here = Path.cwd()
        return here, here.name if _NAME.fullmatch(here.name) else "my-project"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' cannot be a project's name",
            hint="use letters, digits, `-`, `_` and `.`, beginning with a letter or digit; "
            "the folder is made in the current one",
        )
    root = Path.cwd() / name
    if root.exists() and not root.is_dir():
        raise ConfigError(
            f"'{name}' is there already, and is no folder", hint="choose another name"
        )
    return root, name


def _check_flows_dir(flows_dir: str) -> None:
    path = Path(flows_dir)
    parts_ok = all(_NAME.fullmatch(part) for part in path.parts)
    if path.is_absolute() or not path.parts or not parts_ok or path.parts[0] == "data":
        raise ConfigError(
            f"--flows-dir: '{flows_dir}' cannot be the flows' folder",
            hint="give a folder below the project's, e.g. pipelines",
        )


def _files(name: str, flows_dir: str) -> dict[Path, Callable[[], str]]:
    flow = Path(flows_dir) / "example_flow"
    up, further = "../" * len(flow.parts), "../" * (len(flow.parts) + 1)
    setting = f'flows_dir: "{flows_dir}"\n' if flows_dir != "flows" else ""
    entities = {"users": _USERS, "products": _PRODUCTS, "orders": _ORDERS, "order_items": _ITEMS}
    return {
        Path("hygge.yml"): lambda: _PROJECT.format(name=name, flows_dir=setting),
        Path(".gitignore"): lambda: _IGNORE,
        **{SCHEMAS / f"{kind}.json": _schema(kind) for kind in KINDS},
        flow / "flow.yml": lambda: _FLOW.format(up=up),
        **{
            flow / "entities" / f"{entity}.yml": _filled(text, further)
            for entity, text in entities.items()
        },
    }


def _filled(text: str, up: str) -> Callable[[], str]:
    return lambda: text.format(up=up)


def _samples() -> list[Path]:
    names = ("users", "products", "orders", "order_items")
    return [Path("data", "source", f"{name}.parquet") for name in names]


def _refuse_to_overwrite(root: Path, paths: list[Path], force: bool) -> None:
    there = [p.as_posix() for p in paths if (root / p).exists()]
    if there and not force:
        raise ConfigError(
            f"{root.name} holds {', '.join(there[:3])}{' ...' if len(there) > 3 else ''} already; "
            "nothing was written",
            hint="--force writes these files anew and leaves all others alone",
        )


def _schema(kind: Literal["project", "flow", "entity"]) -> Callable[[], str]:
    return lambda: schema_text(kind)


def schema_text(kind: Literal["project", "flow", "entity"]) -> str:
    """The JSON Schema of one kind of YAML file."""
    from hygge.project import json_schema

    return json.dumps(json_schema(kind), indent=1, ensure_ascii=False) + "\n"
