"""How good a run is on eras that it never saw."""

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
from numerai_pipeline.data import ShardReader
from numerai_pipeline.prediction.evaluation import (
    LAYOUT,
    Coverage,
    Evaluation,
    ScoreRow,
    plot_path,
    predictions_path,
    read_evaluation,
)
from numerai_pipeline.prediction.held_out import (
    HeldOut,
    check_unseen,
    predict_held_out,
    write_held_out,
)
from numerai_pipeline.prediction.plot import plot_scores
from numerai_pipeline.prediction.references import Reference, read_references
from numerai_pipeline.scoring import contribution_per_era, corr_per_era
from numerai_pipeline.training import Run

_Mask = npt.NDArray[np.bool_]


def evaluate(
    run: Run,
    shards: ShardReader,
    *,
    meta_model: Path | None,
    benchmarks: Sequence[Path] = (),
    split: str = "valid",
    force: bool = False,
    progress: Progress = SILENT,
) -> Evaluation:
    """Score a run on held-out eras, beside the meta model and the benchmark models.

    Writes into the run folder ``predictions_valid.parquet`` (out-of-sample
    predictions), ``plots/scores.png`` and, last, ``scores.json``. Nothing is done
    if that file was made from the same run, shards and references.

    The scores are measured by ``target``, which is what the tournament pays for, as
    far as the shards hold it; a model that learned another one is measured by that
    too. An era is compared with a reference that has predictions for at least 80 %
    of its rows. An era that has other targets only is predicted, but not scored.

    Args:
        run: a finished run.
        shards: the shards that it was trained on.
        meta_model: Numerai's ``meta_model.parquet``, if it is there.
        benchmarks: Numerai's benchmark files.
        split: which eras: ``valid``, by which the best epoch was chosen, or
            ``test``, if the shards hold such, which nobody has looked at.
        force: score again what was scored.
        progress: where to report.

    Raises:
        DataError: if the run may have seen these eras, if none of them has a target,
            or if a file is broken.
    """
    check_unseen(run, shards, split)
    fingerprint = _fingerprint(run, shards, split, meta_model, benchmarks)
    known = None if force else read_evaluation(run.folder, split, fingerprint)
    if known is not None:
        return known
    target = _target(run, shards)
    held_out = predict_held_out(
        run, shards, split, tuple(dict.fromkeys((target, run.target))), progress
    )
    write_held_out(held_out, predictions_path(run.folder, split))
    references = read_references(held_out.ids, meta_model, benchmarks)
    has_target = _has_target(held_out, target)
    if not has_target.any():
        raise DataError(
            f"no era of the split '{split}' in {shards.folder} has a '{target}' yet, "
            "so nothing can be scored. Hold out more eras: `nai etl --all --split 0.2`."
        )
    evaluation = Evaluation(
        folder=run.folder,
        model=run.name,
        split=split,
        target=target,
        n_rows=len(held_out.ids),
        n_eras=len(np.unique(held_out.eras[has_target])),
        rows=_score(run, held_out, target, references),
        coverage=tuple(
            _coverage(reference, held_out, has_target) for reference in references
        ),
        shards_fingerprint=shards.manifest.fingerprint,
        fingerprint=fingerprint,
    )
    plot_scores(evaluation, plot_path(run.folder, split))
    evaluation.write()
    return evaluation


def _target(run: Run, shards: ShardReader) -> str:
    is_there = columns.TARGET in shards.manifest.target_names
    return columns.TARGET if is_there else run.target


def _fingerprint(
    run: Run,
    shards: ShardReader,
    split: str,
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
            "split": split,
            "references": [(path.name, sha256_of(path)) for path in files],
        }
    )


def _score(
    run: Run, held_out: HeldOut, target: str, references: Sequence[Reference]
) -> tuple[ScoreRow, ...]:
    has_target = _has_target(held_out, target)
    rows = [_corr("CORR", run.name, held_out, target, has_target)]
    if run.target != target:
        learned = _has_target(held_out, run.target)
        if learned.any():
            metric = f"CORR with {run.target}"
            rows.append(_corr(metric, run.name, held_out, run.target, learned))
    for reference in references:
        covered = reference.covers(held_out.eras, has_target)
        if covered.any():
            rows += _compare(run.name, held_out, target, reference, covered)
    return tuple(rows)


def _compare(
    name: str, held_out: HeldOut, target: str, reference: Reference, covered: _Mask
) -> list[ScoreRow]:
    """Score a reference, and the model beside it, on the eras that it covers."""
    eras = held_out.eras[covered]
    targets = held_out.targets[target][covered]
    predictions = held_out.predictions[covered]
    values = reference.values[covered]
    is_meta_model = reference.kind == "meta model"
    contribution = "MMC" if is_meta_model else f"BMC of {reference.name}"
    rows = [
        ScoreRow(reference.name, "CORR", corr_per_era(values, targets, eras)),
        ScoreRow(
            name, contribution, contribution_per_era(predictions, values, targets, eras)
        ),
    ]
    has_target = _has_target(held_out, target)
    if len(np.unique(eras)) < len(np.unique(held_out.eras[has_target])):
        same = has_target & np.isin(held_out.eras, eras)
        metric = f"CORR in the eras of {reference.name}"
        rows.insert(1, _corr(metric, name, held_out, target, same))
    return rows


def _corr(
    metric: str, name: str, held_out: HeldOut, target: str, rows: _Mask
) -> ScoreRow:
    scores = corr_per_era(
        held_out.predictions[rows],
        held_out.targets[target][rows],
        held_out.eras[rows],
    )
    return ScoreRow(name, metric, scores)


def _has_target(held_out: HeldOut, target: str) -> _Mask:
    """Return which rows have the target, in eras where at least two do."""
    has_target = ~np.isnan(held_out.targets[target])
    n_rows = np.bincount(held_out.eras, weights=has_target)
    return has_target & (n_rows[held_out.eras] >= 2)


def _coverage(reference: Reference, held_out: HeldOut, has_target: _Mask) -> Coverage:
    covered = reference.covers(held_out.eras, has_target)
    return Coverage(
        name=reference.name,
        kind=reference.kind,
        n_eras=len(np.unique(held_out.eras[covered])),
        share_of_rows=float(covered.sum() / has_target.sum()),
    )
