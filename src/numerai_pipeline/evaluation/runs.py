"""Scores of a run on eras that it did not learn from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    SILENT,
    DataError,
    Progress,
    columns,
    digest_of,
    sha256_of,
)
from numerai_pipeline.data import ShardReader, format_eras
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    choose_part,
    fold_of,
    predict_part,
    write_out_of_sample,
)
from numerai_pipeline.evaluation.plots import plot_scores
from numerai_pipeline.evaluation.references import Reference, read_references
from numerai_pipeline.evaluation.result import (
    LAYOUT,
    Coverage,
    EvaluatedPart,
    Evaluation,
    ScoreRow,
    plot_path,
    predictions_path,
    read_evaluation,
)
from numerai_pipeline.scoring import contribution_per_era, corr_per_era
from numerai_pipeline.training import Run

_Mask = npt.NDArray[np.bool_]


def evaluate(
    run: Run,
    shards: ShardReader,
    *,
    meta_model: Path | None,
    benchmarks: Sequence[Path] = (),
    on: EvaluatedPart = "test",
    force: bool = False,
    progress: Progress = SILENT,
) -> Evaluation:
    """Score a run out-of-sample, beside the meta model and the benchmark models.

    Writes into the run folder ``predictions_test.parquet``, ``plots/scores.png`` and,
    last, ``scores.json``. Nothing is done if that file was made from the same run,
    shards and references.

    The scores are measured by ``target``, which is what the tournament pays for, as
    far as the shards hold it; a model that learned another one is measured by that
    too. An era is compared with a reference that has predictions for at least 80 %
    of its rows. An era that has other targets only is predicted, but not scored.

    Args:
        run: a finished run.
        shards: any shards that have the run's features and eras to score it on.
        meta_model: Numerai's ``meta_model.parquet``, if it is there.
        benchmarks: Numerai's benchmark files.
        on: which eras; where there are no test eras, the validation eras are scored,
            and the result says so.
        force: score again what was scored.
        progress: where to report.

    Raises:
        DataError: if the run did not record its eras, if none can be scored, or if a
            file is broken.
    """
    on, part = choose_part(run, shards, on)
    fingerprint = _fingerprint(run, shards, on, meta_model, benchmarks)
    known = None if force else read_evaluation(run.folder, on, fingerprint)
    if known is not None:
        return known
    target = _target(run, shards)
    found = predict_part(
        run, shards, part, tuple(dict.fromkeys((target, run.target))), progress
    )
    write_out_of_sample(found, predictions_path(run.folder, on))
    references = read_references(found.ids, meta_model, benchmarks)
    has_target = _has_target(found, target)
    if not has_target.any():
        raise DataError(
            f"none of the {on} eras {format_eras(part.eras)} in {shards.folder} has a "
            f"'{target}' yet, so nothing can be scored. Download newer data, or use "
            "more eras for validation: `nai etl --split 0.2`."
        )
    fold = fold_of(run)
    evaluation = Evaluation(
        folder=run.folder,
        model=run.name,
        on=on,
        purge=fold.purge,
        horizon=columns.purge_eras((*run.targets, target)),
        by_rows=fold.by_rows,
        target=target,
        n_rows=len(found.ids),
        n_eras=len(np.unique(found.eras[has_target])),
        rows=_score(run, found, target, references),
        coverage=tuple(
            _coverage(reference, found, has_target) for reference in references
        ),
        shards_fingerprint=shards.manifest.fingerprint,
        fingerprint=fingerprint,
    )
    plot_scores(evaluation, plot_path(run.folder, on))
    evaluation.write()
    return evaluation


def _target(run: Run, shards: ShardReader) -> str:
    is_there = columns.TARGET in shards.manifest.target_names
    return columns.TARGET if is_there else run.target


def _fingerprint(
    run: Run,
    shards: ShardReader,
    on: EvaluatedPart,
    meta_model: Path | None,
    benchmarks: Sequence[Path],
) -> str:
    """Return what changes when the result would."""
    files = [path for path in (meta_model, *benchmarks) if path is not None]
    for path in files:
        if not path.is_file():
            raise DataError(
                f"{path} does not exist. Run `nai download --meta --benchmarks`."
            )
    return digest_of(
        {
            "layout": LAYOUT,
            "model": sha256_of(run.best().path),
            "shards": shards.manifest.fingerprint,
            "on": on,
            "references": [(path.name, sha256_of(path)) for path in files],
        }
    )


def _score(
    run: Run, found: OutOfSample, target: str, references: Sequence[Reference]
) -> tuple[ScoreRow, ...]:
    has_target = _has_target(found, target)
    rows = [_corr("CORR", run.name, found, target, has_target)]
    if run.target != target:
        learned = _has_target(found, run.target)
        if learned.any():
            metric = f"CORR with {run.target}"
            rows.append(_corr(metric, run.name, found, run.target, learned))
    for reference in references:
        covered = reference.covers(found.eras, has_target)
        # All rows of these eras: targets without a reference count for their mean.
        same = has_target & np.isin(found.eras, found.eras[covered])
        if same.any():
            rows += _compare(run.name, found, target, reference, same)
    return tuple(rows)


def _compare(
    name: str, found: OutOfSample, target: str, reference: Reference, same: _Mask
) -> list[ScoreRow]:
    """Score a reference, and the model beside it, on the eras that it covers."""
    eras, targets = found.eras[same], found.targets[target][same]
    predictions, values = found.predictions[same], reference.values[same]
    is_meta_model = reference.kind == "meta model"
    contribution = "MMC" if is_meta_model else f"BMC of {reference.name}"
    rows = [
        ScoreRow(
            reference.name,
            "CORR",
            corr_per_era(values, targets, eras, allow_missing=True),
        ),
        ScoreRow(
            name, contribution, contribution_per_era(predictions, values, targets, eras)
        ),
    ]
    has_target = _has_target(found, target)
    if len(np.unique(eras)) < len(np.unique(found.eras[has_target])):
        metric = f"CORR in the eras of {reference.name}"
        rows.insert(1, _corr(metric, name, found, target, same))
    return rows


def _corr(
    metric: str, name: str, found: OutOfSample, target: str, rows: _Mask
) -> ScoreRow:
    scores = corr_per_era(
        found.predictions[rows],
        found.targets[target][rows],
        found.eras[rows],
    )
    return ScoreRow(name, metric, scores)


def _has_target(found: OutOfSample, target: str) -> _Mask:
    """Return which rows have the target, in eras where at least two do."""
    has_target = ~np.isnan(found.targets[target])
    n_rows = np.bincount(found.eras, weights=has_target)
    return has_target & (n_rows[found.eras] >= 2)


def _coverage(reference: Reference, found: OutOfSample, has_target: _Mask) -> Coverage:
    covered = reference.covers(found.eras, has_target)
    return Coverage(
        name=reference.name,
        kind=reference.kind,
        n_eras=len(np.unique(found.eras[covered])),
        share_of_rows=float(covered.sum() / has_target.sum()),
    )
