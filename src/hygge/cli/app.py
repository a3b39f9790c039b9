"""The command line's arguments, and nothing else: each verb is a file of its own, loaded when used.

Exit codes: 0 all well; 1 a flow failed; 2 bad usage or configuration; 3 the deadline was reached
with the rest untouched; 130 and 143 stopped by SIGINT or SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from hygge.cli.failure import guarded

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


class InOrder(click.Group):
    """Lists its verbs in the order in which they are written here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _names(ctx: click.Context, parameter: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Repeated and comma-separated names as one tuple."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def names(*flags: str, metavar: str, help: str) -> Callable[[F], F]:
    return click.option(*flags, multiple=True, callback=_names, metavar=metavar, help=help)


def _show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"hygge {version('hygge')}")
        ctx.exit()


output = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How to print it.",
)  # fmt: skip
verbose = click.option("-v", "--verbose", is_flag=True, help="Say more; on an error, everything.")
environment = click.option("--env", metavar="NAME", help="The environment whose values hold.")


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="Exit codes: 0 all well, 1 a flow failed, 2 bad usage or configuration, 3 the deadline "
    "was reached, 130 or 143 stopped by a signal.",
)
@click.option(
    "--config", type=FOLDER, metavar="PATH",
    help="A hygge.yml, its folder, or one file with `flows:`. By default the project that the "
    "current folder is in.",
)  # fmt: skip
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Print the version and leave.",
)  # fmt: skip
@click.pass_context
def app(ctx: click.Context, config: Path | None) -> None:
    """Move tables, comfortably: from where they live to where you want them, and prove it."""
    ctx.obj = config


@app.command()
@click.argument("name")
@click.option(
    "--flows-dir", default="flows", show_default=True, metavar="DIR", help="The flows' folder."
)
@click.option("--force", is_flag=True, help="Write its files anew where they exist; no others.")
def init(**given: Any) -> int:
    """Make a project in a new folder, with a little data to move."""
    from hygge.cli.init import init

    return init(**given)


@app.command()
@names("--flow", metavar="NAME", help="Only these flows.")
@names("--entity", metavar="FLOW.ENTITY", help="Only these entities.")
@names("-s", "--select", metavar="PATTERN", help="Only what matches: names, globs, `tag:nightly`.")
@names("-x", "--exclude", metavar="PATTERN", help="All but what matches.")
@click.option("--full-refresh", is_flag=True, help="Forget positions, and replace what is there.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and what stands in the way."
)
@click.option(
    "--connect", is_flag=True,
    help="With --dry-run: ask sources and stores, and show SQL, sizes, fields and differences.",
)  # fmt: skip
@environment
@click.option(
    "--run-date", metavar="YYYY-MM-DD", help="What `{run_date}` becomes. [default: today]"
)
@click.option("--concurrency", type=click.IntRange(1, 256), metavar="N", help="Entities at a time.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more once an entity has failed.")
@click.option(
    "--if-running", type=click.Choice(["skip", "wait", "fail"]), default="skip", show_default=True,
    help="What to do with an entity that another run is moving.",
)  # fmt: skip
@click.option("--max-duration", metavar="3h", help="Start nothing more after this long.")
@click.option("--report", type=FILE, metavar="FILE", help="Write the results there, as JSON.")
@click.option("--retry-failed", is_flag=True, help="Only what did not succeed in the last run.")
@click.option(
    "--from", "from_report", type=FILE, metavar="FILE",
    help="With --retry-failed: in the run of this report.",
)  # fmt: skip
@click.option("--warn-error", is_flag=True, help="Exit with 1 where there are warnings.")
@click.option(
    "--skip-exit-code", type=click.IntRange(0, 255), metavar="N", default=0,
    help="Exit with N where an entity was left out because another run is moving it.",
)  # fmt: skip
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Lines for people, or one JSON object per event.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print only what went wrong.")
@verbose
@click.pass_obj
def go(config: Path | None, /, **given: Any) -> int:
    """Move what the project's flows describe, or a part of it."""
    from hygge.cli.go import go

    return go(config, **given)


@app.command()
@environment
@verbose
@click.pass_obj
def debug(config: Path | None, /, **given: Any) -> int:
    """Check the configuration, and reach every source and store."""
    from hygge.cli.debug import debug

    return debug(config, **given)


