"""Schemes of backtests: which folds predict many eras, each of them once."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data.folds import Fold, format_eras, latest

SchemeName = Literal["expanding", "rolling", "blocked"]

# Three years of weekly eras: Numerai's benchmark models are trained by these chunks.
CHUNK_ERAS = 156

# Share of a fold's training part that chooses the epoch. An epoch is chosen among a
# few, which needs few eras, and each one costs training the newest eras there are.
_VALIDATION_SHARE = 0.1

# Fewer follow the noise of single eras.
_MIN_VALIDATION_ERAS = 4


def usual_chunk(n_eras: int) -> int:
    """Return how many eras a fold predicts by default.

    >>> usual_chunk(1_198), usual_chunk(126)
    (156, 32)
    """
    return max(1, min(CHUNK_ERAS, math.ceil(n_eras / 4)))


@dataclass(frozen=True)
class Scheme:
    """How a backtest cuts eras into folds.

    Attributes:
        name: ``expanding`` trains on all eras before the chunk, ``rolling`` on the
            last ``train_eras`` of them, ``blocked`` also on all eras after it: it
            learns from the future of what it predicts.
        chunk: eras that one fold predicts; the last fold may have fewer.
        train_eras: eras of a rolling training part, validation eras included.
        every: a fold learns from every Nth era; all eras are predicted.

    Raises:
        ConfigError: if a number is not positive, or ``train_eras`` is missing or has
            no effect.
    """

    name: SchemeName = "expanding"
    chunk: int = CHUNK_ERAS
    train_eras: int | None = None
    every: int = 1

    def __post_init__(self) -> None:
        for option in ("chunk", "train_eras", "every"):
            value = getattr(self, option)
            if value is not None and value < 1:
                flag = option.replace("_", "-")
                raise ConfigError(f"--{flag} is {value}. Write a number from 1 on.")
        if (self.name == "rolling") != (self.train_eras is not None):
            raise ConfigError(
                "the scheme 'rolling' needs --train-eras, the number of eras before a "
                "chunk that it trains on, and no other scheme takes it."
            )

    @property
    def learns_from_future(self) -> bool:
        """Whether a fold learns from eras later than those that it predicts."""
        return self.name == "blocked"


def backtest_folds(
    eras: Sequence[int],
    scheme: Scheme,
    *,
    purge: int,
    learns_from: Callable[[int], bool] = lambda _era: True,
) -> list[Fold]:
    """Cut eras into folds of which each era is the test of one at most.

    Within a fold the last tenth of the training part, four eras at least, validates.
    A chunk before which too few eras are left to learn and to choose from has no fold;
    of ``expanding`` and ``rolling`` the first chunk is one.

    Args:
        eras: ascending.
        scheme: how to cut them.
        purge: eras left out between two parts, in era numbers.
        learns_from: whether the recipe learns from an era; every Nth of those is
            learned from.

    Raises:
        ConfigError: if no fold is left.

    >>> for fold in backtest_folds(range(1, 61), Scheme(chunk=20), purge=2):
    ...     print(*map(format_eras, (fold.train, fold.validation, fold.test)))
    1-12 15-18 21-40
    1-32 35-38 41-60
    """
    chosen = [era for era in eras if learns_from(era)][:: scheme.every]
    chunks = [
        tuple(eras[start : start + scheme.chunk])
        for start in range(0, len(eras), scheme.chunk)
    ]
    folds = [_fold(eras, test, set(chosen), scheme, purge) for test in chunks]
    found = [fold for fold in folds if fold is not None]
    if not found:
        raise ConfigError(
            f"none of the {len(chunks)} chunks of {scheme.chunk} eras can be "
            f"predicted: of {len(eras)} eras, {format_eras(eras)}, too few are left to "
            f"learn from after a purge of {purge}. Lower --chunk"
            f"{', raise --train-eras' if scheme.train_eras else ''}, or pack more "
            "eras: `nai etl`."
        )
    return found


def _fold(
    eras: Sequence[int],
    test: tuple[int, ...],
    chosen: set[int],
    scheme: Scheme,
    purge: int,
) -> Fold | None:
    """Return the fold that predicts a chunk; None if no era is left to learn from."""
    apart = [era for era in eras if era < test[0] - purge]
    if scheme.train_eras is not None:
        apart = apart[-scheme.train_eras :]
    if scheme.name == "blocked":
        apart += [era for era in eras if era > test[-1] + purge]
    n_validation = max(
        _MIN_VALIDATION_ERAS, len(latest(apart, share=_VALIDATION_SHARE))
    )
    validation = tuple(apart[-n_validation:])
    train = tuple(
        era for era in apart if era in chosen and _is_apart(era, validation, purge)
    )
    if not train or len(validation) < _MIN_VALIDATION_ERAS:
        return None
    return Fold(train, validation, test, purge)


def _is_apart(era: int, others: Sequence[int], purge: int) -> bool:
    """Return whether an era is farther than the purge from all others, ascending."""
    place = bisect_left(others, era - purge)
    return place == len(others) or others[place] > era + purge
