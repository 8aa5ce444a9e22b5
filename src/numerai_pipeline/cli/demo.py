"""The demo: the commands one after the other, on a simulated tournament, in words."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_pipeline.cli.shell import say, show
from numerai_pipeline.core import Progress, stopwatch

if TYPE_CHECKING:
    from numerai_pipeline.operations import Pipeline
    from numerai_pipeline.python import Playing

# Where the scripts look for the demo, too.
DEMO_FOLDER = Path("demo")


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
    from numerai_pipeline.python import playing

    started = stopwatch()
    _head("A tournament on this machine", "a market made from a seed, Numerai's API")
    with playing(folder, size, port=port, progress=progress) as play:
        say(f"{show(play.simulator.clock.now())}, {play.simulator.url}")
        _prepare(play)
        if is_round_only:
            if is_next_round:
                _move_to_next_round(play)
            _play_round(play)
        else:
            _score(play)
            _play_first_round(play)
        _print_status(play.pipeline)
        _print_ending(play, folder, is_round_only=is_round_only)
    say(f"\n{stopwatch() - started:.0f} s", style="dim")


def _prepare(play: "Playing") -> None:
    from numerai_pipeline import operations

    pipeline = play.pipeline
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
    for recipe in play.make_models():
        say(f"recipe: {recipe}")

    _head("Training", "nai train mlp lightgbm")
    for run in operations.train(pipeline, play.models):
        best = run.best()
        say(f"{run.name}: best at {best.epoch}, {run.monitor} {best.value:.5f}")


def _score(play: "Playing") -> None:
    from numerai_pipeline import operations
    from numerai_pipeline.cli.commands_model import print_scores

    _head("Scores on held-out eras", "nai score mlp lightgbm")
    print_scores(operations.score(play.pipeline, play.models))


def _play_first_round(play: "Playing") -> None:
    """Submit every model and see its scores; goes on where an earlier run ended."""
    if not play.is_submitted:
        _play_round(play)
    if play.resolve_first_round():
        _head("A month later", "the demo moves the clock of the simulated tournament")
        say(f"{show(play.simulator.clock.now())}: 20 score days are over")


def _play_round(play: "Playing") -> None:
    from numerai_pipeline.cli.commands_round import print_predictions, print_receipts

    if not play.is_round_open():
        _move_to_next_round(play)
    _head("Live predictions", "nai predict mlp lightgbm")
    print_predictions(play.predict())
    _head("Submission", "nai submit")
    print_receipts(play.submit())


def _move_to_next_round(play: "Playing") -> None:
    play.open_next_round()
    say(f"\na round opens: the clock moves to {show(play.simulator.clock.now())}")


def _print_status(pipeline: "Pipeline") -> None:
    from numerai_pipeline import operations
    from numerai_pipeline.cli.commands_round import print_status

    _head("Ledger and scores", "nai status")
    print_status(operations.status(pipeline))


def _print_ending(play: "Playing", folder: Path, *, is_round_only: bool) -> None:
    from numerai_pipeline import operations

    pipeline = play.pipeline
    _head("What you have now", "")
    for name in play.models:
        plots = operations.best_run(pipeline, name).folder / "plots"
        say(f"{name}: {', '.join(show(path) for path in sorted(plots.glob('*.png')))}")
    say(f"ledger: {show(pipeline.workspace.ledger_path)}")
    where = "" if folder == DEMO_FOLDER else f" -w {shlex.quote(show(folder))}"
    next_step = f"--demo{where}{' --next' if is_round_only else ''}"
    say(f"next round: bash predict.sh {next_step}")
    say(f"best epoch: bash bestepoch.sh --demo{where} mlp")
    say(f"to start over delete {show(folder)}")
    _head("For real, with your Numerai keys", "")
    say("export NUMERAI_PUBLIC_ID=... NUMERAI_SECRET_KEY=...")
    say("bash prepare.sh         download v5.3, make shards, train both models")
    say("bash predict.sh mlp     predict the open round and submit")
    say("numerai.toml says under which of your Numerai models a model goes")


def _head(title: str, command: str) -> None:
    say(f"\n{title}{f': {command}' if command else ''}", style="bold")
