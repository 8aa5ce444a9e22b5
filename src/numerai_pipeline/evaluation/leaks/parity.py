"""Whether rows that come alone get the predictions that they get among others."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data import Block, decode_features
from numerai_pipeline.evaluation.leaks.originals import (
    original_files,
    places_of,
    read_original,
)
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.suspect import Suspect, result_of
from numerai_pipeline.evaluation.references import LIVE_BENCHMARKS, References
from numerai_pipeline.models import Predictor
from numerai_pipeline.scoring import mean_rank, rank_per_era

_FAST_ERAS = 3

# A matrix product adds in another order where it has other rows: some 1e-6 of the
# spread of the predictions within an era.
_TOLERANCE = 1e-4

# Rows that are nearer than that change places: a rank is compared to so much, and to
# two places.
_RANK_TOLERANCE, _PLACES = 1e-3, 2


def check_live_parity(suspect: Suspect) -> CheckResult:
    """Predict historical eras alone, shuffled, in halves, and as a live file."""
    eras = suspect.some(suspect.predicted_eras, _FAST_ERAS)
    predictor = suspect.run.predictor()
    findings: list[Finding] = []
    for era in eras:
        findings += _unequal(suspect, predictor, era)
        findings += _unequal_live(suspect, era)
    _, why = original_files(suspect)
    untested = [f"live files made of Parquet, but of shards: {why}"] if why else []
    if len(eras) < len(suspect.part.eras):
        untested.append(f"all but {len(eras)} eras (--full)")
    found = f"{len(eras)} eras alone, shuffled, in halves, as a live file"
    return result_of("live parity", found, findings, untested)


def _unequal(suspect: Suspect, predictor: Predictor, era: int) -> Iterator[Finding]:
    rows = suspect.rows_of(era, suspect.run.features)
    x = decode_features(rows.x, suspect.run.missing)
    eras = np.full(len(x), era)
    alone = predictor.predict(x)
    order = np.random.default_rng(era).permutation(len(x))
    shuffled = np.empty_like(alone)
    shuffled[order] = predictor.predict(x[order])
    half = len(x) // 2
    halves = np.concatenate([predictor.predict(x[:half]), predictor.predict(x[half:])])
    known = suspect.out_of_sample.from_model[suspect.out_of_sample.eras == era]
    for how, found, expected in (
        ("alone", mean_rank(alone, eras), known),
        ("shuffled", shuffled, alone),
        ("in halves", halves, alone),
    ):
        spread = float(np.std(expected)) or 1.0
        value = float(np.abs(found - expected).max() / spread)
        if not value <= _TOLERANCE:
            yield _finding(suspect, era, how, value, "standard deviations")


def _unequal_live(suspect: Suspect, era: int) -> Iterator[Finding]:
    known = suspect.out_of_sample
    own = known.eras == era
    ids, values = known.ids[own], known.predictions[own]
    path = suspect.work / "live.parquet"
    run = suspect.run
    features = tuple(dict.fromkeys((*run.features, *run.neutral_features)))
    _write_live(_original_rows(suspect, era, ids, features), features, path)
    _write_benchmarks(suspect, ids, path.with_name(LIVE_BENCHMARKS))
    live_ids, ranks = suspect.predict_live(run, path)
    places = places_of(ids, np.array(live_ids, "S16"))
    expected = rank_per_era(values, known.eras[own])
    value = float(np.abs(ranks[places] - expected).max())
    if (places < 0).any() or not value <= _RANK_TOLERANCE + _PLACES / len(ids):
        yield _finding(suspect, era, "as a live file", value, "of the ranks")


def _finding(suspect: Suspect, era: int, how: str, value: float, unit: str) -> Finding:
    return Finding(
        f"predictions of era {era:04d} {how} differ from those of the scores by up to "
        f"{value:.3g} {unit}: a row's prediction depends on the rows beside it. Live "
        "data will be predicted otherwise than it was scored.",
        file=str(suspect.run.folder),
        column=columns.PREDICTION,
        era=era,
        value=value,
    )


def _original_rows(
    suspect: Suspect, era: int, ids: npt.NDArray[np.bytes_], features: tuple[str, ...]
) -> Block:
    """Return the rows with these ids, from the Parquet where it is there."""
    files, _ = original_files(suspect)
    found = read_original(files, era, features, ())
    block = suspect.rows_of(era, features) if found is None else found[1]
    places = places_of(ids, block.ids)
    return Block(
        block.x[places], block.y[places], block.ids[places], block.eras[places]
    )


def _write_benchmarks(
    suspect: Suspect, ids: npt.NDArray[np.bytes_], path: Path
) -> None:
    """Write what the run neutralizes to as Numerai's live file has it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = suspect.run.recipe.prediction.neutralize.benchmarks
    if not names:
        return
    references = References(ids, None, suspect.benchmarks)
    arrays = {name: references.read("benchmark", name).values for name in names}
    known = ~np.isnan(np.column_stack(list(arrays.values()))).any(axis=1)
    found = {name: pa.array(values[known]) for name, values in arrays.items()}
    id_column = pa.array(ids[known]).cast(pa.string())
    pq.write_table(pa.table({columns.ID: id_column, **found}), path)


def _write_live(block: Block, features: tuple[str, ...], path: Path) -> None:
    """Write rows as Numerai's live file has them: era X, no targets."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_rows = len(block)
    x = np.asfortranarray(block.x.astype(np.int8))
    is_missing = x == columns.MISSING_CODE
    arrays = {
        columns.ID: pa.array(block.ids).cast(pa.string()),
        columns.ERA: pa.array([columns.LIVE_ERA] * n_rows),
        columns.DATA_TYPE: pa.array(["live"] * n_rows),
    }
    for place, name in enumerate(features):
        arrays[name] = pa.array(x[:, place], mask=is_missing[:, place])
    pq.write_table(pa.table(arrays), path)
