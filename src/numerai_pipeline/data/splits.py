"""Which eras are trained on, which are held out, and which are dropped in between.

Rows never decide: an era is on one side or on none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from numerai_pipeline.core import ConfigError

TRAIN, VALID, TEST = "train", "valid", "test"
SPLITS = (TRAIN, VALID, TEST)


@dataclass(frozen=True)
class EraSplit:
    """Eras of the training and the held-out side, ascending.

    >>> held_out = hold_out_latest(range(1, 11), share=0.3)
    >>> split = purged(range(1, 11), held_out, purge=2)
    >>> split.train, split.purged, split.valid
    ((1, 2, 3, 4, 5), (6, 7), (8, 9, 10))
    """

    train: tuple[int, ...]
    purged: tuple[int, ...]
    valid: tuple[int, ...]

    def side(self, era: int) -> str | None:
        """Return the split of an era, None if it is in none."""
        if era in self.train:
            return TRAIN
        return VALID if era in self.valid else None


def hold_out_latest(eras: Sequence[int], *, share: float) -> tuple[int, ...]:
    """Return the latest eras, a share of all, at least one."""
    count = max(1, round(share * len(eras)))
    return tuple(eras[len(eras) - count :])


def purged(eras: Sequence[int], held_out: Sequence[int], *, purge: int) -> EraSplit:
    """Split eras so that training targets end before the held-out eras begin.

    A target looks some weeks ahead, so the eras just before the first held-out one
    share returns with it. Those nearer than ``purge`` eras are dropped. The distance
    counts era numbers: where only every fourth era is there, fewer are dropped.

    Args:
        eras: all eras with a target, ascending.
        held_out: those of them to validate on.
        purge: how many eras before the first held-out one are dropped.

    Raises:
        ConfigError: if no era is left to train on.
    """
    held = set(held_out)
    before = [era for era in eras if era not in held]
    if not held_out:
        return EraSplit(train=tuple(before), purged=(), valid=())
    last = min(held_out) - purge - 1
    train = tuple(era for era in before if era <= last)
    if before and not train:
        raise ConfigError(
            f"a purge of {purge} eras before era {min(held_out):04d} leaves no era to "
            f"train on: there are {len(before)} ({before[0]:04d} to {before[-1]:04d}). "
            "Hold out fewer eras (--split), name targets with a shorter horizon "
            "(--target), or set --purge."
        )
    dropped = tuple(era for era in before if era > last)
    return EraSplit(train=train, purged=dropped, valid=tuple(held_out))
