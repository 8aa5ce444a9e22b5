"""The `nai` command: its options, and how an exception becomes a sentence.

Nothing heavy is imported here: the methods of ``api`` import what they need when they
are called, so that `nai --help` answers at once.
"""

import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from numerai_pipeline.cli.commands import (
    AsJson,
    Group,
    Options,
    Quiet,
    Workspace,
    add_commands,
)
from numerai_pipeline.cli.printing import print_error
from numerai_pipeline.core import EXIT_BUG, explain

# What a shell reports for a process that Ctrl-C ended.
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="nai",
    cls=Group,
    help="The Numerai tournament from download to scored submission.",
    epilog="Start with nai demo, which needs no account and no internet, "
    "then nai init.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_commands(app)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from numerai_pipeline import __version__

        print(f"numerai-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    workspace: Workspace = Path(),
    quiet: Quiet = False,
    as_json: AsJson = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show and exit."
        ),
    ] = False,
) -> None:
    """Take the options that every command takes."""
    del version
    context.obj = Options(root=workspace, is_quiet=quiet, as_json=as_json)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: words after `nai`; by default those of the process.

    Returns:
        The exit code: 0 done, 2 usage or config, 3 data, 4 refused by the
        tournament, 5 tournament busy past the deadline, 70 a bug, 130 interrupted. Of
        several models it is the highest.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Python has no stream where it was closed, as by `>&-`: nobody reads it.
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack «–»
    try:
        app(words)
    except SystemExit as end:  # how typer ends, also after a usage error or Ctrl-C
        if end.code == EXIT_INTERRUPTED:
            print_error("interrupted; run the same command again to resume.")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        code, sentence = explain(error)
        if code == EXIT_BUG:
            traceback.print_exc()
        print_error(sentence)
        return code
    return 0