@app.command()
@environment
@output
@click.option("-v", "--verbose", is_flag=True, help="Show where each value came from.")
@click.pass_obj
def ls(config: Path | None, /, **given: Any) -> int:
    """List the entities: tags, mode, from where and to where."""
    from hygge.cli.ls import ls

    return ls(config, **given)


@app.command()
@click.argument("connection")
@names("--schema", metavar="NAME", help="Only these schemas, or globs over them.")
@names(
    "--include", metavar="PATTERN", help="Only these tables: globs, as `schema.table` or `table`."
)
@names("--exclude", metavar="PATTERN", help="All tables but these.")
@click.option("--flow", metavar="NAME", help="The flow's name. [default: the connection's]")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--check", is_flag=True, help="The same, and exit with 1 where there is something.")
@click.option(
    "--dbt-sources", is_flag=True,
    help="Print a dbt `sources.yml` for what the flow leaves, and write nothing.",
)  # fmt: skip
@environment
@click.pass_obj
def discover(config: Path | None, /, **given: Any) -> int:
    """Write a flow's files from a database's catalogue.

    CONNECTION is a name under `connections:`, a URL, or the path of an SQLite or DuckDB file. Run
    again it shows what has changed since, and edits only the lines that say so. Tables chosen once
    stay chosen until others are.

    \b
    hygge discover shop --exclude 'tmp_*'
    hygge discover shop --check
    """
    from hygge.cli.discover import discover

    return discover(config, **given)


@app.command()
@click.argument("source")
@click.argument("destination")
@click.option(
    "--mode", type=click.Choice(["replace", "append", "merge"]),
    help="How the rows are taken. [default: the destination's own]",
)  # fmt: skip
@names("--key", metavar="COLUMN", help="The column, or columns, that identify a row.")
@click.option("--full-refresh", is_flag=True, help="Replace the destination, whatever it holds.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what went wrong.")
@verbose
def move(**given: Any) -> int:
    """Move one table without any YAML. Each side is a path or a URL.

    \b
    hygge move sqlite:///shop.db#orders data/orders
    hygge move data/orders csv://orders
    hygge move mysql://me@host/shop#orders delta://lake/orders
    """
    from hygge.cli.move import move

    return move(**given)


@app.command()
@click.option("--keep", type=FOLDER, metavar="DIR", help="Make it in DIR, and leave it there.")
def demo(**given: Any) -> int:
    """See it work: a small shop made, moved and shown.

    It is made in a temporary folder, unless --keep names one.
    """
    from hygge.cli.demo import demo

    return demo(**given)


@app.command()
@click.argument("run", required=False)
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Runs to list."
)
@output
@click.pass_obj
def journal(config: Path | None, /, **given: Any) -> int:
    """List past runs, or show one in detail.

    RUN is its id, the beginning of it, or `last`.
    """
    from hygge.cli.journal import journal

    return journal(config, **given)


@app.command()
@click.argument("select", nargs=-1)
@environment
@click.pass_obj
def compact(config: Path | None, /, **given: Any) -> int:
    """Join the small files of destinations.

    SELECT: names, globs or tags, as for `hygge go --select`; all by default.
    """
    from hygge.cli.compact import compact

    return compact(config, **given)


@app.command()
@click.argument(
    "kind", type=click.Choice(["project", "flow", "entity"]), default="project", required=False
)
def schema(**given: Any) -> int:
    """Print the JSON Schema of the YAML files, for editors.

    \b
    project   hygge.yml, or one file with `flows:`
    flow      a flow.yml
    entity    a file in a flow's entities/
    """
    from hygge.cli.schema import schema

    return schema(**given)


@app.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that completes commands in a shell.

    \b
    bash:  hygge completion bash >> ~/.bashrc
    zsh:   hygge completion zsh >> ~/.zshrc
    fish:  hygge completion fish > ~/.config/fish/completions/hygge.fish
    """
    from hygge.cli.completion import completion

    return completion(app, shell)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    asked = os.environ.get("_HYGGE_COMPLETE")  # set by the script that `completion` prints
    if asked:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(app, {}, "hygge", "_HYGGE_COMPLETE", asked))
    sys.exit(guarded(app, sys.argv[1:] if arguments is None else list(arguments)))
