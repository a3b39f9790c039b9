"""Writes the generated parts of the reference pages, from the code that they describe.

    python scripts/docs.py           write them anew
    python scripts/docs.py --check   leave with 1 where one is not up to date

A part stands between `<!-- generated: WHAT -->` and `<!-- end -->` in docs/**/*.md and README.md;
what is around it is written by hand. WHAT is a function below and its arguments.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml

import hygge
from hygge.core import errors, registry
from hygge.core.terms import ABILITIES

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: (?P<what>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)
ROLES: tuple[registry.Role, ...] = ("home", "store", "connection")


def main(arguments: Sequence[str]) -> int:
    """Write or check every page; returns the exit code."""
    check = "--check" in arguments
    stale = 0
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        before = page.read_text(encoding="utf-8")
        after = PART.sub(lambda m: m[1] + written(m["what"]) + m[3], before)
        if before == after:
            continue
        stale += 1
        name = page.relative_to(ROOT)
        if not check:
            page.write_text(after, encoding="utf-8")
            print(f"wrote {name}")
            continue
        lines = (before.splitlines(), after.splitlines())
        print("\n".join(difflib.unified_diff(*lines, str(name), "as it should be", lineterm="")))
    missing = without_page(pages)
    for text in missing:
        print(text)
    if check and stale:
        print(f"\n{stale} page(s) are not up to date; `make docs` writes them anew.")
    return 1 if missing or (check and stale) else 0


def without_page(pages: Iterable[Path]) -> list[str]:
    """What has no place in the docs: connectors and commands."""
    told = {m["what"] for page in pages for m in PART.finditer(page.read_text(encoding="utf-8"))}
    wanted = [f"{role} {name}" for role in ROLES for name in registry.names(role)]
    wanted += [f"command {name}" for name in app().commands]
    return [f"no page has <!-- generated: {what} -->" for what in wanted if what not in told]


def written(what: str) -> str:
    """One generated part."""
    name, *arguments = what.split()
    return PARTS[name](*arguments).strip("\n") + "\n"


# Settings, from the models that validate them.


def model_of(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def settings(path: str) -> str:
    """A settings model, `module:Class`, as a table."""
    return settings_table(model_of(path))


def added(path: str, base: str) -> str:
    """The settings a model has beside those of another."""
    return settings_table(model_of(path), without=set(model_of(base).model_fields))


def settings_table(model: Any, without: Iterable[str] = ()) -> str:
    schema = model.model_json_schema(by_alias=False)
    # A model's own settings before those that every one of its sort has.
    order = [n for cls in model.__mro__ for n in vars(cls).get("__annotations__", {})]
    names = [
        n
        for n in dict.fromkeys(order)
        if n in model.model_fields and n not in set(without) and not model.model_fields[n].exclude
    ]
    rows = []
    for name in names:
        about = schema["properties"][name]
        written = model.model_fields[name].alias or name
        rows.append((f"`{written}`", kind_of(about, schema), default_of(name, about, schema),
                     about.get("description", "") + example_of(written, about)))  # fmt: skip
    return table(("setting", "is", "default", "what it says"), rows)


def kind_of(about: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A JSON Schema in words."""
    if "$ref" in about:
        return kind_of(schema["$defs"][about["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in about:
        kinds = [kind_of(one, schema) for one in about["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in about:
        return ", ".join(f"`{v}`" for v in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    kind = about.get("type")
    if kind == "array":
        inner = kind_of(about.get("items", {}), schema)
        return "list of " + {"text": "texts", "mapping": "mappings"}.get(inner, inner)
    words = {"string": "text", "integer": "whole number", "number": "number",
             "boolean": "true or false", "object": "mapping"}  # fmt: skip
    return words.get(str(kind), "any")


def default_of(name: str, about: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "needed"
    value = about.get("default")
    return "" if value in (None, "", [], {}) or name == "type" else f"`{flow(value)}`"


def example_of(name: str, about: Mapping[str, Any]) -> str:
    examples = about.get("examples")
    return f". Example: `{name}: {flow(examples[0])}`" if examples else ""


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1_000, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()


# Connectors.


def home(name: str) -> str:
    cls = registry.lookup("home", name)
    facts = [about(cls), f"Incremental reads: {'yes' if cls.incremental else 'no'}."]
    return "\n\n".join([*facts, settings_table(cls.Config)])


def store(name: str) -> str:
    cls = registry.lookup("store", name)
    facts = [
        about(cls),
        f"Modes: {', '.join(cls.modes)}; `{cls.modes[0]}` unless said otherwise. "
        f"{also(cls)}State is {'' if cls.keeps_state else 'not '}kept with the data.",
    ]
    return "\n\n".join([*facts, settings_table(cls.Config)])


def also(cls: type[Any]) -> str:
    """What a Store heeds beside its modes."""
    told = [text for name, text in ABILITIES.items() if name in cls.abilities]
    return f"It has {', '.join(told)}. " if told else ""


def connection(name: str) -> str:
    cls = registry.lookup("connection", name)
    return "\n\n".join([about(cls), settings_table(cls)])


def about(cls: type[Any]) -> str:
    """A class's docstring as prose."""
    return (inspect.getdoc(cls) or "").partition("\n\nParameters\n")[0].replace("``", "`")


def connectors(*_: str) -> str:
    """All types, with what they can do."""
    rows = []
    for name in sorted({*registry.names("home"), *registry.names("store")}):
        reads = registry.lookup("home", name) if name in registry.names("home") else None
        writes = registry.lookup("store", name) if name in registry.names("store") else None
        rows.append(
            (f"[`{name}`]({connector_page(name)})", f"`{reads.__name__}`" if reads else "",
             ("yes" if reads.incremental else "no") if reads else "",
             f"`{writes.__name__}`" if writes else "",
             ", ".join(writes.modes) if writes else "")
        )  # fmt: skip
    return table(("type", "Home", "incremental", "Store", "modes"), rows)


def connector_page(name: str) -> str:
    return f"docs/connectors/{name}.md"


def connectors_here(*_: str) -> str:
    return connectors().replace("docs/connectors/", "")


def python_names(*_: str) -> str:
    """What can be imported from hygge, but for its errors."""
    kinds = {n: getattr(hygge, n) for n in hygge.__all__ if isinstance(getattr(hygge, n), type)}
    left = {n for n, kind in kinds.items() if not issubclass(kind, Exception)}
    rows = []
    for base, what in ((hygge.Home, "sources"), (hygge.Store, "destinations")):
        names = sorted(n for n in left if issubclass(kinds[n], base) and kinds[n] is not base)
        left -= {*names}
        rows.append((", ".join(f"`{n}`" for n in names), what))
    for what, *names in (
        ("running", "Flow", "Coordinator", "RunOptions"),
        ("for [your own connectors](writing-a-connector.md)", "Home", "Store", "HomeConfig",
         "StoreConfig", "Field", "Schema"),
    ):  # fmt: skip
        left -= {*names}
        rows.append((", ".join(f"`{n}`" for n in names), what))
    assert not left, f"these have no place in the table of docs/python.md: {left}"
    return table(("name", "what it is"), rows)


# Types.


def logical_types(*_: str) -> str:
    from hygge.core.fields import parse_type

    samples = (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float32", "float64", "decimal(10,2)", "date", "time", "timestamp", "timestamp(ms)",
        "timestamp(us, UTC)", "duration(us)", "string", "string(80)", "binary", "json", "uuid",
        "list(int64)", "struct(id: int64, name: string)", "null",
    )  # fmt: skip
    rows = [(f"`{text}`", f"`{parse_type(text).physical}`") for text in samples]
    return table(("type", "as Polars carries it"), rows)


def types(dialect: str) -> str:
    """A dialect's reviewed type table."""
    module = import_module(f"hygge.sql.{dialect}.types")
    rows = [
        (", ".join(f"`{n}`" for n in rule.native), rule.logical, rule.stored, rule.loss)
        for rule in module.TYPE_TABLE
    ]
    return table(("declared as", "is read as", "and lies as", "loss, or condition"), rows)


def carried(path: str) -> str:
    """A table format's reviewed type table: how logical types lie in it."""
    rows = [
        (rule.shown or ", ".join(f"{k}" for k in rule.kinds), f"`{rule.native}`", rule.note)
        for rule in model_of(path)
    ]
    return table(("type", "lies as", "what is to be known"), rows)


# The command line.


def app() -> click.Group:
    from hygge.cli.app import app as group

    return group


def commands(*_: str) -> str:
    rows = [
        (f"[`hygge {name}`](#hygge-{name})", first_sentence(command.help))
        for name, command in app().commands.items()
    ]
    return table(("command", "what it does"), rows)


def first_sentence(text: str | None) -> str:
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")


def command(name: str) -> str:
    """A command's page: usage, what it does, arguments and options."""
    found = app().commands[name]
    context = click.Context(found, info_name=f"hygge {name}")
    usage = found.get_usage(context).removeprefix("Usage: ").replace("\n", " ")
    usage = re.sub(r"\s+", " ", usage)
    prose, *more = inspect.cleandoc(found.help or "").split("\n\n")
    parts = [prose.replace("\n", " "), f"```\n{usage}\n```"]
    parts += [f"```\n{text.removeprefix(chr(8)).strip(chr(10))}\n```" for text in more]
    return "\n\n".join([*parts, options_table(found, context)])


def options(*_: str) -> str:
    """The options that come before a command's name."""
    group = app()
    return options_table(group, click.Context(group, info_name="hygge"))


def options_table(found: click.Command, context: click.Context) -> str:
    rows = []
    for parameter in found.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in record[0]:
            rows.append((f"`{record[0]}`", record[1].replace("  [", " [")))
    return table(("option", "what it does"), rows)


# Errors and steps.


def error_tree(*_: str) -> str:
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip("\n")
    return f"```\n{tree}\n```"


def steps(path: str, name: str = "STEPS") -> str:
    """A commit protocol's named steps, in order."""
    return " -> ".join(f"`{step}`" for step in getattr(import_module(path), name))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ([c.replace("|", "\\|").replace("\n", " ") for c in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


PARTS: dict[str, Callable[..., str]] = {
    "settings": settings, "added": added, "home": home, "store": store, "connection": connection,
    "connectors": connectors, "connectors-here": connectors_here, "logical-types": logical_types,
    "types": types, "carried": carried, "commands": commands, "command": command,
    "python-names": python_names,
    "options": options, "error-tree": error_tree, "steps": steps,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
