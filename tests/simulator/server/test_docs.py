"""The table of docs/simulator.md names all that numerapi can do."""

import inspect
from pathlib import Path

import numerapi
from numerapi.cli import cli

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"

# These speak to no server.
LOCAL = {"set_global_data_dir", "version"}


def test_every_method_and_command_of_numerapi_is_in_the_table() -> None:
    text = DOCS.read_text(encoding="utf-8")
    methods = {
        name
        for name, _ in inspect.getmembers(numerapi.NumerAPI, inspect.isfunction)
        if not name.startswith("_")
    }
    missing = {
        name
        for name in (methods | set(cli.commands)) - LOCAL
        if f"`{name}`" not in text
    }
    assert not missing
