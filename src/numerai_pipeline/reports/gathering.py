"""What is known of a model beside its scores, from the files of its workspace."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from numerai_pipeline.core import (
    DataError,
    PipelineError,
    Workspace,
    format_time,
    read_toml,
)
from numerai_pipeline.data import FEATURE_GROUPS, FeatureCatalog, Scheme
from numerai_pipeline.evaluation import (
    Backtest,
    EnsembleWeights,
    Evaluation,
    LeakReport,
    read_leak_report,
    trials_of,
)
from numerai_pipeline.models import is_ensemble
from numerai_pipeline.reports.inputs import ModelReport
from numerai_pipeline.training import RUN_CONFIG, WEIGHTS_FILE, Chart, Run


def gather(
    name: str,
    evaluation: Evaluation,
    *,
    workspace: Workspace,
    n_openings: int = 0,
    changes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> ModelReport:
    """Return all that a report shows of a model.

    What is missing on disk is missing in the report, which says so.

    Args:
        name: how the report calls it.
        evaluation: its scores.
        workspace: where its runs are.
        n_openings: how often its lockbox eras were scored.
        changes: options by which its recipe differs from the model's present one.
        notes: what else to know of its scores, a sentence each.

    Raises:
        DataError: if the run or backtest that was scored is broken.
    """
    runs_dir = workspace.runs_dir(evaluation.model)
    if evaluation.on == "backtest":
        backtest = Backtest.open(evaluation.folder)
        recipe = backtest.recipe
        runs, make = backtest.runs(), _backtest_command(backtest)
    else:
        runs = [Run.open(evaluation.folder)]
        recipe = runs[0].recipe
        make = f"nai train {evaluation.model}"
    # Folds that were cleared away have left their predictions.
    newest = runs[-1] if runs else None
    leaks = _leak_report(evaluation.folder, runs_dir)
    if leaks and newest and _is_other_recipe(leaks, newest):
        notes = [*notes, "The leak check is of a run with another recipe."]
    options = list(changes)
    if evaluation.purge < evaluation.needed_purge:
        options.append("--allow-leak")
    made = " ".join([make, *options])
    return ModelReport(
        name=name,
        evaluation=evaluation,
        leaks=leaks,
        trials=trials_of(evaluation),
        n_openings=n_openings,
        notes=tuple(notes),
        curves=tuple(_curves(runs)),
        groups=_groups(newest, workspace) if newest else {},
        weights=_weights(evaluation) if is_ensemble(recipe) else None,
        recipe=recipe.model_dump(mode="json"),
        facts=_facts(evaluation, newest) if newest else {},
        commands=("nai download && nai etl", made, *_commands(name, evaluation)),
    )


def _leak_report(folder: Path, runs_dir: Path) -> LeakReport | None:
    """Return the leak check of a run, or that of the newest run that has one.

    A backtest has none of its own.
    """
    others = sorted(runs_dir.glob("*/"), reverse=True)
    found = (read_leak_report(each) for each in (folder, *others))
    return next((each for each in found if each is not None), None)


def _is_other_recipe(leaks: LeakReport, run: Run) -> bool:
    try:
        return Run.open(leaks.folder).recipe != run.recipe
    except DataError:  # the run that was checked is gone
        return True


def _curves(runs: Sequence[Run]) -> list[Chart]:
    found = []
    for run in runs:
        with contextlib.suppress(DataError):  # `nai best` says what is broken
            found.append(run.chart())
    return found


def _weights(evaluation: Evaluation) -> EnsembleWeights:
    if evaluation.on == "backtest":
        return EnsembleWeights.read(evaluation.folder / WEIGHTS_FILE)
    return EnsembleWeights.read(Run.open(evaluation.folder).best().path)


def _groups(run: Run, workspace: Workspace) -> Mapping[str, Sequence[str]]:
    try:
        path = workspace.data_dir(run.data_version) / "features.json"
        sets = FeatureCatalog.load(path).sets
    except PipelineError:
        return {}
    return {name: sets[name] for name in FEATURE_GROUPS if name in sets}


def _facts(evaluation: Evaluation, run: Run) -> dict[str, str]:
    config = read_toml(run.folder / RUN_CONFIG)
    of_run, versions = config["run"], config.get("versions", {})
    is_backtest = evaluation.on == "backtest"
    return {
        "backtest" if is_backtest else "run": evaluation.folder.name,
        **(
            {"folds": f"{len(evaluation.folds)}, the newest of which:"}
            if is_backtest
            else {}
        ),
        "trained": format_time(run.started),
        "family": run.recipe.family,
        "data": run.data_version,
        **(_of_members(run) if run.is_ensemble else _of_training(run)),
        "recipe, fold and shards": str(of_run.get("fingerprint", "")),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }


def _of_training(run: Run) -> dict[str, str]:
    return {
        "features": f"{len(run.features):,} of the set {run.recipe.feature_set}",
        "learned target": run.target,
        "device": str(read_toml(run.folder / RUN_CONFIG)["run"].get("device", "")),
    }


def _of_members(run: Run) -> dict[str, str]:
    """Return the runs of an ensemble's members; of a refit the one that was scored."""
    found = {}
    for member in run.members:
        tested = member.tested_run
        of = "" if tested == member.run else f", a refit of {tested}"
        found[f"member {member.model}"] = f"{member.run}{of}"
    return found


def _backtest_command(backtest: Backtest) -> str:
    """Return the command with the options that are not the defaults."""
    usual, scheme = Scheme(), backtest.scheme
    given = {
        "--scheme": (scheme.name, usual.name),
        # The default follows the number of eras, which new data changes.
        "--chunk": (scheme.chunk, None),
        "--train-eras": (scheme.train_eras, usual.train_eras),
        "--every": (scheme.every, usual.every),
    }
    options = [f"{flag} {one}" for flag, (one, other) in given.items() if one != other]
    return " ".join(["nai backtest", backtest.name, *options])


def _commands(name: str, evaluation: Evaluation) -> tuple[str, str]:
    on = "test --open-lockbox" if evaluation.on == "lockbox" else evaluation.on
    return f"nai score {name} --on {on}", f"nai report {name} --on {on.split()[0]}"
