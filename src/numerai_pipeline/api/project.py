"""A workspace with every command as a method, and the same commands as functions.

A command is written once, here: its signature, defaults and docstring make the Python
call and the command line.
"""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from numerai_pipeline.api.backtests import BacktestCommands
from numerai_pipeline.api.data import DataCommands
from numerai_pipeline.api.ensembles import EnsembleCommands
from numerai_pipeline.api.history import HistoryCommands
from numerai_pipeline.api.leaks import LeakCommands
from numerai_pipeline.api.models import ModelCommands
from numerai_pipeline.api.play import PlayCommands
from numerai_pipeline.api.reporting import ReportCommands
from numerai_pipeline.api.results import Result
from numerai_pipeline.api.rounds import RoundCommands
from numerai_pipeline.api.scores import ScoreCommands

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Project(
    DataCommands,
    ModelCommands,
    BacktestCommands,
    EnsembleCommands,
    HistoryCommands,
    ScoreCommands,
    LeakCommands,
    ReportCommands,
    RoundCommands,
    PlayCommands,
):
    """A workspace; every command is a method that returns a result."""


class Call(Protocol[P, R]):
    """A command as a function: of the current folder, or of another workspace."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(self, *args: Any, workspace: str | Path, **kwargs: Any) -> R: ...


# In the order in which help lists them.
COMMANDS: tuple[Callable[..., Result], ...] = (
    Project.init,
    Project.download,
    Project.etl,
    Project.inspect,
    Project.zoo,
    Project.new,
    Project.train,
    Project.backtest,
    Project.ensemble,
    Project.runs,
    Project.best,
    Project.score,
    Project.compare,
    Project.leak_check,
    Project.report,
    Project.promote,
    Project.refit,
    Project.tensorboard,
    Project.predict,
    Project.submit,
    Project.status,
    Project.simulate,
    Project.demo,
)


def open_project(root: str | Path = ".") -> Project:
    """Open a workspace with the progress that fits this process.

    Args:
        root: its folder; ``init`` makes a workspace of it.
    """
    from numerai_pipeline.views import detect_progress

    return Project(root, progress=detect_progress())


def call(method: Callable[Concatenate[Project, P], R]) -> Call[P, R]:
    """Return a command as a function, which takes ``workspace`` too."""

    def function(*args: Any, workspace: str | Path = ".", **kwargs: Any) -> Any:
        return method(open_project(workspace), *args, **kwargs)

    update_wrapper(function, method)
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    has_more = bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    workspace = inspect.Parameter(
        "workspace",
        inspect.Parameter.KEYWORD_ONLY,
        default=".",
        annotation=str | Path,
    )
    parameters.insert(len(parameters) - has_more, workspace)
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return cast(Call[P, R], function)
