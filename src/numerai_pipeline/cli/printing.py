"""Prints results as JSON, or as text with one function per type."""

import json
import shlex
import sys
from functools import singledispatch
from pathlib import Path
from typing import Any

from numerai_pipeline.api import (
    Backtested,
    Best,
    Compared,
    DemoResult,
    Description,
    Downloaded,
    Ensembled,
    Entry,
    FileList,
    History,
    LeakChecked,
    Predicted,
    ProductionRun,
    Promoted,
    Reported,
    Result,
    Scored,
    Shards,
    Simulation,
    Status,
    Step,
    Submitted,
    TensorBoardServer,
    Trained,
    Written,
    Zoo,
    changes_text,
    fold_records,
    plain,
)
from numerai_pipeline.cli.ensembles import print_ensembled
from numerai_pipeline.cli.rounds import print_predicted, print_status, print_submitted
from numerai_pipeline.cli.scores import print_compared, print_scored
from numerai_pipeline.cli.tables import (
    echo,
    failed_row,
    format_value,
    harmless,
    print_table,
)

# The scripts use the same folder.
DEMO_FOLDER = Path("demo")


# Ranges of eras that are longer are shortened.
_MOST_ERAS = 20


@singledispatch
def print_result(result: Result) -> None:
    """Print a result for people."""
    raise NotImplementedError(type(result))


@print_result.register
def _(result: Written) -> None:
    if result.path.is_dir():
        then = f"edit its model.toml, then: nai train {result.path.name}"
        echo(f"wrote {result.path}; {then}")
    else:
        echo(f"wrote {result.path}; next: nai download")


@print_result.register
def _(result: Downloaded) -> None:
    if result.files:
        print_table(
            "Downloaded",
            ["file", "bytes", "rows", "eras", "state"],
            [
                (
                    file.filename,
                    file.bytes,
                    file.rows,
                    file.eras,
                    "was current" if file.was_current else "fetched",
                )
                for file in result.files
            ],
        )
    for path in result.live:
        echo(f"live data: {path}")


@print_result.register
def _(result: FileList) -> None:
    print_table(
        "Data files", ["release", "file"], [(f.release, f.file) for f in result.files]
    )


@print_result.register
def _(result: Shards) -> None:
    print_result(result.description)


@print_result.register
def _(result: Description) -> None:
    rows = {key: value for key, value in result.found.items() if not _is_table(value)}
    print_table(
        str(result.path), ["", "value"], [(key, _line(rows[key])) for key in rows]
    )
    for key, value in result.found.items():
        if _is_table(value):
            columns = list(value[0])
            print_table(
                key,
                columns,
                [tuple(_line(row.get(c)) for c in columns) for row in value],
            )


@print_result.register
def _(result: Zoo) -> None:
    print_table(
        "Zoo",
        ["kind", "name", "about", "best epoch", "monitor", "value", "CORR"],
        [
            (e.kind, e.name, e.about, e.best_epoch, e.monitor, e.best_value, e.corr)
            for e in result.entries
            if e.kind != "broken"
        ],
    )
    for entry in result.entries:
        if entry.kind == "broken":
            echo(f"not usable: {entry.about}")


@print_result.register
def _(result: Trained) -> None:
    print_table(
        "Trained",
        ["model", "best epoch", "monitor", "value", "run", "in production"],
        [
            failed_row(one, 6)
            if one.error
            else (
                one.name,
                one.get().epoch,
                one.get().run.monitor,
                one.get().best.value,
                one.get().run.folder.name,
                one.get().is_production,
            )
            for one in result.outcomes
        ],
    )
    for training in result.results.values():
        echo(f"run: {format_value(training.run.folder)}")
        run = training.run
        if run.is_ensemble:
            echo(f"{run.name}: {ProductionRun.of(run).weights_text}")
        if run.recipe.seeds > 1:
            echo(
                f"{run.name}: {run.recipe.seeds} seeds predict together; best epoch "
                f"and value are those of seed {run.recipe.seed}"
            )
        if not training.is_production:
            then = "replace" if run.refit_of else "compare it with, and replace,"
            echo(
                f"{run.name}: this run does not predict live data; to {then} the one "
                f"that does: nai promote {run.name} {run.folder.name}"
            )


