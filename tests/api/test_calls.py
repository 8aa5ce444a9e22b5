import inspect
import subprocess
import sys

import pytest

import numerai_pipeline as nai
from numerai_pipeline.api import COMMANDS

HEAVY = ["tensorflow", "keras", "lightgbm", "matplotlib", "pandas", "pyarrow", "scipy"]


@pytest.mark.parametrize("code", ["dir(nai)", "nai.train", "nai.open"])
def test_importing_it_imports_nothing_heavy(code: str) -> None:
    script = (
        f"import sys, numerai_pipeline as nai; {code}; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


def test_every_command_is_a_call_and_nothing_else_is() -> None:
    names = {method.__name__ for method in COMMANDS}
    assert set(nai.__all__) == names | {"Project", "__version__", "open"}
    assert set(nai.__all__) <= set(dir(nai))


@pytest.mark.parametrize("method", COMMANDS, ids=lambda method: method.__name__)
def test_a_call_is_the_method_in_a_workspace(method: object) -> None:
    call = getattr(nai, method.__name__)
    assert inspect.getdoc(call) == inspect.getdoc(method)
    parameters = dict(inspect.signature(call).parameters)
    assert parameters.pop("workspace").default == "."
    assert (
        list(parameters.values())
        == list(inspect.signature(method).parameters.values())[1:]
    )


def test_another_name_is_not_an_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = nai.trian  # type: ignore[attr-defined]
