"""The `nai` command: its commands, and how an exception becomes a sentence.

Nothing heavy is imported here: each command imports the door that it calls, so
that `nai --help` answers at once.
"""

import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from numerai_pipeline.cli import (
    commands_data,
    commands_model,
    commands_round,
    commands_simulator,
    commands_workspace,
)
from numerai_pipeline.cli.shell import Shell, say_error
from numerai_pipeline.core import EXIT_BUG, DataError, PipelineError

# What a shell reports for a process that Ctrl-C ended.
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="nai",
    help="The Numerai tournament from download to scored submission.",
    epilog="Start with nai demo: everything, with no account and no internet. "
    "Then nai init.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for room in (
    commands_workspace,
    commands_data,
    commands_model,
    commands_round,
    commands_simulator,
):
    room.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from numerai_pipeline import __version__

        print(f"numerai-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    workspace: Annotated[
        Path,
        typer.Option(
            "--workspace",
            "-w",
            envvar="NUMERAI_WORKSPACE",
            help="Folder with numerai.toml and everything made from it.",
            file_okay=False,
        ),
    ] = Path(),
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress on stderr.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show and leave."
        ),
    ] = False,
) -> None:
    """Take the options that stand before the command."""
    del version
    context.obj = Shell(root=workspace, is_quiet=quiet)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: words after `nai`; by default those of the process.

    Returns:
        The exit code: 0 done, 2 usage or config, 3 data, 4 refused by the
        tournament, 5 tournament busy past the deadline, 70 a bug, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Python has no stream where it was closed, as by `>&-`: nobody reads it.
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without «–» is no error
    try:
        app(words)
    except SystemExit as end:  # how typer ends, also after a usage error or Ctrl-C
        if end.code == EXIT_INTERRUPTED:
            say_error("interrupted; run the same command again to go on.")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except PipelineError as error:
        say_error(str(error))
        return error.exit_code
    except OSError as error:
        # A full disk, a folder without permission, a file where a folder should be.
        say_error(
            f"{error.filename or 'the operating system'}: {error.strerror or error}. "
            "Mend the path, its permissions or the room on the disk, then rerun; what "
            "was finished is kept."
        )
        return DataError.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence
        traceback.print_exc()
        say_error(
            f"this is a bug in numerai-pipeline ({type(error).__name__}). Please "
            "report it with the lines above and the command you ran."
        )
        return EXIT_BUG
    return 0
