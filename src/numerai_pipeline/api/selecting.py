"""Which entries of a table are shown, and in which order: ``--filter``, ``--sort``."""

import math
import operator
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from numerai_pipeline.core import ConfigError, did_you_mean

_CONDITION = re.compile(r"\s*([\w.]+)\s*(!=|=|<|>|~)\s*(.*?)\s*")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Condition:
    """What the value of a key must be.

    Attributes:
        key: a key of the entries.
        sign: ``=``, ``!=``, ``<``, ``>``, or ``~``: it contains a text.
        value: a TOML value, otherwise a text.
    """

    key: str
    sign: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition.

        Raises:
            ConfigError: if it has another form.

        >>> Condition.parse("test_corr > 0.02")
        Condition(key='test_corr', sign='>', value=0.02)
        >>> Condition.parse("model~lgb")
        Condition(key='model', sign='~', value='lgb')
        """
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ConfigError(
                f"--filter {text!r} is not KEY OP VALUE, where OP is =, !=, <, > or ~ "
                "(contains). Write it like --filter 'test_corr > 0.02'."
            )
        key, sign, value = found.groups()
        return cls(key, sign, value if sign == "~" else _value(value))

    def holds(self, value: Any) -> bool:
        """Return whether a value meets it; one that is missing meets only ``!=``.

        Raises:
            ConfigError: if the value cannot be ordered beside this one.
        """
        if self.sign == "~":
            return str(self.value).casefold() in _text(value).casefold()
        if self.sign in ("=", "!="):
            is_same = value == self.value or _text(value) == _text(self.value)
            return is_same == (self.sign == "=")
        if _is_missing(value):
            return False
        try:
            return _ORDERS[self.sign](value, self.value)
        except TypeError as error:
            raise ConfigError(
                f"--filter {self.key} {self.sign} {self.value}: {self.key} is "
                f"{value!r} in an entry, which has no order beside {self.value!r}."
            ) from error


def select(
    entries: Iterable[Mapping[str, Any]],
    *,
    conditions: Sequence[str],
    sort: str,
    descending: bool,
    limit: int | None,
) -> list[int]:
    """Return the places of the entries that are wanted, in their order.

    Args:
        entries: their values by key; not all need to have all keys.
        conditions: texts such as ``test_corr > 0.02``; all must hold.
        sort: a key; with ``-`` before it the highest value comes first. Entries without
            a value come last.
        descending: the same as ``-``.
        limit: how many at most.

    Raises:
        ConfigError: if no entry has a key, or a condition has another form.

    >>> rows = [{"model": "a", "corr": 0.01}, {"model": "b", "corr": None}]
    >>> select(rows, conditions=["model != a"], sort="corr", descending=0, limit=None)
    [1]
    """
    listed = list(entries)
    wanted = [Condition.parse(text) for text in conditions]
    key = sort.removeprefix("-")
    known = {name for entry in listed for name in entry}
    for name in (key, *(one.key for one in wanted)):
        if listed and name not in known:
            raise ConfigError(
                f"the table has no key '{name}'. {did_you_mean(name, sorted(known))}"
            )
    places = [
        place
        for place, entry in enumerate(listed)
        if all(one.holds(entry.get(one.key)) for one in wanted)
    ]
    has_value = [p for p in places if not _is_missing(listed[p].get(key))]
    has_value.sort(
        key=lambda place: _order(listed[place][key]),
        reverse=descending or sort.startswith("-"),
    )
    without = [place for place in places if place not in set(has_value)]
    return [*has_value, *without][:limit]


def _value(text: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    # Entries have times as texts, whose order is that of the times.
    return text if isinstance(value, date | time) else value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _order(value: Any) -> tuple[bool, Any]:
    """Return a key of values of any type: numbers come before texts."""
    is_number = isinstance(value, int | float)
    return not is_number, value if is_number else _text(value)


def _text(value: Any) -> str:
    """Return a value as the table shows it.

    >>> _text(True), _text(None), _text("2026")
    ('yes', '', '2026')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
