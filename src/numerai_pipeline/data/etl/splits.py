"""Which eras are trained on, which are held out, and which are dropped in between."""

from collections.abc import Sequence
from dataclasses import dataclass

from numerai_pipeline.core import ConfigError

TRAIN, VALID, TEST, LIVE = "train", "valid", "test", "live"

# In the order in which they are listed.
SPLITS = (TRAIN, VALID, TEST, LIVE)


@dataclass(frozen=True)
class EraSplit:
    """Eras of each side, ascending, and those on none.

    >>> split = purged(range(1, 13), valid=(7, 8, 9), test=(12,), purge=2)
    >>> split.train, split.valid, split.test, split.purged
    ((1, 2, 3, 4), (7, 8, 9), (12,), (5, 6, 10, 11))
    """

    train: tuple[int, ...]
    valid: tuple[int, ...]
    test: tuple[int, ...] = ()
    purged: tuple[int, ...] = ()

    def side(self, era: int) -> str | None:
        """Return the side of an era, None if it is on none."""
        sides = {TRAIN: self.train, VALID: self.valid, TEST: self.test}
        return next((name for name, eras in sides.items() if era in eras), None)


def latest(eras: Sequence[int], *, share: float) -> tuple[int, ...]:
    """Return the latest eras, a share of all, at least one.

    >>> latest(range(1, 11), share=0.3)
    (8, 9, 10)
    """
    count = max(1, round(share * len(eras)))
    return tuple(eras[len(eras) - count :])


def purged(
    eras: Sequence[int],
    *,
    valid: Sequence[int],
    test: Sequence[int] = (),
    purge: int,
) -> EraSplit:
    """Split eras so that targets of one side end before the next side begins.

    A target looks some weeks ahead, so the eras just before a held-out one share
    returns with it. Those nearer than ``purge`` eras are dropped. The distance counts
    era numbers: where only every fourth era is there, fewer are dropped.

    Args:
        eras: all eras with a target, ascending.
        valid: eras to validate on, each later than any to train on.
        test: eras to test on, each later than any to validate on.
        purge: how many eras are dropped before the first of ``valid`` and of ``test``.

    Raises:
        ConfigError: if no era is held out, or none is left on one of the sides.
    """
    if not valid and not test:
        raise ConfigError(
            "no era would be held out: none of the chosen eras of validation.parquet "
            "has a target that was named. Choose others (--eras-subset, --targets), or "
            "hold out a share of the eras: `nai etl --split 0.2`."
        )
    kept_valid = _before(valid, test, purge)
    if valid and not kept_valid:
        raise ConfigError(
            f"no era would be left to validate on: a purge of {purge} before the test "
            f"eras, from {min(test):04d} on, drops all {len(valid)}. Hold out more "
            "eras (--split), or set --purge."
        )
    first = min((*kept_valid, *test))
    candidates = [era for era in eras if era < first]
    train = _before(candidates, (first,), purge)
    if not train:
        raise ConfigError(
            f"no era would be left to train on: {len(valid) + len(test)} of "
            f"{len(eras)} eras are held out, from era {first:04d} on, and of the "
            f"{len(candidates)} before them a purge of {purge} drops all. Hold out "
            "fewer eras (--split), set --purge, or pack only targets with a shorter "
            "horizon (--targets)."
        )
    used = {*train, *kept_valid, *test}
    return EraSplit(
        train=train,
        valid=kept_valid,
        test=tuple(test),
        purged=tuple(era for era in eras if era not in used),
    )


def _before(eras: Sequence[int], later: Sequence[int], purge: int) -> tuple[int, ...]:
    end = min(later) - purge if later else None
    return tuple(era for era in eras if end is None or era < end)