@print_result.register
def _(result: Backtested) -> None:
    for backtest in result.results.values():
        print_table(
            f"Backtest of {backtest.name}, {backtest.scheme.name}",
            ["fold", "trained on", "chosen on", "predicted", "rows", "best", "CORR"],
            [
                (
                    record["fold"],
                    _first_and_last(record["train"]),
                    _first_and_last(record["validation"]),
                    _first_and_last(record["test"]),
                    record["rows"],
                    record["best_epoch"],
                    record["corr"],
                )
                for record in fold_records(backtest)
            ],
        )
        if backtest.scheme.learns_from_future:
            echo(
                f"{backtest.name}: its folds also learned from eras that are later "
                "than those that they predict"
            )
        echo(f"{backtest.name}: purge {backtest.purge}; mean CORR of each fold's eras")
        echo(f"predictions: {format_value(backtest.predictions)}")
    if result.results:
        echo(f"next: nai score {' '.join(result.results)} --on backtest")


def _changes(entry: Entry) -> str:
    """Return the keys that differ, without those of the column ``prediction``."""
    others = {
        key: value
        for key, value in entry.changes.items()
        if not key.startswith("prediction.")
    }
    return changes_text(others)


@print_result.register
def _(result: History) -> None:
    entries = result.entries
    monitors = {one.monitor for one in entries if one.monitor}
    is_one = len(monitors) == 1
    # Commands take the end of an id; all of it is in --json.
    columns: dict[str, list[object]] = {
        "model": [one.model for one in entries],
        "kind": [one.kind for one in entries],
        "run": [one.id.rpartition("-")[2] for one in entries],
        "started (UTC)": [
            one.started and f"{one.started:%Y-%m-%d %H:%M}" for one in entries
        ],
        "recipe": [_changes(one) for one in entries],
        "prediction": [one.prediction for one in entries],
        "fold": [_fold(one) for one in entries],
        "best": [one.best and f"{one.unit} {one.best}" for one in entries],
        "monitor": ["" if is_one else one.monitor for one in entries],
        "".join(monitors) if is_one else "value": [one.best_value for one in entries],
        "validation": [one.validation_corr for one in entries],
        "test": [one.test_corr for one in entries],
        "state": [_state(one) for one in entries],
    }
    # A column without any value only takes room.
    shown = {name: values for name, values in columns.items() if any(values)}
    print_table(
        "Runs and backtests (fold: eras trained | validated | tested; validation and "
        "test: mean CORR)",
        list(shown),
        list(zip(*shown.values(), strict=True)),
    )
    for one in entries:
        if one.reason:
            echo(f"{one.model} {one.id}: {one.reason}")


@print_result.register
def _(result: Best) -> None:
    echo(f"{result.epoch} {result.path}")


print_result.register(Scored, print_scored)
print_result.register(Compared, print_compared)
print_result.register(Ensembled, print_ensembled)
print_result.register(Predicted, print_predicted)
print_result.register(Submitted, print_submitted)
print_result.register(Status, print_status)


@print_result.register
def _(result: LeakChecked) -> None:
    for report in result.results.values():
        print_table(
            f"{report.model}, {report.sentence}",
            ["check", "result", "found"],
            [(check.name, check.state, check.found) for check in report.checks],
        )
        for check in report.checks:
            for finding in check.findings:
                echo(f"{report.model}: {check.name} {check.state}: {finding.says}")
        for check in report.checks:
            for untested in check.untested:
                echo(f"{report.model}: {check.name}, not tested: {untested}")


@print_result.register
def _(result: Reported) -> None:
    echo(f"wrote {format_value(result.path)}: {', '.join(result.results)}")


