"""Trained models are taken over where only ``[prediction]`` differs.

The new run has the old one's files as hard links, and its own recipe.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from numerai_pipeline.core import (
    DataError,
    PipelineError,
    Progress,
    atomic_folder,
    format_time,
    locked,
    read_json,
    read_toml,
    retrain,
    write_json,
    write_toml,
)
from numerai_pipeline.training.job import Plan
from numerai_pipeline.training.run import (
    CONFIG_FILE,
    CURVES_FOLDER,
    DONE_FILE,
    FEATURES_FILE,
    Run,
    mark_done,
)

# Beside what ``DONE`` lists. Scores and predictions are of the old run alone.
_ALSO_TRAINED = (
    "*untrained.*",
    "history-*.csv",
    "importance.csv",
    "plots/training.png",
    "plots/importance.png",
    f"{CURVES_FOLDER}/**/*",
)


def find_trained(plan: Plan) -> Run | None:
    """Return a finished run whose trained models are those of a plan; the newest.

    Runs that are broken do not count.
    """
    found = [
        done.parent
        for runs in (plan.job.runs, *plan.job.also_from)
        for done in runs.glob(f"*/{DONE_FILE}")
    ]
    for folder in sorted(found, key=lambda path: path.name, reverse=True):
        try:
            run = read_toml(folder / CONFIG_FILE)["run"]
            known = run.get("trained_fingerprint", run["fingerprint"])
            if known == plan.trained_fingerprint:
                whole = Run.open(folder)
                whole.best()  # raises if a file is broken
                return whole
        except (AttributeError, KeyError, OSError, PipelineError, TypeError):
            continue  # another one may be whole; else the training is done
    return None


def take_over(plan: Plan, trained: Run, name: str, progress: Progress) -> Path:
    """Make a finished run from the trained models of another one, atomically.

    Args:
        plan: of the new run.
        trained: the other one, finished.
        name: of the new run's folder.
        progress: where it is noted.

    Raises:
        ConfigError: if another process trains the other run.
        DataError: if its files changed meanwhile.
    """
    other, folder = trained.folder, plan.job.runs / name
    with (
        locked(other.parent / other.name.rpartition("-")[2], doing="training"),
        atomic_folder(folder) as partial,
    ):
        for path in _files(other):
            _link(path, partial / path.relative_to(other))
        write_json(partial / FEATURES_FILE, features_record(plan))
        write_toml(partial / CONFIG_FILE, _config(plan, other))
        known = _checksums(other)
        mark_done(partial, tuple(known), asked=plan.job.started)
        own = {CONFIG_FILE, FEATURES_FILE}
        changed = [
            file
            for file, checksum in _checksums(partial).items()
            if file not in own and checksum != known[file]
        ]
        if changed:
            raise DataError(f"{other / changed[0]} was changed. {retrain(other)}")
    progress.note(
        f"{plan.job.name}: not trained again, since the run {other.name} has the same "
        "models; only [prediction] differs"
    )
    return folder


def features_record(plan: Plan) -> dict[str, object]:
    """Return what a run keeps of its columns, so that it needs no ``features.json``."""
    recipe = plan.job.recipe
    record = {
        "features": plan.features,
        "target": recipe.target,
        "missing": recipe.missing,
    }
    if recipe.prediction.neutralize.features:
        record["neutral_features"] = plan.job.neutral_features
    return record


def fingerprints_of(plan: Plan) -> dict[str, str]:
    """Return the fingerprints that a run keeps: one, without ``[prediction]``."""
    found = {"fingerprint": plan.fingerprint}
    if plan.trained_fingerprint != plan.fingerprint:
        found["trained_fingerprint"] = plan.trained_fingerprint
    return found


def _config(plan: Plan, other: Path) -> dict[str, object]:
    config = read_toml(other / CONFIG_FILE)
    of_run = {key: v for key, v in config["run"].items() if "fingerprint" not in key}
    of_run |= {
        "name": plan.job.name,
        "started": format_time(plan.job.started),
        **fingerprints_of(plan),
        "shards_fingerprint": config["run"]["shards_fingerprint"],
        "refit_of": plan.job.refit_of,
        "taken_from": other.name,
    }
    recipe = plan.checked.complete().model_dump(mode="json")
    return {**config, "run": of_run, "recipe": recipe}


def _files(other: Path) -> Iterator[Path]:
    """Yield the files of a finished run that its training made."""
    own = {CONFIG_FILE, FEATURES_FILE}
    found = {other / file for file in _checksums(other) if file not in own}
    for pattern in _ALSO_TRAINED:
        found.update(path for path in other.glob(pattern) if path.is_file())
    yield from sorted(found)


def _checksums(folder: Path) -> dict[str, str]:
    checksums: dict[str, str] = read_json(folder / DONE_FILE)["sha256"]
    return checksums


def _link(path: Path, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, into)
    except OSError:  # another disk, or one without links
        shutil.copy2(path, into)
