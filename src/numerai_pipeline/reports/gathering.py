"""What is known of a model beside its scores, from the files of its workspace."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from numerai_pipeline.core import (
    DataError,
    PipelineError,
    Workspace,
    format_time,
    read_json,
    read_toml,
)
from numerai_pipeline.data import FEATURE_GROUPS, FeatureCatalog
from numerai_pipeline.evaluation import Evaluation
from numerai_pipeline.reports.inputs import LeakCheck, LeakState, ModelReport
from numerai_pipeline.training import DONE_FILE, RUN_CONFIG, Chart, Run

_LEAKS_FILE = "leaks.json"

# A check that was left out is no finding; the file names it.
_STATES: Mapping[str, LeakState] = {
    "passed": "passed",
    "not tested": "passed",
    "warning": "warning",
    "failed": "failed",
}


def gather(
    name: str, evaluation: Evaluation, *, workspace: Workspace, n_openings: int = 0
) -> ModelReport:
    """Return all that a report shows of a model.

    What is missing on disk is missing in the report, which says so.

    Args:
        name: how the report calls it.
        evaluation: its scores.
        workspace: where its runs are.
        n_openings: how often its lockbox eras were scored.

    Raises:
        DataError: if the run that was scored is broken.
    """
    runs_dir = workspace.runs_dir(evaluation.model)
    runs = _runs(evaluation)
    first = runs[-1] if runs else None
    return ModelReport(
        name=name,
        evaluation=evaluation,
        leaks=_leak_check(evaluation.folder, runs_dir),
        n_trials=len(list(runs_dir.glob(f"*/{DONE_FILE}"))),
        n_openings=n_openings,
        curves=tuple(_curves(runs)),
        groups=_groups(first, workspace),
        recipe=first.recipe.model_dump(mode="json") if first else {},
        facts=_facts(first) if first else {},
        commands=_commands(name, evaluation),
    )


def _runs(evaluation: Evaluation) -> list[Run]:
    """Return the run that was scored, or those of a backtest's folds, in order."""
    folder = evaluation.folder
    if evaluation.on != "backtest":
        return [Run.open(folder)]
    done = sorted(folder.glob(f"folds/*/runs/*/{DONE_FILE}"))
    return [Run.open(path.parent) for path in done]


def _leak_check(folder: Path, runs_dir: Path) -> LeakCheck:
    """Return what the leak check of a run found, or that of the model's newest run.

    A backtest has none of its own. One that cannot be read was not made.
    """
    newest = sorted(runs_dir.glob(f"*/{_LEAKS_FILE}"), reverse=True)
    own = folder / _LEAKS_FILE
    path = next((each for each in (own, *newest) if each.is_file()), None)
    if path is None:
        return LeakCheck()
    try:
        record = read_json(path)
        findings = tuple(
            f"Leak check, {check['name']}: {finding['says']}"
            for check in record["checks"]
            for finding in check["findings"]
        )
        state = _STATES.get(record["state"], "not run")
    except (AttributeError, DataError, KeyError, TypeError):
        return LeakCheck()
    return LeakCheck(state, findings, run="" if path == own else path.parent.name)


def _curves(runs: Sequence[Run]) -> list[Chart]:
    found = []
    for run in runs:
        with contextlib.suppress(DataError):  # `nai best` says what is broken
            found.append(run.chart())
    return found


def _groups(run: Run | None, workspace: Workspace) -> Mapping[str, Sequence[str]]:
    if run is None:
        return {}
    try:
        path = workspace.data_dir(run.data_version) / "features.json"
        sets = FeatureCatalog.load(path).sets
    except PipelineError:
        return {}
    return {name: sets[name] for name in FEATURE_GROUPS if name in sets}


def _facts(run: Run) -> dict[str, str]:
    config = read_toml(run.folder / RUN_CONFIG)
    of_run, versions = config["run"], config.get("versions", {})
    return {
        "run": run.folder.name,
        "trained": format_time(run.started),
        "family": run.recipe.family,
        "data": run.data_version,
        "features": f"{len(run.features):,} of the set {run.recipe.feature_set}",
        "learned target": run.target,
        "recipe, fold and shards": str(of_run.get("fingerprint", "")),
        "device": str(of_run.get("device", "")),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }


def _commands(name: str, evaluation: Evaluation) -> tuple[str, ...]:
    make = "backtest" if evaluation.on == "backtest" else "train"
    part = "test" if evaluation.on == "lockbox" else evaluation.on
    return (
        "nai download && nai etl",
        f"nai {make} {evaluation.model}",
        f"nai score {name} --on {part}",
        f"nai report {name} --on {part}",
    )
