"""The backtest of an ensemble: the backtests of its members, blended.

Nothing is trained. The folder appears whole or not at all: what takes time are the
members' backtests, which resume by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from numerai_pipeline.core import (
    SILENT,
    DataError,
    EvaluationSettings,
    Progress,
    atomic_folder,
    dated_name,
    digest_of,
    locked,
    short_of,
    stopwatch,
    write_json,
)
from numerai_pipeline.data import Fold, ShardReader
from numerai_pipeline.evaluation.backtests.folder import (
    PREDICTIONS_FILE,
    Backtest,
    FoldResult,
)
from numerai_pipeline.evaluation.backtests.running import join_folds, mean_corr
from numerai_pipeline.evaluation.ensembles.joining import Joined, join_backtests
from numerai_pipeline.evaluation.ensembles.learning import (
    weigh_members,
    weighed_by,
)
from numerai_pipeline.evaluation.ensembles.pinning import union_fold
from numerai_pipeline.evaluation.ensembles.weight_file import EnsembleWeights
from numerai_pipeline.evaluation.neutralizing import neutralized
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    out_of_sample,
    write_out_of_sample,
)
from numerai_pipeline.evaluation.predicting import PredictedRows, ShardRows
from numerai_pipeline.models import Recipe, ensemble_parameters
from numerai_pipeline.training import WEIGHTS_FILE


@dataclass(frozen=True)
class EnsembleBacktest:
    """What to blend, and where to.

    Attributes:
        name: the ensemble's name.
        recipe: with every key of its tables.
        members: finished backtests of one scheme, by the members' names.
        shards: have the rows.
        folder: of the ensemble's backtests, in which this one's folder is made.
        started: the present moment, which names it.
        meta_model: Numerai's ``meta_model.parquet``, if it is there.
        settings: what CORR and MMC earn.
        neutral_features: columns of the feature sets that the recipe's
            ``[prediction]`` neutralizes to.
        benchmarks: Numerai's benchmark files that are there, for the same.
    """

    name: str
    recipe: Recipe
    members: Mapping[str, Backtest]
    shards: ShardReader
    folder: Path
    started: datetime
    meta_model: Path | None
    settings: EvaluationSettings
    neutral_features: tuple[str, ...] = ()
    benchmarks: tuple[Path, ...] = ()


def backtest_ensemble(
    job: EnsembleBacktest, *, progress: Progress = SILENT, restart: bool = False
) -> Backtest:
    """Blend the backtests of the members; a finished blend is returned at once.

    Each era is blended by weights that were learned from earlier eras only.

    Args:
        job: what to blend.
        progress: where to report.
        restart: blend again, and replace the folder.

    Raises:
        ConfigError: if another process does this backtest.
        DataError: if the members predict no era in common, or a file is broken.
    """
    joined = join_backtests(job.members, job.shards, job.recipe.target)
    fingerprint = digest_of(
        {
            "recipe": job.recipe.model_dump(mode="json"),
            "neutral": job.neutral_features,
            **weighed_by(joined, job.meta_model, job.settings),
        }
    )
    short = short_of(fingerprint)
    with locked(job.folder / short, doing=f"backtesting '{job.name}'"):
        folder = next(iter(sorted(job.folder.glob(f"*-{short}"))), None)
        if folder is None or restart:
            folder = folder or job.folder / dated_name(job.started, fingerprint)
            progress.note(
                f"backtest of {job.name}: blends those of {', '.join(job.members)}"
            )
            with atomic_folder(folder) as partial:
                _write(job, joined, fingerprint, partial, progress)
        return Backtest.open(folder)


def _write(
    job: EnsembleBacktest,
    joined: Joined,
    fingerprint: str,
    folder: Path,
    progress: Progress,
) -> None:
    """Write all files of the backtest, ``DONE`` last."""
    planned = _plan(job, joined, folder)
    planned.write_plan(folder, fingerprint=fingerprint, shards=job.shards.folder.name)
    kind = ensemble_parameters(job.recipe).weights
    weights = weigh_members(joined, kind, job.meta_model, job.settings)
    write_json(folder / WEIGHTS_FILE, weights.to_dict())
    for number, fold in enumerate(planned.folds, start=1):
        started = stopwatch()
        found = _predict_fold(job, fold, joined, weights, progress)
        write_out_of_sample(found, planned.fold_dir(number) / PREDICTIONS_FILE)
        result = FoldResult(
            number=number,
            n_train_rows=job.shards.n_rows(None, fold.train),
            n_rows=len(found.ids),
            best_epoch=len(joined.names),
            unit="member",
            corr=mean_corr(found, joined.target),
            seconds=stopwatch() - started,
        )
        result.write(planned.fold_dir(number))
    join_folds(planned, progress)
    planned.mark_done()


def _plan(job: EnsembleBacktest, joined: Joined, folder: Path) -> Backtest:
    members = list(job.members.values())
    folds = _folds(members, joined)
    targets = [one for member in members for one in member.targets]
    manifest = job.shards.manifest
    return Backtest(
        folder=folder,
        name=job.name,
        recipe=job.recipe,
        targets=tuple(dict.fromkeys((job.recipe.target, *targets))),
        scheme=members[0].scheme,
        folds=tuple(folds),
        purge=folds[0].purge,
        shards_fingerprint=manifest.fingerprint,
        data_version=manifest.data_version,
        started=job.started,
    )


def _folds(members: Sequence[Backtest], joined: Joined) -> list[Fold]:
    """Return a fold per stretch of eras that each member predicts in one of its own.

    Raises:
        DataError: if all eras are nearer than the longest purge to some fold's.
    """
    of_era = [{era: fold for fold in one.folds for era in fold.test} for one in members]
    stretches: dict[tuple[Fold, ...], list[int]] = {}
    for era in joined.eras:
        stretches.setdefault(tuple(one[era] for one in of_era), []).append(era)
    folds = [union_fold(folds, test=eras) for folds, eras in stretches.items()]
    found = [fold for fold in folds if fold.test]
    if not found:
        raise DataError(
            f"all {len(joined.eras)} eras that {', '.join(joined.names)} predict are "
            f"nearer than a purge of {joined.purge} to eras that one of them learned "
            "from. Backtest them with larger chunks: `--chunk`."
        )
    return found


def _predict_fold(
    job: EnsembleBacktest,
    fold: Fold,
    joined: Joined,
    weights: EnsembleWeights,
    progress: Progress,
) -> OutOfSample:
    """Blend the members' predictions of a fold's test eras, then neutralize them."""
    is_tested = np.isin(joined.found.eras, fold.test)
    eras = joined.found.eras[is_tested]
    targets = joined.found.targets[joined.target][is_tested]
    blended = PredictedRows(
        ids=joined.found.ids[is_tested],
        eras=eras,
        y=targets[:, None],
        predictions=weights.blend(joined.predictions[is_tested], eras),
    )
    rows = ShardRows(job.shards, fold.part("test"), (), job.benchmarks)
    return out_of_sample(neutralized(blended, job, rows, progress), (joined.target,))
