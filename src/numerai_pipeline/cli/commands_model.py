"""`nai zoo`, `nai new`, `nai train`, `nai best`, `nai score`, `nai tensorboard`."""

import contextlib
import signal
import tomllib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from numerai_pipeline.cli.commands_data import AsJson
from numerai_pipeline.cli.shell import (
    Shell,
    print_json,
    print_table,
    say,
    show,
    size_in_bytes,
)
from numerai_pipeline.core import ConfigError

if TYPE_CHECKING:
    from numerai_pipeline.prediction import Evaluation

# TensorBoard's own port; a browser's history knows it.
TENSORBOARD_PORT = 6006

Names = Annotated[list[str], typer.Argument(help="Models of the workspace.")]

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="KEY=VALUE for a parameter, training.KEY=VALUE for training.",
    ),
]


def zoo(context: typer.Context, as_json: AsJson = False) -> None:
    """List the families, your own ones in zoo/, and the models with their scores."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    has_workspace = (shell.root / "numerai.toml").is_file()
    entries = api.zoo(shell.pipeline() if has_workspace else None)
    if as_json:
        print_json(entries)
        return
    print_table(
        "Zoo",
        ["kind", "name", "about", "best epoch", "monitor", "value", "CORR"],
        [
            (e.kind, e.name, e.about, e.best_epoch, e.monitor, e.best_value, e.corr)
            for e in entries
        ],
    )


def new(
    context: typer.Context,
    family: Annotated[str, typer.Argument(help="A family; `nai zoo` lists them.")],
    name: Annotated[
        str | None, typer.Argument(help="Name of the model; the family's by default.")
    ] = None,
    assignments: Assignments = None,
    preset: Annotated[
        str | None,
        typer.Option(help="A set of parameters of the family, such as hello."),
    ] = None,
    feature_set: Annotated[
        str | None, typer.Option(help="Features it sees: a set of features.json.")
    ] = None,
    target: Annotated[str, typer.Option(help="The target it learns.")] = "target",
    force: Annotated[
        bool, typer.Option("--force", help="Write over a model; its runs stay.")
    ] = False,
) -> None:
    """Write a model's recipe, `model.toml`, and its untrained model."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    folder = api.new(
        shell.pipeline(),
        family,
        name or family,
        feature_set=feature_set,
        target=target,
        parameters=_parse_assignments(assignments or []),
        preset=preset,
        force=force,
    )
    say(f"wrote {folder}; edit its model.toml, then: nai train {folder.name}")


def train(
    context: typer.Context,
    names: Names,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard curves too.")
    ] = False,
    max_ram: Annotated[
        str | None,
        typer.Option(help="Memory that trees may take: 6GB, 50%; 75% by default."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="At most so many; of networks.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Rows a step (batch_rows); of networks.")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; of networks, for trees: --set."),
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="mse, mae, huber or corr; of networks.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam, sgd or lion; of networks.")
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(help="What names the best epoch: val_loss, val_corr..."),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement before it stops.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="First weights, order of rows, dropout.")
    ] = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Train models on the shards; a killed run goes on, a finished one is kept.

    An option that differs from the recipe makes a run of its own; the recipe stays as
    it is, and the run's config.toml tells what it was trained by.
    """
    from numerai_pipeline import api

    shell: Shell = context.obj
    given = {
        "training.epochs": epochs,
        "training.batch_rows": batch,
        "training.learning_rate": lr,
        "training.loss": loss,
        "training.optimizer": optimizer,
        "training.monitor": monitor,
        "training.patience": patience,
        "seed": seed,
    }
    runs = api.train(
        shell.pipeline(),
        names,
        tensorboard=tensorboard,
        max_ram_bytes=size_in_bytes(max_ram),
        overrides={
            **{key: value for key, value in given.items() if value is not None},
            **_parse_assignments(assignments or []),
        },
    )
    rows = []
    for name, run in zip(names, runs, strict=True):
        best = run.best()
        rows.append((name, best.epoch, run.monitor, best.value, run.folder))
    if as_json:
        columns = ("name", "best_epoch", "monitor", "best_value", "run")
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table("Trained", ["model", "best epoch", "monitor", "value", "run"], rows)


def best(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model of the workspace.")],
    as_json: AsJson = False,
) -> None:
    """Print the best epoch of a model's latest run, and its file."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    found = api.best_run(shell.pipeline(), name).best()
    if as_json:
        print_json(found)
        return
    say(f"{found.epoch} {found.path}")


def score(
    context: typer.Context,
    names: Names,
    force: Annotated[
        bool, typer.Option("--force", help="Score again what was scored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score models per era on the held-out eras, beside benchmarks and meta model."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    evaluations = api.score(shell.pipeline(), names, force=force)
    if as_json:
        print_json(evaluations)
        return
    print_scores(evaluations)


def tensorboard(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models whose runs it shows; by default all."),
    ] = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = TENSORBOARD_PORT,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines look.")
    ] = "localhost",
) -> None:
    """Show the runs in TensorBoard until Ctrl-C.

    A run trained without --tensorboard is shown too, with the curves of its history.
    """
    from numerai_pipeline import api

    shell: Shell = context.obj
    # However it is ended, TensorBoard's own process ends too.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        api.tensorboard(shell.pipeline(), names or (), host=host, port=port) as board,
    ):
        say(f"TensorBoard at {board.url}; Ctrl-C ends it")
        board.wait()


def print_scores(evaluations: "dict[str, Evaluation]") -> None:
    """Print the models' scores beside those that they are compared with."""
    rows = {
        (row.who, row.metric): row
        for evaluation in evaluations.values()
        for row in evaluation.rows
    }
    # What earns CORR by itself first, then what it adds to others.
    ordered = sorted(rows.values(), key=lambda row: row.metric != "CORR")
    print_table(
        "Scores per held-out era",
        ["who", "score", "eras", "mean", "std", "Sharpe", "drawdown"],
        [
            (
                row.who,
                row.metric,
                row.summary.n_eras,
                row.summary.mean,
                row.summary.std,
                row.summary.sharpe,
                row.summary.max_drawdown,
            )
            for row in ordered
        ],
    )
    for evaluation in evaluations.values():
        say(f"plot: {show(evaluation.plot)}")


def _parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE words; a value is TOML, and else text.

    >>> _parse_assignments(["units=[8, 4]", "activation=relu"])
    {'units': [8, 4], 'activation': 'relu'}
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--set {assignment!r} is not KEY=VALUE. "
                "Write it like --set learning_rate=0.001."
            )
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text.strip()
    return values


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: nai zoo --json")(zoo)
    app.command(epilog="Example: nai new mlp my-mlp --feature-set medium")(new)
    app.command(epilog="Example: nai train mlp --epochs 3 --set dropout=0.3")(train)
    app.command(epilog="Example: nai best mlp")(best)
    app.command(epilog="Example: nai score mlp lightgbm")(score)
    app.command(epilog="Example: nai tensorboard mlp --port 6007")(tensorboard)
