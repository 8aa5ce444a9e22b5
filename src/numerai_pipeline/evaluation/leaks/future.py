"""Whether anything up to an era depends on what comes later."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numerai_pipeline.core import SILENT, columns
from numerai_pipeline.data import Block, Fold, Part, ShardReader
from numerai_pipeline.evaluation.leaks.cut import check_etl
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.retraining import Retraining, difference
from numerai_pipeline.evaluation.leaks.suspect import result_of, spread
from numerai_pipeline.evaluation.leaks.watching import sees_libraries
from numerai_pipeline.evaluation.out_of_sample import predict_part
from numerai_pipeline.training import Run

# Eras whose predictions by two models are compared, bit for bit.
_COMPARED_ERAS = 8

# Decides how the future is scrambled; any number does.
_SEED = 11

_NOT_RANDOM = (
    "the training does not make the same model twice, so models could not be compared; "
    "on a GPU set training.deterministic"
)
_NOT_FULL = "a training of full length on all eras (--full)"


def check_truncation(retraining: Retraining) -> CheckResult:
    """Cut off the eras after the validation; what is left must give the same."""
    suspect, fold = retraining.suspect, retraining.fold
    if fold.by_rows or not fold.test:
        why = "the parts are rows of the same eras" if fold.by_rows else "no later eras"
        return CheckResult("truncation", "not tested", why, untested=(why,))
    kept = (*fold.train, *fold.validation)
    change = _Change(
        "eras that are cut off",
        Fold(fold.train, fold.validation, purge=fold.purge),
        retraining.copy("cut", kept),
    )
    findings, untested = check_etl(suspect, last=kept[-1])
    findings += _read_otherwise(retraining, change)
    return _result("truncation", retraining, change, findings, untested)


def check_scrambled_future(retraining: Retraining) -> CheckResult:
    """Scramble all that comes after the training eras; the model must be the same.

    The number of epochs or trees is fixed, so that the validation eras, which choose
    it, belong to the future too.
    """
    fold = retraining.fold
    if fold.by_rows:
        why = "the parts are rows of the same eras"
        return CheckResult("scrambled future", "not tested", why, untested=(why,))
    last = fold.train[-1]
    change = _Change(
        "features and targets that are scrambled",
        Fold(fold.train, (), purge=fold.purge),
        retraining.copy(
            "scrambled",
            retraining.eras,
            lambda block: scramble(block) if block.eras[0] > last else block,
        ),
    )
    untested = []
    if not sees_libraries():
        untested.append("files that a library opens past Python: Linux reports them")
    return _result("scrambled future", retraining, change, [], untested)


@dataclass(frozen=True)
class _Change:
    """What was changed after the last era of a fold.

    Attributes:
        what: in words.
        fold: the eras that were not changed.
        shards: with the change.
    """

    what: str
    fold: Fold
    shards: ShardReader

    @property
    def last(self) -> int:
        """The last era that was not changed."""
        return max((*self.fold.train, *self.fold.validation))


def scramble(block: Block) -> Block:
    """Return the rows of an era with other features and targets.

    The rows of each column are shuffled and its values exchanged for one another, so
    that neither rows nor means stay what they were. What is missing stays so.
    """
    random = np.random.default_rng([_SEED, int(block.eras[0])])
    exchange = np.argsort(random.random((block.x.shape[1], columns.MISSING_CODE)))
    kept = np.full((len(exchange), 1), columns.MISSING_CODE)
    codes = np.hstack([exchange, kept]).astype(np.uint8)
    x = codes[np.arange(len(codes)), random.permutation(block.x)]
    y = block.y.copy()
    for column in y.T:
        has_target = ~np.isnan(column)
        values = random.permutation(column[has_target])
        column[has_target] = (
            (values.max() + values.min() - values) if len(values) else 0
        )
    return Block(x=x, y=y, ids=block.ids, eras=block.eras)


def _result(
    name: str,
    retraining: Retraining,
    change: _Change,
    findings: list[Finding],
    untested: list[str],
) -> CheckResult:
    """Add what the training makes of the change, and what it opened."""
    models = _learned_otherwise(retraining, change)
    findings = [*findings, *(models or []), *_opened(retraining)]
    if not retraining.suspect.is_full:
        untested = [*untested, _NOT_FULL]
    if models is None:
        untested = [_NOT_RANDOM, *untested]
        if not findings:
            return CheckResult(
                name, "not tested", _NOT_RANDOM, untested=tuple(untested)
            )
    found = f"retrained with {change.what} after era {change.last:04d}"
    return result_of(name, found, findings, untested)


def _read_otherwise(retraining: Retraining, change: _Change) -> Iterator[Finding]:
    """Compare features and targets as the training reads them."""
    run = retraining.suspect.run
    for eras in (change.fold.train, change.fold.validation):
        for era in spread(eras, _COMPARED_ERAS):
            one, other = (
                reader.read(
                    None, eras=(era,), features=run.features, targets=run.targets
                )
                for reader in (retraining.whole, change.shards)
            )
            if one.x.tobytes() != other.x.tobytes() or (
                one.y.tobytes() != other.y.tobytes()
            ):
                yield Finding(
                    f"rows of era {era:04d} are read otherwise with {change.what}.",
                    file=str(retraining.suspect.shards.folder),
                    era=era,
                )


def _learned_otherwise(retraining: Retraining, change: _Change) -> list[Finding] | None:
    """Compare the models trained with and without the change; None: no two agree."""
    fold = change.fold
    baseline = retraining.train(retraining.whole, fold)
    found = _unlike(retraining, baseline, retraining.train(change.shards, fold), fold)
    if found is None:
        return []
    again = retraining.train(retraining.whole, fold, again=True)
    if _unlike(retraining, baseline, again, fold) is not None:
        return None
    how, era, value = found
    return [
        Finding(
            f"the model knows what comes after era {change.last:04d}: with "
            f"{change.what} {how}. Look for what reads rows of later eras.",
            file=str(retraining.suspect.run.folder / "config.toml"),
            column=columns.PREDICTION,
            era=era,
            value=value,
        )
    ]


def _unlike(
    retraining: Retraining, one: Run, other: Run, fold: Fold
) -> tuple[str, int | None, float | None] | None:
    """Return how two models differ, the first era that shows it, and by how much.

    Returns:
        None if weights, history and predictions are the same, bit for bit.
    """
    how = difference(one, other)
    part = Part(spread((*fold.train, *fold.validation), _COMPARED_ERAS))
    found = [
        predict_part(run, retraining.whole, part, (), SILENT) for run in (one, other)
    ]
    apart = np.abs(found[0].predictions - found[1].predictions)
    if not apart.any():
        return (how, None, None) if how else None
    era = int(found[0].eras[apart > 0][0])
    value = float(apart[found[0].eras == era].max())
    return f"predictions of era {era:04d} change by up to {value:.3g}", era, value


def _opened(retraining: Retraining) -> Iterator[Finding]:
    """Return the files of rows that a training opened beside its own shards."""
    for path in sorted(retraining.opened):
        yield Finding(
            f"{path} was opened during the training, and holds eras that it must not "
            f"know. Look into zoo/{retraining.suspect.run.recipe.family}.py, or check "
            "again while no other process reads that file.",
            file=str(path),
        )
