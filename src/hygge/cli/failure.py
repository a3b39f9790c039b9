"""From what went wrong to an exit code and a few lines that help."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence

import click

OK, FAILED, USAGE, DEADLINE, INTERRUPTED = 0, 1, 2, 3, 130


def guarded(app: click.Command, arguments: Sequence[str]) -> int:
    """Run a command; returns its exit code, whatever happens."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with app.make_context("hygge", list(arguments)) as context:
            code = app.invoke(context)
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        from hygge.core import guesses  # alone: a word that is misspelt loads nothing heavy

        told = io.StringIO()  # an argument may be an address with a password
        _misplaced(error).show(told)
        click.echo(guesses.without(told.getvalue(), guesses.IN_ANY_TEXT), nl=False, err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        from hygge.cli.console import mute

        mute(sys.stdout)
        return OK
    except Exception as error:  # noqa: BLE001 - the last stop before a traceback
        return explain(error, verbose=bool({"-v", "--verbose"} & set(arguments)))
    finally:
        from hygge.cli.console import flush

        flush()


def _misplaced(error: click.ClickException) -> click.ClickException:
    """The error; an option of the program's that stands after a command is told its place."""
    if not isinstance(error, click.NoSuchOption) or error.option_name != "--config":
        return error
    verb = error.ctx.info_name if error.ctx is not None else "go"
    return click.UsageError(
        f"'--config' goes before the command: hygge --config PATH {verb}", error.ctx
    )


def explain(error: Exception, *, verbose: bool = False) -> int:
    """Print an error for its reader and return the exit code it means.

    Parameters
    ----------
    error: anything.
    verbose: whether to show where in the code the error arose; that a configuration is wrong did
        not arise there.
    """
    from hygge.cli.console import dim, red, say
    from hygge.cli.render import error_text
    from hygge.cli.text import here
    from hygge.core.errors import ConfigError, HyggeError

    if verbose and not isinstance(error, ConfigError):
        import traceback

        say(dim("".join(traceback.format_exception(error)).rstrip()), to_stderr=True)
    if isinstance(error, OSError) and error.filename is not None:
        said = f"{here(os.fsdecode(error.filename))}: {error.strerror}"
        say(f"{red('error:')} {said}", to_stderr=True)
        return FAILED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        say(
            f"{red('error:')} there is no room to write: {error.strerror}\n"
            "  hint: free some space where the output goes, or send it elsewhere",
            to_stderr=True,
        )
        return FAILED
    if not isinstance(error, HyggeError):
        say(
            f"{red('error:')} hygge met something it did not expect, and is sorry.\n"
            f"  {type(error).__name__}: {error}\n"
            "  hint: "
            + ("report it with the lines above" if verbose else "--verbose shows where it arose"),
            to_stderr=True,
        )
        return FAILED
    say(error_text(error), to_stderr=True)
    if isinstance(error, ConfigError):
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from hygge.cli.github import annotate_problems

            annotate_problems(error.problems)
        return USAGE
    return FAILED
