"""`nai init`."""

from typing import Annotated

import typer

from numerai_pipeline.cli.shell import Shell, say


def init(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a numerai.toml that exists.")
    ] = False,
) -> None:
    """Write `numerai.toml` with every key, its default and the reason for it."""
    from numerai_pipeline.api import create_workspace

    shell: Shell = context.obj
    path = create_workspace(shell.root, force=force)
    say(f"wrote {path}; next: nai download")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: nai --workspace ~/numerai init")(init)
