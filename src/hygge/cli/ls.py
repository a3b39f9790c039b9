"""`hygge ls`: what the project moves, and where each setting came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hygge.cli.console import bold, dim, raw, say
from hygge.cli.failure import OK
from hygge.cli.text import columns
from hygge.core.context import Context
from hygge.project import EntitySpec, expand_tables, load_project


def ls(config: Path | None, *, env: str | None, output: str, verbose: bool) -> int:
    """Print the entities, those of `tables:` included, which are looked up at the source."""
    project = load_project(config_path=config, env=env)
    project.check()
    specs = [spec for flow in project.flows for spec in expand_tables(flow, Context())]
    if output == "json":
        entities = [_plain(spec, verbose=verbose) for spec in specs]
        raw(json.dumps(entities, indent=2, ensure_ascii=False))
        return OK
    if not specs:
        patterns = [", ".join(flow.tables) for flow in project.flows if flow.tables]
        why, hint = " yet", f"add a flow under {project.flows_dir.name}/"
        if patterns:
            why = f": no table matches {', '.join(patterns)}"
            hint = "`hygge discover` shows the tables"
        say(f"{project.name} moves nothing{why}.")
        say(f"  {dim('hint:')} {hint}")
        return OK
    head = tuple(dim(text) for text in ("entity", "mode", "from", "to", "tags"))
    say(columns([head, *(_row(spec) for spec in specs)], indent=""))
    if verbose:
        for spec in specs:
            say(f"\n{bold(spec.full_name)}  {dim(str(spec.location))}")
            say(columns([(dim(k), v, dim(str(p))) for k, v, p in _origins(spec)]))
    return OK


def _mode(spec: EntitySpec) -> str:
    return spec.settings.mode or spec.store.modes[0]


def _row(spec: EntitySpec) -> tuple[str, ...]:
    tags = ", ".join(spec.tags) + ("" if spec.enabled else "  (disabled)")
    return (spec.full_name, _mode(spec), spec.home.place(), spec.store.place(), tags.strip())


def _plain(spec: EntitySpec, *, verbose: bool) -> dict[str, Any]:
    by = spec.settings.incremental
    plain: dict[str, Any] = {
        "entity": spec.full_name, "flow": spec.flow, "name": spec.name, "enabled": spec.enabled,
        "tags": list(spec.tags), "mode": _mode(spec),
        "from": {"type": spec.home.type, "place": spec.home.place()},
        "to": {"type": spec.store.type, "place": spec.store.place()},
        "key_column": list(spec.settings.keys), "incremental": by.name if by else None,
        "location": str(spec.location),
    }  # fmt: skip
    if verbose:
        plain["settings"] = {
            name: {"value": value, "location": str(place)} for name, value, place in _origins(spec)
        }
    safe: dict[str, Any] = _safe(plain)
    return safe


def _safe(value: Any) -> Any:
    from hygge.core.secrets import redact

    if isinstance(value, dict):
        return {k: _safe(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_safe(v) for v in value]
    return redact(value) if isinstance(value, str) else value


def _origins(spec: EntitySpec) -> list[tuple[str, str, Any]]:
    """Each setting that is written somewhere: its dotted path, its value, its place."""
    return [(path, _value(spec, path), place) for path, place in sorted(spec.provenance.items())]


def _value(spec: EntitySpec, path: str) -> str:
    """What a dotted path came to; secrets print as themselves: masked."""
    start, _, rest = path.partition(".")
    at: Any = {"home": spec.home.config, "store": spec.store.config}.get(start, spec.settings)
    for name in (rest if start in ("home", "store") else path).split("."):
        at = at.get(name) if isinstance(at, dict) else getattr(at, name, None)
    if isinstance(at, tuple | list):
        return ", ".join(str(v) for v in at)
    return "" if at is None else str(at)
