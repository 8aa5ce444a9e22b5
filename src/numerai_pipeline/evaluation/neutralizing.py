"""Neutralizes predictions era by era: ``[prediction] neutralize`` of a recipe.

The same step makes what is scored and what is submitted. An era that cannot be
neutralized gets no prediction, so that none is mixed with the others as it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    DataError,
    Progress,
    counted,
    did_you_mean,
    sha256_of,
)
from numerai_pipeline.data import Block, fill_missing, format_eras
from numerai_pipeline.evaluation.references import References
from numerai_pipeline.models import Recipe
from numerai_pipeline.scoring import (
    MIN_SHARE_OF_ERA,
    EraFeatures,
    gaussian_ranks,
    neutral_of_era,
    segments,
)

if TYPE_CHECKING:
    from numerai_pipeline.evaluation.predicting import PredictedRows, RowSource

Ids = npt.NDArray[np.bytes_]
Codes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


class Neutralizes(Protocol):
    """What names the columns that predictions are neutralized to, such as a run."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def folder(self) -> Path:
        """Where it stands."""
        ...

    @property
    def recipe(self) -> Recipe:
        """Its ``[prediction]`` says to what, and how much."""
        ...

    @property
    def neutral_features(self) -> tuple[str, ...]:
        """Columns of the feature sets that the recipe names."""
        ...


def neutralized(
    found: "PredictedRows", run: Neutralizes, rows: "RowSource", progress: Progress
) -> "PredictedRows":
    """Take out of predictions what the columns of a run's ``[prediction]`` explain.

    Within each era the predictions are ranked and gaussianized, and the proportion of
    their part that the columns and a constant explain is subtracted. Missing features
    count as the middle bin. A benchmark is ranked and gaussianized; a row without its
    prediction counts as its mean. One era of features is in memory at a time.

    Args:
        found: what the run's model predicts.
        run: names the columns; of a backtest of an ensemble, its plan does.
        rows: the source of these rows.
        progress: where to report.

    Returns:
        The rows of all eras that can be neutralized, with ``raw``: without those in
        which a benchmark has less than 80 % of the rows, or the columns leave nothing
        but rounding. ``found`` itself where the recipe neutralizes to nothing.

    Raises:
        DataError: if no era can be neutralized, a column is missing, or the rows
            changed while they were read.

    Source: ``neutralize`` of numerai-tools.
    """
    step = run.recipe.prediction.neutralize
    if not step.is_on:
        return found
    benchmarks = _benchmarks(found, step.benchmarks, rows)
    values, is_done = np.full(len(found.ids), np.nan), np.zeros(len(found.ids), bool)
    title = f"neutralizing {run.name}"
    with progress.task(title, len(found.ids), "rows") as advance:
        for places, x in _features(found, run, rows):
            known = benchmarks[places]
            if len(places) > 1 and not np.isnan(known).any():
                era = EraFeatures(np.hstack([x, known]) if known.size else x)
                projection = era.projection()
                values[places] = neutral_of_era(
                    found.predictions[places], projection, step.proportion
                )
                is_done[places] = projection.is_defined
            advance(len(places))
    _report(found.eras, is_done, run, progress)
    return replace(
        found,
        ids=found.ids[is_done],
        eras=found.eras[is_done],
        y=found.y[is_done],
        predictions=values[is_done],
        raw=found.predictions[is_done],
    )


def neutral_checksums(recipe: Recipe, benchmarks: Sequence[Path]) -> list[str]:
    """Return the checksums of the benchmark files that decide predictions.

    None unless ``[prediction]`` of the recipe neutralizes to benchmarks.
    """
    is_decided = bool(recipe.prediction.neutralize.benchmarks)
    return [sha256_of(path) for path in benchmarks] if is_decided else []


