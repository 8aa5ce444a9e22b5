"""The run of an ensemble: the runs of its members, pinned, and their weights.

Nothing is trained. The folder is a run like any other, so that it is scored, promoted
and predicts like one; its model's file is that of the weights.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    atomic_folder,
    dated_name,
    digest_of,
    format_time,
    locked,
    short_of,
    write_json,
    write_toml,
)
from numerai_pipeline.data import Fold, ShardReader
from numerai_pipeline.models import Recipe
from numerai_pipeline.training.job import check_targets
from numerai_pipeline.training.members import Member
from numerai_pipeline.training.neutral_columns import check_prediction
from numerai_pipeline.training.run import (
    CHECKPOINTS,
    CONFIG_FILE,
    FEATURES_FILE,
    WEIGHTS_FILE,
    Run,
    mark_asked,
    mark_done,
)
from numerai_pipeline.training.runs import latest_run
from numerai_pipeline.training.trainer import find_run


@dataclass(frozen=True)
class EnsembleJob:
    """What an ensemble is made of, and where to.

    Attributes:
        name: the ensemble's name.
        recipe: with every key of its tables.
        members: its members, whose runs are pinned.
        fold: the eras that any of them learned from or was chosen on, and those that
            are test eras of all.
        weighed_by: what the weights depend on, such as checksums of predictions.
        runs: folder in which the run's folder is made.
        started: the present moment, which names the run.
        data_version: the release of the members' data; empty if they differ.
        neutral_features: columns of the feature sets that the recipe's
            ``[prediction]`` neutralizes to.
        benchmarks: Numerai's benchmark files that are there, for the same.
    """

    name: str
    recipe: Recipe
    members: tuple[Member, ...]
    fold: Fold
    weighed_by: Mapping[str, Any]
    runs: Path
    started: datetime
    data_version: str = ""
    neutral_features: tuple[str, ...] = ()
    benchmarks: tuple[Path, ...] = ()

    @property
    def fingerprint(self) -> str:
        """64 hex digits of everything that decides the predictions."""
        return digest_of(
            {
                "recipe": self.recipe.model_dump(mode="json"),
                "members": [member.to_dict() for member in self.members],
                "weighed_by": dict(self.weighed_by),
                "neutral": self.neutral_features,
            }
        )


def make_ensemble_run(
    job: EnsembleJob,
    weigh: Callable[[], Mapping[str, Any]],
    reader: ShardReader,
    *,
    restart: bool = False,
    on_done: Callable[[Run], None] = lambda _run: None,
) -> Run:
    """Write the run of an ensemble; the same members and weights are the same run.

    Args:
        job: what it is made of.
        weigh: learns what ``weights.json`` holds; called if the run is not there yet.
        reader: the shards that it is to be scored on.
        restart: replace the run, even a broken one.
        on_done: called with the run before anybody else can make it.

    Raises:
        ConfigError: if another process makes this very run, or there is no such
            benchmark to neutralize to.
        DataError: if the run that is there is broken, or the shards lack the target,
            or a feature to neutralize to.
    """
    check_targets(job.name, (job.recipe.target,), reader)
    check_prediction(job, reader)
    fingerprint = job.fingerprint
    with locked(
        job.runs / short_of(fingerprint), doing=f"making the ensemble '{job.name}'"
    ):
        folder = find_run(job.runs, fingerprint)
        if folder is None or restart:
            folder = folder or job.runs / dated_name(job.started, fingerprint)
            weights = weigh()
            with atomic_folder(folder) as partial:
                _write(job, fingerprint, weights, partial)
        run = Run.open(folder)
        if latest_run(job.runs).folder != folder:
            mark_asked(folder, job.started)
        on_done(run)
    return run


def _write(
    job: EnsembleJob, fingerprint: str, weights: Mapping[str, Any], folder: Path
) -> None:
    """Write all files of the run, ``DONE`` last."""
    of_weights = f"{CHECKPOINTS}/{WEIGHTS_FILE}"
    (folder / CHECKPOINTS).mkdir()
    write_json(folder / of_weights, dict(weights))
    # The features are those of the members, each with its own.
    features = {
        "features": (),
        "target": job.recipe.target,
        "missing": job.recipe.missing,
        "neutral_features": job.neutral_features,
    }
    write_json(folder / FEATURES_FILE, features)
    write_toml(
        folder / CONFIG_FILE,
        {
            "run": {
                "name": job.name,
                "started": format_time(job.started),
                "fingerprint": fingerprint,
                "data_version": job.data_version,
            },
            "fold": job.fold.to_dict(),
            "member": [member.to_dict() for member in job.members],
            "versions": {
                "python": platform.python_version(),
                "numerai-pipeline": version("numerai-pipeline"),
            },
            "recipe": job.recipe.model_dump(mode="json"),
        },
    )
    mark_done(folder, (CONFIG_FILE, FEATURES_FILE, of_weights), asked=job.started)
