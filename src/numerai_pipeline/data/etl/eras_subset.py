"""A choice of eras as people write it: ``even``, ``every:4``, ``1-120,300-``."""

import re
from collections.abc import Callable

from numerai_pipeline.core import ConfigError

IsChosen = Callable[[int], bool]

_EVERY = re.compile(r"every:(\d+)(?::(\d+))?")
_RANGE = re.compile(r"(\d+)?(-)?(\d+)?")

# Above every era's number, which is kept in 16 bits.
_NO_END = 1 << 15


def eras_subset(text: str) -> IsChosen:
    """Return a function that tells whether an era is chosen.

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
            f"'{text}' is no choice of eras. Write even, odd, every:4, every:4:1 (the "
            "remainder, below the step) or ranges such as 1-120,300-."
        )
    spans = [span for span in ranges if span]
    return lambda era: any(first <= era <= last for first, last in spans)


def _range(text: str) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(text)
    if not match or not (match[1] or match[3]):
        return None
    if not match[2]:
        return (int(text), int(text))
    first, last = int(match[1] or 1), int(match[3] or _NO_END)
    return (first, last) if first <= last else None
