import inspect
import subprocess
import sys

import pytest
import typer

import numerai_pipeline as nai
from numerai_pipeline.cli import main

HEAVY = ["tensorflow", "keras", "lightgbm", "matplotlib", "pandas", "pyarrow", "scipy"]
COMMANDS = sorted(typer.main.get_command(main.app).commands)  # type: ignore[attr-defined]


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, numerai_pipeline as nai; dir(nai); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_call(command: str) -> None:
    call = getattr(nai, command)
    assert command in nai.__all__
    assert command in dir(nai)
    assert inspect.getdoc(call)
    # Where it works: in a workspace, or in a folder that it is given.
    assert {"workspace", "folder", "path"} & set(inspect.signature(call).parameters)


def test_what_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = nai.trian  # type: ignore[attr-defined]
