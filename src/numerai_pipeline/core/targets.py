"""Targets by name, and targets that are derived from others, written as a text.

A text is a name, a mean, or a weighted sum, each also neutralized within the era:

    target_ender_20
    mean of target_ender_20, target_victor_20
    0.7 target_ender_20 + 0.3 target_victor_20
    target_ender_20 neutral to features medium at 0.5
    mean of target, target_victor_20 neutral to benchmark v53_lgbm_ender20
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator

from numerai_pipeline.core.errors import ConfigError
from numerai_pipeline.core.files import digest_of

# A name alone may have any characters but spaces: `features.json` knows which exist.
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_TERM = re.compile(r"([+-])? ?(-?[0-9.]+(?:[eE][+-]?[0-9]+)?) ([A-Za-z_][\w.]*)(?: |$)")
_NEUTRAL = re.compile(r"(features|benchmark) (\S+)(?: at (\S+))?")
_MEAN, _TO = "mean of ", " neutral to "

# A folder's name stays readable, and short where paths are limited.
_LONGEST_FOLDER = 40


@dataclass(frozen=True)
class Neutral:
    """What a target is neutralized to, within each era.

    Attributes:
        to: ``features`` of a set, or a ``benchmark`` model's predictions.
        name: of the feature set, or of the benchmark's column.
        proportion: share of the explained part that is taken, above 0, at most 1.
    """

    to: Literal["features", "benchmark"]
    name: str
    proportion: float = 1.0

    def __str__(self) -> str:
        """Return the text after the target."""
        at = "" if self.proportion == 1 else f" at {_number(self.proportion)}"
        return f"{_TO}{self.to} {self.name}{at}"


@dataclass(frozen=True)
class Target:
    """What is learned; see the module.

    Attributes:
        names: the targets it is made of, each once.
        weights: one per name; empty: the target itself, or the mean of several.
        neutral: what it is neutralized to; None: to nothing.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...] = ()
    neutral: Neutral | None = None

    @property
    def is_derived(self) -> bool:
        """Whether it is anything but a target of ``features.json``."""
        return len(self.names) > 1 or bool(self.weights) or self.neutral is not None

    @property
    def raw(self) -> "Target":
        """The target before it is neutralized."""
        return Target(self.names, self.weights)

    @property
    def folder_name(self) -> str:
        """A name for files and folders, different for different targets.

        >>> parse_target("target_x_60").folder_name
        'target_x_60'
        >>> parse_target("mean of target_a_20, target_b_20").folder_name
        'mean-of-target_a_20-target_b_20-b114ed00'
        """
        if not self.is_derived:
            return str(self)
        words = re.sub(r"[^A-Za-z0-9_]+", "-", str(self))[:_LONGEST_FOLDER]
        return f"{words.strip('-')}-{digest_of(str(self))[:8]}"

    def __str__(self) -> str:
        """Return the one spelling of the text."""
        if self.weights:
            terms = zip(self.weights, self.names, strict=True)
            text = " ".join(f"{_signed(w)} {name}" for w, name in terms)
            text = text.removeprefix("+ ")
            text = f"-{text[2:]}" if text.startswith("- ") else text
        else:
            text = (_MEAN if len(self.names) > 1 else "") + ", ".join(self.names)
        return f"{text}{self.neutral or ''}"


@cache
def parse_target(text: str) -> Target:
    """Read a target's text.

    Raises:
        ConfigError: if it is no such text, names a target twice, or a number is not
            finite, a weight zero, or a proportion not above 0 and at most 1.

    >>> str(parse_target("0.70 target_a_20  -.3 target_b_20"))
    '0.7 target_a_20 - 0.3 target_b_20'
    >>> parse_target("target neutral to features small at 0.5").neutral
    Neutral(to='features', name='small', proportion=0.5)
    """
    words = " ".join(text.split())
    raw, found, to = words.partition(_TO)
    neutral = _neutral(to, words) if found else None
    if raw.startswith(_MEAN):
        names = tuple(name.strip() for name in raw.removeprefix(_MEAN).split(","))
        wrong = next((one for one in names if not _NAME.fullmatch(one)), None)
        if wrong is not None:
            raise _unreadable(words, f"'{wrong}' is not the name of a target")
        if len(names) == 1:
            raise _unreadable(words, "a mean needs two targets")
        target = Target(names, neutral=neutral)
    elif raw and " " not in raw:
        target = Target((raw,), neutral=neutral)
    else:
        terms = _terms(raw, words)
        names, weights = zip(*terms, strict=True)
        target = Target(names, weights, neutral)
    twice = next((one for one in target.names if target.names.count(one) > 1), None)
    if twice is not None:
        raise _unreadable(words, f"'{twice}' is named twice")
    return target


def _spelled(text: str) -> str:
    """Return the one spelling of a target's text, for a table of a recipe."""
    try:
        return str(parse_target(text))
    except ConfigError as error:
        raise ValueError(str(error).rstrip(".")) from error


# A target in a recipe: always in its one spelling.
TargetText = Annotated[str, AfterValidator(_spelled)]


def _terms(raw: str, words: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    at = 0
    while at < len(raw) or not found:
        term = _TERM.match(raw, at)
        if term is None or (found and not term[1]):
            rest = raw[at:] or raw
            raise _unreadable(words, f"'{rest}' is not a weight and a target's name")
        weight = _float(term[2], words) * (-1 if term[1] == "-" else 1)
        if weight == 0:
            raise _unreadable(words, f"the weight of '{term[3]}' is zero")
        found.append((term[3], weight))
        at = term.end()
    return found


def _neutral(to: str, words: str) -> Neutral:
    match = _NEUTRAL.fullmatch(to)
    if match is None:
        raise _unreadable(words, f"nothing can be neutral to '{to}'")
    kind: Literal["features", "benchmark"] = (
        "features" if match[1] == "features" else "benchmark"
    )
    proportion = _float(match[3] or "1", words)
    if not 0 < proportion <= 1:
        raise _unreadable(words, f"the proportion {match[3]} is not above 0 up to 1")
    return Neutral(kind, match[2], proportion)


def _float(text: str, words: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _unreadable(words, f"'{text}' is not a number") from None
    if not math.isfinite(number):
        raise _unreadable(words, f"'{text}' is not a finite number")
    return number


def _unreadable(words: str, why: str) -> ConfigError:
    return ConfigError(
        f"the target '{words[:200]}' cannot be read: {why}. Write a target's name, "
        "'mean of target_a_20, target_b_20' or '0.7 target_a_20 + 0.3 target_b_20', "
        "and after any of them 'neutral to features SET' or 'neutral to benchmark "
        "NAME', with 'at 0.5' for a proportion."
    )


def _signed(weight: float) -> str:
    return f"{'-' if weight < 0 else '+'} {_number(abs(weight))}"


def _number(value: float) -> str:
    """Write a number so that it is read as the same one.

    >>> _number(1.0), _number(0.30), _number(1e-7)
    ('1', '0.3', '1e-07')
    """
    return repr(value).removesuffix(".0")
