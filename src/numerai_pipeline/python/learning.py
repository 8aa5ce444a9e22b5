"""`train`, `best`, `score`, `tensorboard` as calls."""

from collections.abc import Mapping
from typing import Any, overload

from numerai_pipeline import api
from numerai_pipeline.api import Board
from numerai_pipeline.python.opening import (
    Folder,
    Names,
    names_of,
    open_workspace,
    size_of,
)
from numerai_pipeline.python.results import Scored, Trained
from numerai_pipeline.training import BestEpoch


@overload
def train(
    names: str,
    *,
    tensorboard: bool = ...,
    max_ram: str | int | None = ...,
    seed: int | None = ...,
    parameters: Mapping[str, Any] | None = ...,
    workspace: Folder = ...,
    **training: Any,
) -> Trained: ...


@overload
def train(
    names: list[str] | tuple[str, ...],
    *,
    tensorboard: bool = ...,
    max_ram: str | int | None = ...,
    seed: int | None = ...,
    parameters: Mapping[str, Any] | None = ...,
    workspace: Folder = ...,
    **training: Any,
) -> list[Trained]: ...


def train(
    names: Names,
    *,
    tensorboard: bool = False,
    max_ram: str | int | None = None,
    seed: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    workspace: Folder = ".",
    **training: Any,
) -> Trained | list[Trained]:
    """Train models on the shards; a killed run goes on, a finished one is kept.

    In a notebook the curves are drawn in the cell while it runs.

    Args:
        names: a model of the workspace, or several.
        tensorboard: write curves, graph and weights for TensorBoard too.
        max_ram: memory that trees may take, such as ``"6GB"`` or ``"50%"``.
        seed: another one than the recipe's.
        parameters: the family's own that differ from the recipe.
        workspace: its folder.
        **training: options of ``[training]`` that differ from the recipe, such as
            ``epochs=5`` or ``learning_rate=0.01``; they make a run of its own.

    Returns:
        What became of it; a list of these for a list of names.

    Raises:
        ConfigError: if a recipe is wrong.
        DataError: if the shards lack what it names, or the loss is lost.
    """
    runs = api.train(
        open_workspace(workspace),
        names_of(names),
        tensorboard=tensorboard,
        max_ram_bytes=size_of(max_ram),
        overrides={
            **(parameters or {}),
            **{f"training.{key}": value for key, value in training.items()},
            **({} if seed is None else {"seed": seed}),
        },
    )
    trained = [Trained(run) for run in runs]
    return trained[0] if isinstance(names, str) else trained


def best(name: str, *, workspace: Folder = ".") -> BestEpoch:
    """Return the best epoch of a model's latest run: number, value, file.

    Raises:
        ConfigError: if there is no such model.
        DataError: if it has no finished run.
    """
    return api.best_run(open_workspace(workspace), name).best()


def score(names: Names, *, force: bool = False, workspace: Folder = ".") -> Scored:
    """Score models per era on the held-out eras, beside benchmarks and meta model.

    Args:
        names: a model of the workspace, or several.
        force: score again what was scored.
        workspace: its folder.

    Raises:
        DataError: if a run may have seen these eras.
    """
    pipeline = open_workspace(workspace)
    return Scored(api.score(pipeline, names_of(names), force=force))


def tensorboard(
    names: Names = (),
    *,
    host: str = "localhost",
    port: int = 0,
    workspace: Folder = ".",
) -> Board:
    """Start TensorBoard on the workspace's runs.

    Args:
        names: models whose runs it shows; by default all.
        host: a name or address of this machine.
        port: 0 takes a free one.
        workspace: its folder.

    Returns:
        Its ``url``, and ``stop()``.
    """
    return api.start_tensorboard(
        open_workspace(workspace), names_of(names), host=host, port=port
    )
