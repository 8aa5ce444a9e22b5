"""The demo: the commands one after the other, on a simulated tournament.

It is a workspace like any other, with the simulator's folder in it; only the clock
is moved by the demo, where one would otherwise wait for a month.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_pipeline.cli.shell import say, show
from numerai_pipeline.core import (
    Progress,
    Settings,
    SubmissionSettings,
    TournamentSettings,
    stopwatch,
)

if TYPE_CHECKING:
    from numerai_pipeline.operations import Pipeline
    from numerai_pipeline.simulator import RunningSimulator

# Family and model have the same name here; the simulated account has these models.
MODELS = {"mlp": "sim_mlp", "lightgbm": "sim_lightgbm"}


def run_demo(
    folder: Path,
    size: str,
    *,
    port: int,
    is_round_only: bool,
    is_next_round: bool,
    progress: Progress,
) -> None:
    """Play the tournament; what was done in an earlier run is not done again.

    Args:
        folder: the workspace.
        size: of the market, for a new folder.
        port: written into its ``numerai.toml``, for `nai simulate` later on.
        is_round_only: leave training out, and play the round that is open now or
            opens next.
        is_next_round: with it, let the next round open first.
        progress: told of long work.
    """
    started = stopwatch()
    with _playing(folder, size, port, progress) as (pipeline, simulator):
        _prepare(pipeline)
        if is_round_only:
            if is_next_round:
                _move_to_next_round(simulator)
            _play_round(pipeline, simulator)
        else:
            _score(pipeline)
            _play_first_round(pipeline, simulator)
        _print_status(pipeline)
        _print_ending(pipeline, folder, is_round_only=is_round_only)
    say(f"\n{stopwatch() - started:.0f} s", style="dim")


@contextmanager
def _playing(
    folder: Path, size: str, port: int, progress: Progress
) -> Iterator[tuple["Pipeline", "RunningSimulator"]]:
    """Run the simulated tournament, with a workspace that talks to it."""
    from numerai_pipeline.operations import Pipeline, create_workspace
    from numerai_pipeline.simulator import preset, running_simulator

    _head("A tournament on this machine", "a market made from a seed, Numerai's API")
    home = folder / "simulator"
    spec = None if (home / "market.json").is_file() else preset(size)
    with running_simulator(
        home, spec, models=tuple(MODELS.values()), progress=progress
    ) as simulator:
        say(f"{show(simulator.clock.now())}, {simulator.url}")
        if not (folder / "numerai.toml").is_file():
            create_workspace(folder, _settings(port))
        environ = {"NUMERAI_API_URL": simulator.url}
        pipeline = Pipeline.open(folder, environ=environ, progress=progress)
        yield pipeline, simulator


def _settings(port: int) -> Settings:
    return Settings(
        tournament=TournamentSettings(
            simulated=True,
            url=f"http://127.0.0.1:{port}",
            timeout_seconds=30,
            deadline_seconds=60,
        ),
        submission=SubmissionSettings(models=MODELS),
    )


def _prepare(pipeline: "Pipeline") -> None:
    from numerai_pipeline import operations

    _head("Download", "nai download")
    files = operations.download_data(pipeline)
    n_bytes = sum(file.bytes for file in files)
    say(f"{len(files)} files, {n_bytes / 1e6:,.1f} MB in {pipeline.data_dir}")

    _head("Shards", "nai etl")
    shards = operations.etl(pipeline)
    for name, split in shards.splits.items():
        n_bytes = sum(file.bytes for file in split.shards)
        say(
            f"{name}: {len(split.eras)} eras, {split.rows:,} rows, "
            f"{n_bytes / split.rows:,.0f} bytes a row"
        )

    _head("Two models", "nai new mlp, nai new lightgbm")
    for name in MODELS:
        if not pipeline.workspace.recipe_path(name).is_file():
            operations.new(pipeline, name, name)
        say(f"recipe: {pipeline.workspace.recipe_path(name)}")

    _head("Training", "nai train mlp lightgbm")
    for run in operations.train(pipeline, tuple(MODELS)):
        best = run.best()
        say(f"{run.name}: best at {best.epoch}, {run.monitor} {best.value:.5f}")


def _score(pipeline: "Pipeline") -> None:
    from numerai_pipeline import operations
    from numerai_pipeline.cli.commands_model import print_scores

    _head("Scores on held-out eras", "nai score mlp lightgbm")
    print_scores(operations.score(pipeline, tuple(MODELS)))


def _play_first_round(pipeline: "Pipeline", simulator: "RunningSimulator") -> None:
    """Submit every model and see its scores; goes on where an earlier run ended."""
    confirmed = {r.model: r for r in pipeline.ledger.rows() if r.state == "confirmed"}
    if not set(MODELS) <= set(confirmed):
        _play_round(pipeline, simulator)
    first = min(row.round_number for row in pipeline.ledger.rows())
    resolves = simulator.simulator.timetable.resolves(first)
    if simulator.clock.now() < resolves:
        simulator.simulator.move_to(resolves)
        _head("A month later", "the demo moves the clock of the simulated tournament")
        say(f"{show(simulator.clock.now())}: 20 score days are over")


def _play_round(pipeline: "Pipeline", simulator: "RunningSimulator") -> None:
    from numerai_pipeline import operations
    from numerai_pipeline.cli.commands_round import print_predictions, print_receipts

    _move_to_open_round(simulator)
    _head("Live predictions", "nai predict mlp lightgbm")
    print_predictions(operations.predict(pipeline, tuple(MODELS)))
    _head("Submission", "nai submit")
    print_receipts(operations.submit(pipeline))


def _move_to_open_round(simulator: "RunningSimulator") -> None:
    timetable, now = simulator.simulator.timetable, simulator.clock.now()
    if not timetable.is_open(timetable.latest_opened(now), now):
        _move_to_next_round(simulator)


def _move_to_next_round(simulator: "RunningSimulator") -> None:
    timetable = simulator.simulator.timetable
    simulator.simulator.move_to(timetable.next_opening(simulator.clock.now()))
    say(f"\na round opens: the clock moves to {show(simulator.clock.now())}")


def _print_status(pipeline: "Pipeline") -> None:
    from numerai_pipeline import operations
    from numerai_pipeline.cli.commands_round import print_status

    _head("Ledger and scores", "nai status")
    print_status(operations.status(pipeline))


def _print_ending(pipeline: "Pipeline", folder: Path, *, is_round_only: bool) -> None:
    from numerai_pipeline import operations

    _head("What you have now", "")
    for name in MODELS:
        plots = operations.best_run(pipeline, name).folder / "plots"
        say(f"{name}: {', '.join(show(path) for path in sorted(plots.glob('*.png')))}")
    say(f"ledger: {show(pipeline.workspace.ledger_path)}")
    next_step = "predict.sh --demo --next" if is_round_only else "predict.sh --demo"
    say(f"next round: bash {next_step}; to start anew delete {folder}")
    _head("For real, with your Numerai keys", "")
    say("export NUMERAI_PUBLIC_ID=... NUMERAI_SECRET_KEY=...")
    say("bash prepare.sh         download v5.3, make shards, train both models")
    say("bash predict.sh mlp     predict the open round and submit")
    say("numerai.toml says under which of your Numerai models a model goes")


def _head(title: str, command: str) -> None:
    say(f"\n{title}{f': {command}' if command else ''}", style="bold")
