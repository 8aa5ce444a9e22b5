"""Numbers and verdicts as a page writes them."""

import math
from typing import Literal

Verdict = Literal["above", "below", "open", "unknown"]


def number(value: float, digits: int = 4, *, sign: bool = False) -> str:
    """Return a number with a real minus; a dash where it is not defined.

    >>> number(-0.01234), number(0.5, 2, sign=True), number(math.nan)
    ('−0.0123', '+0.50', '–')
    """
    if not math.isfinite(value):
        return "–"
    return format(value, f"{'+' if sign else ''},.{digits}f").replace("-", "−")


def interval(low: float, high: float, digits: int = 4, *, sign: bool = False) -> str:
    """Return the ends of an interval; a dash where there are too few eras for one.

    >>> interval(-0.0012, 0.002)
    '−0.0012 to 0.0020'
    """
    if not math.isfinite(low):
        return "–"
    return f"{number(low, digits, sign=sign)} to {number(high, digits, sign=sign)}"


def verdict(low: float, high: float) -> Verdict:
    """Return on which side of zero an interval is.

    >>> verdict(0.01, 0.02), verdict(-0.01, 0.02), verdict(math.nan, math.nan)
    ('above', 'open', 'unknown')
    """
    if not math.isfinite(low):
        return "unknown"
    return "above" if low > 0 else "below" if high < 0 else "open"


def counted_eras(n: int) -> str:
    """Return a number of eras.

    >>> counted_eras(1), counted_eras(1200)
    ('1 era', '1,200 eras')
    """
    return f"{n:,} era{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share in percent.

    >>> percent(0.612)
    '61 %'
    """
    return "–" if not math.isfinite(share) else f"{share:.0%}".replace("%", " %")
