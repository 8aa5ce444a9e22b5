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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sides that have eras."""
        sides = {TRAIN: self.train, VALID: self.valid}
        return tuple(name for name, eras in sides.items() if eras)

    def side(self, era: int) -> str | None:
        """Return the side of an era, None if it is on none."""
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
        held_out: the latest of them, to validate on.
        purge: how many eras before the first held-out one are dropped.

    Raises:
        ConfigError: if no era is held out, or none is left to train on.
    """
    if not held_out:
        raise ConfigError(
            "no era would be held out: no row of validation.parquet has a target that "
            "was named. Hold out a share of the eras instead: `nai etl --split 0.2`."
        )
    first = min(held_out)
    before = [era for era in eras if era < first]
    train = tuple(era for era in before if era < first - purge)
    if not train:
        raise ConfigError(
            f"no era would be left to train on: {len(held_out)} of {len(eras)} eras "
            f"are held out, from era {first:04d} on, and of the {len(before)} before "
            f"them a purge of {purge} drops all. Hold out fewer eras (--split), set "
            "--purge, or pack only targets with a shorter horizon (--target)."
        )
    dropped = tuple(era for era in before if era not in set(train))
    return EraSplit(train=train, purged=dropped, valid=tuple(held_out))