def whole_eras(blocks: Iterable[Block]) -> Iterator[tuple[int, Ids, Codes]]:
    """Join blocks to eras, the middle bin in place of missing features.

    Args:
        blocks: rows of an era one after the other.

    Yields:
        The era, its ``(rows,)`` ids and ``(rows, F)`` uint8 features.
    """
    pieces = (piece for block in blocks for piece in _of_one_era(block))
    for era, group in groupby(pieces, key=lambda piece: int(piece.eras[0])):
        parts = list(group)
        x = np.concatenate([part.x for part in parts])
        yield era, np.concatenate([part.ids for part in parts]), fill_missing(x)


def _of_one_era(block: Block) -> Iterator[Block]:
    """Yield the pieces of a block that have one era each."""
    cuts = np.flatnonzero(np.diff(block.eras)) + 1
    for start, end in zip([0, *cuts], [*cuts, len(block)], strict=True):
        yield Block(
            block.x[start:end],
            block.y[start:end],
            block.ids[start:end],
            block.eras[start:end],
        )


def _features(
    found: "PredictedRows", run: Neutralizes, rows: "RowSource"
) -> Iterator[tuple[Places, Codes]]:
    """Yield the places of each era's rows, and their features."""
    if not run.recipe.prediction.neutralize.features:
        for _, places in segments(found.eras):
            yield places, np.empty((len(places), 0), np.uint8)
        return
    if not run.neutral_features:
        raise DataError(
            f"the run {run.folder} does not record the features that it neutralizes "
            f"to. Run `nai train {run.name}`."
        )
    start = 0
    for _, ids, x in whole_eras(rows.blocks(run.neutral_features)):
        places = np.arange(start, start + len(ids))
        start += len(ids)
        if start > len(found.ids) or (found.ids[places] != ids).any():
            break
        yield places, x
    if start != len(found.ids):
        raise DataError(
            f"the rows changed while '{run.name}' predicted them. Run the command "
            "again."
        )


def _benchmarks(
    found: "PredictedRows", names: Sequence[str], rows: "RowSource"
) -> Values:
    """Return ``(rows, k)``: gaussianized within the era, NaN in eras without enough."""
    references = References(found.ids, None, rows.benchmarks if names else ())
    known = references.names("benchmark")
    result = np.full((len(found.ids), len(names)), np.nan)
    for place, name in enumerate(names):
        if name not in known:
            files = " and ".join(str(path) for path in rows.benchmarks)
            where = f"{files} lacks. {did_you_mean(name, known)}"
            raise DataError(
                f"predictions are neutralized to the benchmark '{name}', which "
                f"{where if files else 'no file has.'} Run `nai download --benchmarks` "
                "or, for live data, `nai predict --force`."
            )
        values = references.read("benchmark", name).values
        for _, era in segments(found.eras):
            result[era, place] = _of_era(values[era])
    return result


def _of_era(values: Values) -> Values:
    """Return the gaussianized ranks of a benchmark, 0 where it has no prediction."""
    is_known = ~np.isnan(values)
    result = np.zeros(len(values))
    if is_known.mean() < MIN_SHARE_OF_ERA or np.ptp(values[is_known]) == 0:
        return np.full(len(values), np.nan)
    result[is_known] = gaussian_ranks(values[is_known])
    return result


def _report(
    eras: npt.NDArray[np.integer[Any]],
    is_done: npt.NDArray[np.bool_],
    run: Neutralizes,
    progress: Progress,
) -> None:
    """Note the eras that could not be neutralized.

    Raises:
        DataError: if none could.
    """
    if is_done.all():
        return
    step = run.recipe.prediction.neutralize
    left_out = np.unique(eras[~is_done]).tolist()
    why = (
        f"in {counted(len(left_out), 'eras')} (number {format_eras(left_out)}) they "
        "cannot be: a benchmark has predictions for less than "
        f"{MIN_SHARE_OF_ERA:.0%} of the rows, or there are too few rows for so many "
        "columns"
    )
    text = f"the predictions of '{run.name}' are {step}; {why}"
    if not is_done.any():
        raise DataError(
            f"{text}. No other is left. Fetch the benchmarks again (`nai download "
            "--benchmarks --force`; for live data `nai predict --force`), or train it "
            "with another [prediction] neutralize."
        )
    progress.note(f"{text}, so these are left out")
