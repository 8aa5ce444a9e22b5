"""A backtest beside the bare trainings of its folds.

LightGBM's preset `hello` with 300 trees, over four folds of the simulated market at
full width, 2,748 features. A bare training has the fold of the backtest, finds its
rows binned, and predicts nothing; the backtest bins all rows once, trains the folds,
predicts every era and joins the predictions. Every way is a process of its own, whose
imports are not timed; those of the processes of the folds are. The memory is that of
the largest process. With `--cpu` the seconds are those of the processors, children
included: what a machine that does other work can measure. Run it as:

    python benchmarks/backtest.py [--rows 100000] [--cpu]
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import measured, write_market

if TYPE_CHECKING:
    from numerai_pipeline.evaluation import BacktestPlan

N_TREES = 300
N_ERAS = 200
CHUNK = 40
SEED = 1

Timed = tuple[int, float]
Clock = Callable[[], float]


def cpu_seconds() -> float:
    """Return what the processors did for this process and its children."""
    return sum(os.times()[:4])


CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": cpu_seconds}


def prepare(folder: Path) -> Timed:
    """Make the shards of all training eras."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    options = EtlOptions(sources=("train",), targets=("target",), split=0.1)
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


def plan_of(folder: Path, parallel: int) -> "BacktestPlan":
    """Plan the backtest of a model in a folder of its own."""
    import matplotlib.figure  # noqa: F401 - so that it is not timed

    from numerai_pipeline.data import Fold, Scheme, ShardReader
    from numerai_pipeline.evaluation import plan_backtest
    from numerai_pipeline.models import Recipe, family
    from numerai_pipeline.training import TrainingJob
    from numerai_pipeline.training.trainer import load_engine

    load_engine("lightgbm")  # imports the library
    parameters = {**family("lightgbm").presets["hello"], "n_estimators": N_TREES}
    job = TrainingJob(
        name="hello",
        recipe=Recipe(family="lightgbm", seed=SEED, parameters=parameters),
        fold=Fold((), ()),
        untrained=folder / "untrained.json",
        shards=folder / "shards",
        runs=folder / f"model-{time.time_ns()}" / "runs",
        started=datetime.now(UTC),
    )
    eras = ShardReader(job.shards).eras()
    return plan_backtest(job, eras, Scheme(chunk=CHUNK), parallel=parallel)


def backtest(folder: Path, parallel: int, clock: Clock) -> Timed:
    """Do the backtest, with nothing prepared."""
    from numerai_pipeline.evaluation import run_backtest

    plan = plan_of(folder, parallel)
    print(*plan.lines(), sep="\n", file=sys.stderr)
    shutil.rmtree(folder / "shards.bins", ignore_errors=True)
    started = clock()
    run_backtest(plan)
    return sum(rows.test for rows in plan.rows), clock() - started


def bare(folder: Path, number: int, clock: Clock) -> Timed:
    """Train a fold alone from bins that are there: the second time counts."""
    from numerai_pipeline.training import train

    plan = plan_of(folder, 1)
    job = replace(plan.jobs[number - 1], shared_eras=())
    seconds = 0.0
    for time_of in ("first", "second"):
        started = clock()
        train(replace(job, runs=job.runs / time_of))
        seconds = clock() - started
    return plan.rows[number - 1].train, seconds


def run_way(way: str, folder: Path) -> Timed:
    """Do one way."""
    if way == "prepare":
        return prepare(folder)
    name, number, clock = way.split(":")
    do = backtest if name == "backtest" else bare
    return do(folder, int(number), CLOCKS[clock])


def compare(folder: Path, clock: str) -> None:
    """Print all ways, and how the backtest compares with the four trainings."""
    print("| way | rows | s | peak memory |\n| --- | --- | --- | --- |", flush=True)

    def shown(way: str, title: str) -> float:
        found = measured(__file__, f"{way}:{clock}", folder)
        print(
            f"| {title} | {found.rows:,} | {found.seconds:.1f} | "
            f"{found.peak_mb:,.0f} MB |",
            flush=True,
        )
        return found.seconds

    bare_seconds = sum(
        shown(f"bare:{number}", f"fold {number} alone") for number in range(1, 5)
    )
    for parallel in (1, 2):
        seconds = shown(f"backtest:{parallel}", f"backtest, {parallel} at a time")
        print(f"{seconds / bare_seconds:.2f} of the four alone, {bare_seconds:.1f} s")


def main() -> None:
    """Measure all ways, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--way")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        n_rows, seconds = run_way(given.way, given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        write_market(folder, given.rows, given.rows // N_ERAS)
        measured(__file__, "prepare", folder)
        compare(folder, "cpu" if given.cpu else "wall")


if __name__ == "__main__":
    main()
