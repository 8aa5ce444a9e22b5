"""The split of every row, decided before the first byte is written.

Each row of each file gets the code of its split. All options that choose rows are
applied here; the code that writes the shards sees the codes and none of the options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, DataError, columns
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.etl.survey import Survey
from numerai_pipeline.data.folds import (
    LIVE,
    PURGED,
    SPLITS,
    TEST,
    TRAIN,
    VALID,
    Fold,
    eras_subset,
    latest,
    split_eras,
)
from numerai_pipeline.data.shards.manifest import ClassShare, Dropped

# Code of a row in no split; the splits are numbered from 1, in their order.
NOWHERE = 0

SplitCodes = npt.NDArray[np.uint8]


def code_of(split: str) -> int:
    """Return the code of a split."""
    return SPLITS.index(split) + 1


@dataclass(frozen=True)
class Assignment:
    """Where every row goes.

    Attributes:
        codes: per file ``(n_rows,)`` uint8, the code of the row's split.
        dropped: rows in no split.
        class_shares: how balancing changed the training rows; empty without it.
    """

    codes: tuple[SplitCodes, ...]
    dropped: Dropped
    class_shares: tuple[ClassShare, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have rows, in their order."""
        found = {int(code) for codes in self.codes for code in np.unique(codes)}
        return tuple(name for name in SPLITS if code_of(name) in found)


def assign_rows(
    surveys: Sequence[Survey], options: EtlOptions, targets: Sequence[str]
) -> Assignment:
    """Decide the split of every row.

    Args:
        surveys: one per source, in the order of the options.
        options: what was asked for.
        targets: names of the packed targets; the first one is balanced by.

    Raises:
        ConfigError: if a split would be empty.
        DataError: if no row has a target, or files share an era.
    """
    if options.is_live:
        live = np.uint8(code_of(LIVE))
        codes = tuple(np.full(len(found.has_target), live) for found in surveys)
        return Assignment(codes, Dropped())
    _check_order(surveys)
    eras = _eras_of_sources(surveys, options, targets)
    pool = [era for found in eras.values() for era in found]
    if options.split_by == "rows":
        codes = _by_rows(surveys, options, set(pool))
    else:
        fold = _by_era(eras, options, targets)
        split_of = {
            **dict.fromkeys(pool, PURGED),
            **dict.fromkeys(fold.train, TRAIN),
            **dict.fromkeys(fold.validation, VALID),
            **dict.fromkeys(fold.test, TEST),
        }
        codes = tuple(_codes_of(found, split_of) for found in surveys)
    _check_splits(codes, options)
    shares: tuple[ClassShare, ...] = ()
    n_before = _n_training(codes)
    if options.balance:
        shares = _balance(surveys, codes)
    rows = [rows for found in surveys for rows in found.eras]
    dropped = Dropped(
        rows_without_target=sum(era.stop - era.start - era.kept for era in rows),
        rows_not_chosen=sum(era.kept for era in rows if era.era not in set(pool)),
        rows_balanced_away=n_before - _n_training(codes),
    )
    return Assignment(codes, dropped, shares)


def _eras_of_sources(
    surveys: Sequence[Survey], options: EtlOptions, targets: Sequence[str]
) -> dict[str, list[int]]:
    """Return the chosen eras of each source that have a target."""
    with_target: dict[str, list[int]] = {
        name: [rows.era for rows in found.eras if rows.kept]
        for name, found in zip(options.sources, surveys, strict=True)
    }
    if not any(with_target.values()):
        names = ", ".join(str(found.source.path) for found in surveys)
        raise DataError(
            f"no row of {names} has any of the targets {', '.join(targets[:3])}. "
            "Name others: `nai etl --targets NAME`."
        )
    if options.eras_subset is None:
        return with_target
    is_chosen = eras_subset(options.eras_subset)
    chosen: dict[str, list[int]] = {
        name: [era for era in eras if is_chosen(era)]
        for name, eras in with_target.items()
    }
    if not any(chosen.values()):
        eras = [era for found in with_target.values() for era in found]
        raise ConfigError(
            f"--eras-subset {options.eras_subset} chooses none of the {len(eras)} eras "
            f"with a target, {eras[0]:04d} to {eras[-1]:04d}."
        )
    return chosen


def _by_era(
    eras: dict[str, list[int]], options: EtlOptions, targets: Sequence[str]
) -> Fold:
    pool = [era for found in eras.values() for era in found]
    train, validation = eras.get("train", []), eras.get("validation", [])
    has_share = options.split is not None or options.split_test is not None
    if not has_share and len(eras) == 1:
        return Fold(train=tuple(train), validation=tuple(validation))
    of_validation = options.split_valid_only or (options.split is None and validation)
    candidates = validation if of_validation else pool
    test: tuple[int, ...] = ()
    if options.split_test is not None and candidates:
        test = latest(candidates, share=options.split_test)
    before_test = [era for era in candidates if era not in set(test)]
    if options.split is not None:
        # The share is of all candidates, whatever goes to the test split.
        count = round(options.split * len(candidates))
        valid = tuple(before_test[-max(1, count) :])
    else:
        valid = tuple(before_test) if of_validation else ()
    purge = options.purge
    if purge is None:
        purge = columns.purge_eras(tuple(targets))
    return split_eras(pool, validation=valid, test=test, purge=purge)