@print_result.register
def _(result: Promoted) -> None:
    if result.before is None:
        echo(f"{result.name}: {result.run} predicts live data")
        return
    if result.corr is not None and result.difference is not None:
        print_table(
            f"CORR on {result.n_eras} common test eras",
            ["run", "", "trained", "mean CORR"],
            [
                (_tested(result.run), "new", result.run.trained, result.corr[0]),
                (
                    _tested(result.before),
                    "before",
                    result.before.trained,
                    result.corr[1],
                ),
            ],
        )
        found = result.difference
        interval = (
            f"95 % interval {found.low:+.4f} to {found.high:+.4f}"
            if found.low == found.low
            else "too few eras for an interval"
        )
        echo(f"difference {found.mean:+.4f}, {interval}")
    for which, run in (("new", result.run), ("before", result.before)):
        if run.weights:
            echo(f"{which}: {run.weights_text}")
    if result.warning:
        echo(f"{result.name}: {result.warning}")
    echo(
        f"{result.name}: {result.run.id} predicts live data now, no longer "
        f"{result.before.id}"
    )


@print_result.register
def _(result: TensorBoardServer) -> None:
    echo(f"TensorBoard at {result.url}; Ctrl-C ends it")


@print_result.register
def _(result: Simulation) -> None:
    echo(f"simulated tournament at {result.url}, keys SIMULATED and SIMULATED")
    echo(f"a workspace for it: nai init --simulation {result.url}")
    echo(f"export NUMERAI_API_URL={result.url}")
    echo("in numerai.toml: [tournament] simulated = true")
    echo("Ctrl-C ends it; the same command resumes where it stopped")


@print_result.register
def _(result: DemoResult) -> None:
    echo("\nResult", style="bold")
    for name, paths in result.pictures.items():
        echo(f"{name}: {', '.join(map(format_value, paths))}")
    echo(f"ledger: {format_value(result.folder / 'ledger.sqlite')}")
    where = f" -w {shlex.quote(format_value(result.folder))}"
    option = f"--demo{'' if result.folder == DEMO_FOLDER else where}"
    is_first = any(isinstance(step.result, Scored) for step in result.steps)
    echo(f"next round: bash predict.sh {option}{'' if is_first else ' --next'}")
    echo(f"best epoch: bash bestepoch.sh {option} mlp")
    names = " ".join(result.pictures)
    echo(f"which model gets the stake: nai{where} backtest {names}, then")
    echo(f"  nai{where} report {names} --on backtest")
    echo(f"both as one model: nai{where} ensemble both {names}")
    echo(f"to start over delete {format_value(result.folder)}")
    echo("\nFor real, with your Numerai keys", style="bold")
    echo("export NUMERAI_PUBLIC_ID=... NUMERAI_SECRET_KEY=...")
    echo("bash prepare.sh         download v5.3, make shards, train both models")
    echo("bash predict.sh mlp     predict the open round and submit")
    echo("numerai.toml maps a model to its name at Numerai")


def print_step(step: Step) -> None:
    """Print a step of the demo when it is done."""
    echo(f"\n{step.title}{f': {step.command}' if step.command else ''}", style="bold")
    if isinstance(step.result, Simulation):
        echo(f"{format_value(step.result.now)}, {step.result.url}")
    else:
        print_result(step.result)


def print_json(result: Result) -> None:
    """Print a result as JSON on stdout."""
    sys.stdout.write(json.dumps(plain(result.to_dict()), indent=2) + "\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """Print an error on stderr."""
    sys.stderr.write(f"error: {harmless(text)}\n")


def _fold(entry: Entry) -> str:
    parts = (entry.trained, entry.validated, entry.tested)
    return " | ".join(part or "–" for part in parts) if any(parts) else ""


def _state(entry: Entry) -> str:
    return "in production" if entry.is_production else entry.state


def _tested(run: ProductionRun) -> str:
    """Return the run that was tested, which of a refit is another one."""
    return run.refit_of or run.id


def _first_and_last(eras: str) -> str:
    """Shorten ranges of eras that fill a line, as those of every Nth era do.

    >>> _first_and_last("1-148,321-1088"), _first_and_last("1,5,9,13,17,21,25,29,33")
    ('1-148,321-1088', '1 … 33')
    """
    if len(eras) <= _MOST_ERAS:
        return eras
    return f"{eras.split('-')[0].split(',')[0]} … {eras.split('-')[-1].split(',')[-1]}"


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _line(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_line(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(str(entry) for entry in value[:8])
        return f"{shown}, … ({len(value)})" if len(value) > 8 else shown
    return format_value(value)
