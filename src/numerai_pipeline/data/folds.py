"""Folds: the eras that a model learns from, is chosen on, and is tested on."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from numerai_pipeline.core import ConfigError

# Splits of shards, in the order in which they are listed.
TRAIN, VALID, TEST, LIVE, PURGED = "train", "valid", "test", "live", "purged"
SPLITS = (TRAIN, VALID, TEST, LIVE, PURGED)

# Fewer eras say nothing: the standard error of a mean CORR over 8 eras is
# about a third of the CORR's standard deviation per era.
MIN_TEST_ERAS = 8

# Share of the eras of validation.parquet that chooses the epoch; the rest is test.
_VALIDATION_SHARE = 0.25

PartName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Part:
    """Rows of shards.

    Attributes:
        eras: ascending.
        split: the split of the shards that they are in; None: any.
    """

    eras: tuple[int, ...]
    split: str | None = None


@dataclass(frozen=True)
class Fold:
    """The eras of one training, each part ascending.

    Two parts are more than ``purge`` eras apart. Shards that were split by rows have
    the same eras in several parts; such a fold leaks, and says so.

    Attributes:
        train: eras that the model learns from.
        validation: eras that choose the epoch or the number of trees; may be empty.
        test: eras that choose nothing; may be empty.
        purge: eras left out between two parts, in era numbers.
        by_rows: whether the parts are different rows of the same eras.

    Raises:
        ValueError: if a part is not ascending or two parts are too close.

    >>> fold = Fold((1, 2, 3), (6, 7), (10,), purge=2)
    >>> fold.unseen(range(1, 13))
    (10, 11, 12)
    >>> Fold((1, 2, 3), (5, 6), (), purge=2)
    Traceback (most recent call last):
    ValueError: eras 3 and 5 are less than a purge of 2 apart
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...] = ()
    purge: int = 0
    by_rows: bool = False

    def __post_init__(self) -> None:
        parts = [part for part in (self.train, self.validation, self.test) if part]
        for part in parts:
            if list(part) != sorted(set(part)):
                raise ValueError("the eras of a part must be ascending")
        if self.by_rows:
            return
        side = {era: place for place, part in enumerate(parts) for era in part}
        if len(side) < sum(map(len, parts)):
            raise ValueError("two parts share an era")
        eras = sorted(side)
        for before, after in pairwise(eras):
            if side[before] != side[after] and after - before <= self.purge:
                raise ValueError(
                    f"eras {before} and {after} are less than a purge of "
                    f"{self.purge} apart"
                )

    def part(self, name: PartName) -> Part:
        """Return the rows of a part, as a reader of shards takes them."""
        split = {"train": TRAIN, "validation": VALID, "test": TEST}[name]
        return Part(getattr(self, name), split if self.by_rows else None)

    def unseen(self, eras: Iterable[int]) -> tuple[int, ...]:
        """Return the eras farther than the purge from all that trained or chose."""
        seen = sorted((*self.train, *self.validation))
        return tuple(era for era in eras if _distance(era, seen) > self.purge)

    def to_dict(self) -> dict[str, Any]:
        """Return the fold for ``config.toml``; eras as ``format_eras`` writes them."""
        return {
            "train": format_eras(self.train),
            "validation": format_eras(self.validation),
            "test": format_eras(self.test),
            "purge": self.purge,
            "by_rows": self.by_rows,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Fold":
        """Read what ``to_dict`` returned.

        Raises:
            KeyError, TypeError, ValueError: if it is something else.
        """
        return cls(
            train=_parse_eras(record["train"]),
            validation=_parse_eras(record["validation"]),
            test=_parse_eras(record["test"]),
            purge=int(record["purge"]),
            by_rows=bool(record["by_rows"]),
        )


def split_eras(
    eras: Sequence[int],
    *,
    validation: Sequence[int],
    test: Sequence[int] = (),
    purge: int,
) -> Fold:
    """Make a fold of which the last eras validate and test.

    A target looks some weeks ahead, so the eras just before another part share
    returns with it. Those nearer than ``purge`` eras are left out. The distance counts
    era numbers: where only every fourth era is there, fewer are left out.

    Args:
        eras: all eras with a target, ascending.
        validation: eras to validate on, each later than any to train on.
        test: eras to test on, each later than any to validate on.
        purge: eras left out before the first of ``validation`` and of ``test``.

    Raises:
        ConfigError: if there is no era to validate or test on, or none is left in one
            of the parts.

    >>> fold = split_eras(range(1, 13), validation=(7, 8, 9), test=(12,), purge=2)
    >>> fold.train, fold.validation, fold.test
    ((1, 2, 3, 4), (7, 8, 9), (12,))
    """
    if not validation and not test:
        raise ConfigError(
            "no era would be left to validate on: none of the chosen eras of "
            "validation.parquet has a target that was named. Choose others "
            "(--eras-subset, --targets), or hold out a share of the eras: "
            "`nai etl --split 0.2`."
        )
    kept = _before(validation, test, purge)
    if validation and not kept:
        raise ConfigError(
            f"no era would be left to validate on: a purge of {purge} before the test "
            f"eras, from {min(test):04d} on, drops all {len(validation)}. Use more "
            "eras for validation (--split), or set --purge."
        )
    first = min((*kept, *test))
    candidates = [era for era in eras if era < first]
    train = _before(candidates, (first,), purge)
    if not train:
        raise ConfigError(
            f"no era would be left to train on: {len(validation) + len(test)} of "
            f"{len(eras)} eras validate or test, from era {first:04d} on, and of the "
            f"{len(candidates)} before them a purge of {purge} drops all. Use fewer "
            "eras for validation (--split), set --purge, or pack only targets with a "
            "shorter horizon (--targets)."
        )
    return Fold(train=train, validation=kept, test=tuple(test), purge=purge)


def default_fold(
    splits: Mapping[str, Sequence[int]],
    *,
    purge: int,
    learns_from: Callable[[int], bool] = lambda _era: True,
) -> Fold:
    """Make the default fold: train learns, a quarter of valid chooses, the rest tests.

    Shards with a test split of their own keep it, and the whole of ``valid`` chooses.
    Where fewer than ``MIN_TEST_ERAS`` would be left to test on, none are.

    Args:
        splits: eras of each split of the shards, ascending.
        purge: eras to leave out between two parts.
        learns_from: whether the recipe learns from an era.

    Raises:
        ConfigError: if there is no era to validate on, or none left to learn from.

    >>> fold = default_fold({"train": range(1, 31), "valid": range(31, 63)}, purge=8)
    >>> [format_eras(part) for part in (fold.train, fold.validation, fold.test)]
    ['1-22', '31-38', '47-62']
    """
    eras, valid = tuple(splits.get(TRAIN, ())), tuple(splits.get(VALID, ()))
    test = tuple(splits.get(TEST, ()))
    if not valid and not test:
        raise ConfigError(
            "the shards have no validation eras to choose the best epoch by. Run "
            "`nai etl --split 0.2`."
        )
    if set(eras) & set(valid):
        return Fold(tuple(filter(learns_from, eras)), valid, test, by_rows=True)
    if valid and not test:
        chosen = latest(valid, share=1 - _VALIDATION_SHARE)
        first = valid[: len(valid) - len(chosen)] or valid
        later = tuple(era for era in valid if era > first[-1] + purge)
        if len(later) >= MIN_TEST_ERAS:
            valid, test = first, later
    fold = split_eras((*eras, *valid, *test), validation=valid, test=test, purge=purge)
    # Eras of the train split alone: valid eras that the purge drops do not come back.
    train = tuple(era for era in fold.train if era in set(eras) and learns_from(era))
    if not train:
        raise ConfigError(
            f"the recipe learns from none of the {len(fold.train)} training eras, "
            f"{fold.train[0]:04d} to {fold.train[-1]:04d}. Change eras in model.toml."
        )
    return Fold(train, fold.validation, fold.test, purge)


def rolling_folds(
    eras: Sequence[int], *, width: int, step: int, purge: int
) -> list[Fold]:
    """Cut eras into windows, each validated on the window after it.

    Args:
        eras: ascending.
        width: eras to learn from, and as many to validate on.
        step: eras from window to window.
        purge: eras left out between the two, in era numbers.

    >>> for fold in rolling_folds(range(1, 11), width=3, step=2, purge=1):
    ...     print(fold.train, fold.validation)
    (1, 2, 3) (5, 6, 7)
    (3, 4, 5) (7, 8, 9)
    """
    folds = []
    for start in range(0, len(eras), step):
        train = tuple(eras[start : start + width])
        later = tuple(era for era in eras if era > train[-1] + purge)
        if len(train) == width and len(later) >= width:
            folds.append(Fold(train, later[:width], purge=purge))
    return folds


def latest(eras: Sequence[int], *, share: float) -> tuple[int, ...]:
    """Return the latest eras, a share of all, at least one.

    >>> latest(range(1, 11), share=0.3)
    (8, 9, 10)
    """
    count = max(1, round(share * len(eras)))
    return tuple(eras[len(eras) - count :])


_EVERY = re.compile(r"every:(\d{1,9})(?::(\d{1,9}))?")
_RANGE = re.compile(r"(\d{1,9})?(-)?(\d{1,9})?")

# Above every era's number, which is kept in 16 bits.
_NO_END = 1 << 15


def eras_subset(text: str) -> Callable[[int], bool]:
    """Return a function that returns whether an era is chosen.

    Args:
        text: ``even``, ``odd``; ``every:N``, the eras whose number is a multiple of N,
            or ``every:N:K``, those that leave K; or ranges, both ends included, such
            as ``1-120,300-``.

    Raises:
        ConfigError: if it is none of these.

    >>> def chosen(text):
    ...     return [era for era in range(1, 10) if eras_subset(text)(era)]
    >>> chosen("even"), chosen("every:4"), chosen("every:4:1")
    ([2, 4, 6, 8], [4, 8], [1, 5, 9])
    >>> chosen("-2,5,8-")
    [1, 2, 5, 8, 9]
    """
    named = {"even": "every:2:0", "odd": "every:2:1"}.get(text, text)
    every = _EVERY.fullmatch(named)
    if every:
        step, offset = int(every[1]), int(every[2] or 0)
        if step > offset:
            return lambda era: era % step == offset
    ranges = [_range(part.strip()) for part in text.split(",")]
    if None in ranges or every:
        raise ConfigError(
            f"'{text[:64]}' does not choose eras. Write even, odd, every:4, every:4:1 "
            "(the remainder, below the step) or ranges such as 1-120,300-."
        )
    spans = [span for span in ranges if span]
    return lambda era: any(first <= era <= last for first, last in spans)


def format_eras(eras: Sequence[int]) -> str:
    """Write ascending eras as ranges.

    >>> format_eras((1, 2, 3, 7, 9, 10)), format_eras(())
    ('1-3,7,9-10', '')
    """
    spans: list[list[int]] = []
    for era in eras:
        if spans and era == spans[-1][1] + 1:
            spans[-1][1] = era
        else:
            spans.append([era, era])
    return ",".join(
        f"{first}-{last}" if last > first else f"{first}" for first, last in spans
    )


def _parse_eras(text: str) -> tuple[int, ...]:
    parts = [part.split("-") for part in text.split(",") if part]
    spans = [(int(part[0]), int(part[-1])) for part in parts]
    if any(last >= _NO_END for _, last in spans):
        raise ValueError("an era's number is too large")
    return tuple(era for first, last in spans for era in range(first, last + 1))


def _range(text: str) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(text)
    if not match or not (match[1] or match[3]):
        return None
    if not match[2]:
        return (int(text), int(text))
    first, last = int(match[1] or 1), int(match[3] or _NO_END)
    return (first, last) if first <= last else None


def _before(eras: Sequence[int], later: Sequence[int], purge: int) -> tuple[int, ...]:
    end = min(later) - purge if later else None
    return tuple(era for era in eras if end is None or era < end)


def _distance(era: int, seen: Sequence[int]) -> int:
    return min((abs(era - other) for other in seen), default=_NO_END)