def _codes_of(found: Survey, split_of: Mapping[int, str]) -> SplitCodes:
    codes = np.zeros(len(found.has_target), np.uint8)
    for era in found.eras:
        split = split_of.get(era.era)
        if split:
            codes[era.start : era.stop] = code_of(split)
    codes[~found.has_target] = NOWHERE
    return codes


def _by_rows(
    surveys: Sequence[Survey], options: EtlOptions, chosen: set[int]
) -> tuple[SplitCodes, ...]:
    """Draw rows for validation and test; every split then has all eras."""
    train = code_of(TRAIN)
    in_training = dict.fromkeys(chosen, TRAIN)
    all_codes = [_codes_of(found, in_training) for found in surveys]
    is_open = [
        (codes == train)
        if name == "validation" or not options.split_valid_only
        else np.zeros(len(codes), np.bool_)
        for name, codes in zip(options.sources, all_codes, strict=True)
    ]
    candidates = np.flatnonzero(np.concatenate(is_open))
    drawn = np.random.default_rng(options.seed).permutation(candidates)
    everywhere = np.concatenate(all_codes)
    start = 0
    for split, share in ((VALID, options.split), (TEST, options.split_test)):
        stop = start + round((share or 0) * len(candidates))
        everywhere[drawn[start:stop]] = code_of(split)
        start = stop
    starts = np.cumsum([len(codes) for codes in all_codes])[:-1]
    return tuple(np.split(everywhere, starts))


def _check_splits(all_codes: Sequence[SplitCodes], options: EtlOptions) -> None:
    """Refuse options that would leave a split empty."""
    asked = {TRAIN: True, VALID: False, TEST: options.split_test is not None}
    if options.split is None and options.split_test is None:
        asked = {TRAIN: options.balance}
    elif options.split is not None or len(options.sources) > 1:
        asked[VALID] = True
    for split, is_asked in asked.items():
        code = code_of(split)
        if is_asked and not any((codes == code).any() for codes in all_codes):
            raise ConfigError(
                f"no row would be in the split '{split}'. Choose other shares (--split "
                f"{options.split}, --split-test {options.split_test}) or other eras."
            )


def _n_training(all_codes: Sequence[SplitCodes]) -> int:
    train = code_of(TRAIN)
    return sum(int(np.count_nonzero(codes == train)) for codes in all_codes)


def _balance(
    surveys: Sequence[Survey], all_codes: Sequence[SplitCodes]
) -> tuple[ClassShare, ...]:
    """Thin out common target values among the training rows, in place.

    Eras whose number is a multiple of four keep all rows; those with remainder one drop
    the middle value 0.5; the others keep only values below 0.25 and above 0.75.
    Rows without the target are dropped.
    """
    train = code_of(TRAIN)
    before: list[npt.NDArray[np.float32]] = []
    after: list[npt.NDArray[np.float32]] = []
    for found, codes in zip(surveys, all_codes, strict=True):
        target = found.kept_target
        if target is None:
            raise ValueError("the survey has kept no target to balance by")
        in_training = (codes == train) & ~np.isnan(target)
        before.append(target[in_training])
        codes[(codes == train) & ~in_training] = NOWHERE
        for era in found.eras:
            rows = slice(era.start, era.stop)
            is_kept = _is_kept(target[rows], era.era)
            codes[rows][in_training[rows] & ~is_kept] = NOWHERE
        after.append(target[codes == train])
    if not any(len(values) for values in after):
        raise ConfigError(
            "--balance leaves no row to train on. Choose more eras: it keeps all rows "
            "only of every fourth era."
        )
    values, n_before = np.unique(np.concatenate(before), return_counts=True)
    kept = np.concatenate(after)
    return tuple(
        ClassShare(
            value=float(value),
            rows_before=int(count),
            rows_after=int(np.count_nonzero(kept == value)),
        )
        for value, count in zip(values, n_before, strict=True)
    )


def _is_kept(target: npt.NDArray[np.float32], era: int) -> npt.NDArray[np.bool_]:
    is_kept: npt.NDArray[np.bool_] = (target < 0.25) | (target > 0.75)
    if era % 4 == 0:
        is_kept = np.ones(len(target), np.bool_)
    elif era % 4 == 1:
        is_kept = target != 0.5
    return is_kept


def _check_order(surveys: Sequence[Survey]) -> None:
    for before, after in pairwise(found for found in surveys if found.eras):
        last, first = before.eras[-1].era, after.eras[0].era
        if first <= last:
            raise DataError(
                f"{after.source.path} begins with era {first:04d}, but "
                f"{before.source.path} ends with era {last:04d}: an era would be in "
                "two splits. Download both from the same release: "
                "`nai download --force`."
            )
