"""Whether the trained column is the named one, and no feature gives a target away.

Per era, feature and target one table counts how often each code meets each value.
The rank correlation and the share of rows that one decides of the other follow from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns, parse_target
from numerai_pipeline.data import Block, Part
from numerai_pipeline.evaluation.leaks.originals import (
    original_files,
    places_of,
    read_original,
)
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.structure import parts_of
from numerai_pipeline.evaluation.leaks.suspect import Suspect, result_of

_FAST_ERAS_OF_LABELS, _FAST_ERAS_OF_FEATURES = 4, 3

# Numerai's features correlate with targets by less than 0.1 per era; one that was made
# from a target has lost something by being cut into five bins.
_NEAR_ONE = 0.9

# An era with fewer rows has such correlations by luck.
_LEAST_ROWS = 30

_N_CODES = columns.MISSING_CODE + 1

Doubles = npt.NDArray[np.float64]


def check_wiring(suspect: Suspect) -> CheckResult:
    """Check the labels of the training, and every feature against every target."""
    findings = [*_mislabelled(suspect), *_copies(suspect)]
    names = suspect.shards.manifest.target_names
    found = f"{len(suspect.run.features):,} features x {len(names)} targets"
    untested = ["features that give a target away only together"]
    _, why = original_files(suspect)
    if why:
        untested.append(why)
    if not suspect.is_full:
        untested.append(
            f"all but {_FAST_ERAS_OF_FEATURES} eras of each part (--full)",
        )
    return result_of("target wiring", found, findings, untested)


def _mislabelled(suspect: Suspect) -> Iterator[Finding]:
    """Compare what the training reads as a target with the column of that name."""
    files, _ = original_files(suspect)
    part = parts_of(suspect)["train"]
    for era in suspect.some(part.eras, _FAST_ERAS_OF_LABELS):
        for target in _stored(suspect.run.targets):
            block = suspect.shards.read(
                part.split, eras=(era,), features=(), targets=(target,)
            )
            has_target = ~np.isnan(block.y[:, 0])
            if not has_target.any():
                continue
            learned = suspect.shards.load(
                part.split, features=(), target=target, eras=(era,)
            ).y
            original = read_original(files, era, (), (target,))
            if original is None:
                continue
            path, rows = original
            places = places_of(block.ids[has_target], rows.ids)
            n_others = int((rows.y[places, 0] != learned).sum())
            if n_others:
                yield Finding(
                    f"the training learns other values as '{target}' than "
                    f"{path.name} has: {n_others} of {len(learned)} rows of era "
                    f"{era:04d}. Run `nai etl --force`, then train again.",
                    file=str(path),
                    column=target,
                    era=era,
                    value=float(n_others),
                )


def _stored(targets: Sequence[str]) -> Iterator[str]:
    """Yield the targets that the shards store, of which others are derived."""
    names = (name for text in targets for name in parse_target(text).names)
    yield from dict.fromkeys(names)


def _copies(suspect: Suspect) -> Iterator[Finding]:
    for part in parts_of(suspect).values():
        for era in suspect.some(part.eras, _FAST_ERAS_OF_FEATURES):
            yield from _copies_in(suspect, part, era)


def _copies_in(suspect: Suspect, part: Part, era: int) -> Iterator[Finding]:
    features = suspect.run.features
    block = suspect.shards.read(part.split, eras=(era,), features=features)
    for place, crossed in cross(block):
        target = suspect.shards.manifest.target_names[place]
        ranked, decided = crossed.rank_correlations(), crossed.decided()
        is_copy = (np.abs(ranked) > _NEAR_ONE) | (decided > _NEAR_ONE)
        for at in np.flatnonzero(is_copy):
            how = (
                f"rank correlation {ranked[at]:+.3f}"
                if abs(ranked[at]) > _NEAR_ONE
                else f"one decides {decided[at]:.0%} of what is open of the other"
            )
            yield Finding(
                f"{features[at]} gives '{target}' away in era {era:04d}: {how}. "
                "Leave it out, or find out how it was made.",
                file=str(suspect.shards.folder),
                column=features[at],
                era=era,
                value=float(max(abs(np.nan_to_num(ranked[at])), decided[at])),
            )


@dataclass(frozen=True)
class Cross:
    """How often each code of each feature meets each value of a target.

    Attributes:
        counts: ``(F, 6, K)`` float64; K values of the target, ascending.
    """

    counts: Doubles

    def rank_correlations(self) -> Doubles:
        """Return Spearman's correlation of each feature that has values; ``(F,)``.

        NaN where all values of a feature are equal. Rows without the feature are left
        out.
        """
        counts = self.counts[:, : columns.MISSING_CODE]
        n_rows = counts.sum(axis=(1, 2))
        of_code, of_value = counts.sum(axis=2), counts.sum(axis=1)
        a, b = _centred_ranks(of_code, n_rows), _centred_ranks(of_value, n_rows)
        covariance = np.einsum("fck,fc,fk->f", counts, a, b)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlations: Doubles = covariance / np.sqrt(
                (of_code * a**2).sum(axis=1) * (of_value * b**2).sum(axis=1)
            )
        return correlations

    def decided(self) -> Doubles:
        """Return how much of a target a feature decides, or the other way; ``(F,)``.

        1 where a code, a missing one too, always means the same value; 0 where it helps
        no more than to know the most frequent value.
        """
        n_rows = self.counts.sum(axis=(1, 2))
        found = []
        for axis in (1, 2):
            known = self.counts.max(axis=3 - axis).sum(axis=1)
            most_frequent = self.counts.sum(axis=axis).max(axis=1)
            left = n_rows - most_frequent
            # Where nearly all values are equal, little is open.
            found.append(
                np.where(
                    left >= _LEAST_ROWS / 3,
                    (known - most_frequent) / left.clip(min=1),
                    0,
                )
            )
        return np.maximum(*found)


def cross(block: Block) -> Iterator[tuple[int, Cross]]:
    """Count codes against the values of each target that has enough rows.

    Yields:
        The place of the target in ``block.y``, and the counts.
    """
    found = {
        place: is_value
        for place, target in enumerate(block.y.T)
        if (is_value := _indicators(target)) is not None
    }
    if not found:
        return
    # One product per code serves all targets; counts are exact in float32.
    every = np.hstack(list(found.values()))
    counts = [
        (block.x == code).T.astype(np.float32) @ every for code in range(_N_CODES)
    ]
    end = 0
    for place, is_value in found.items():
        start, end = end, end + is_value.shape[1]
        own = np.stack([of_code[:, start:end] for of_code in counts], axis=1)
        yield place, Cross(own.astype(np.float64))


def _indicators(target: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """Return which value each row has, ``(rows, K)``; None if there are too few."""
    has_target = ~np.isnan(target)
    values, which = np.unique(target[has_target], return_inverse=True)
    if has_target.sum() < _LEAST_ROWS or len(values) < 2:
        return None
    is_value = np.zeros((len(target), len(values)), np.float32)
    is_value[has_target] = np.eye(len(values), dtype=np.float32)[which]
    return is_value


def _centred_ranks(counts: Doubles, n_rows: Doubles) -> Doubles:
    """Return the mean rank of each value from how often it occurs; ``(F, values)``."""
    ranks: Doubles = counts.cumsum(axis=1) - counts / 2 - n_rows[:, None] / 2
    return ranks
