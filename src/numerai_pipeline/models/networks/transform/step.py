"""The base of the steps of a transform: parsing, shape and operation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from numerai_pipeline.core import ConfigError

# Shape of a row of a batch: (features,), (y, x) or (y, x, channels).
Shape = tuple[int, ...]

UNUSED = "_"


@dataclass(frozen=True)
class Argument:
    """A kind of argument: its parser, and a description for errors."""

    read: Callable[[str], Any]
    expected: str


def _size(word: str) -> int:
    size = int(word)
    if size < 1:
        raise ValueError
    return size


def _place(word: str) -> int:
    place = int(word)
    if place < 0:
        raise ValueError
    return place


def _number(word: str) -> float:
    number = float(word)
    if number - number != 0:  # NaN or infinite
        raise ValueError
    return number


def _unused(word: str) -> float | None:
    return None if word == UNUSED else _number(word)


def _places(word: str) -> tuple[int, ...]:
    return tuple(map(_place, word.split(":")))


def _sizes(word: str) -> tuple[int, ...]:
    y, x = map(_size, word.split(":"))
    return y, x


SIZE = Argument(_size, "a whole number from 1")
PLACE = Argument(_place, "a whole number from 0")
NUMBER = Argument(_number, "a number")
NUMBER_OR_UNUSED = Argument(_unused, "a number or _")
PLACES = Argument(_places, "whole numbers from 0 with colons between")
SIZES = Argument(_sizes, "two whole numbers from 1 with a colon between")


@dataclass(frozen=True)
class Step(ABC):
    """A step of a transform; its fields are its arguments, in their order.

    Attributes:
        NAME: its first word.
        ARGUMENTS: names of the arguments, as the documentation has them, and kinds.
    """

    NAME: ClassVar[str]
    ARGUMENTS: ClassVar[Mapping[str, Argument]] = {}

    @classmethod
    def parse(cls, words: list[str], text: str) -> Self:
        """Return the step with these arguments.

        Args:
            words: the arguments.
            text: the whole step, for errors.

        Raises:
            ConfigError: if there are too many or too few, or one is wrong.
        """
        if len(words) != len(cls.ARGUMENTS):
            raise ConfigError(
                f"transform step '{text}' takes {len(cls.ARGUMENTS)} arguments, "
                f"{cls.signature()}, but has {len(words)}."
            )
        values = []
        for (name, kind), word in zip(cls.ARGUMENTS.items(), words, strict=True):
            try:
                values.append(kind.read(word))
            except ValueError:
                raise ConfigError(
                    f"transform step '{text}': '{name}' is '{word}', but must be "
                    f"{kind.expected} ({cls.signature()})."
                ) from None
        return cls(*values)

    @classmethod
    def signature(cls) -> str:
        """Return name and arguments as the documentation shows them."""
        return ",".join((cls.NAME, *cls.ARGUMENTS))

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of a row after the step; by default it does not change.

        Raises:
            ConfigError: if the step cannot be applied to rows of this shape.
        """
        return shape

    @abstractmethod
    def apply(self, x: Any) -> Any:
        """Apply the step to a batch, in a Keras graph or eagerly.

        Args:
            x: ``(batch, *shape)``; ``shape`` has been checked.
        """

    def refuse(self, why: str) -> ConfigError:
        """Return the error that this step cannot be applied."""
        words = [_show(getattr(self, field.name)) for field in fields(self)]
        return ConfigError(f"transform step '{','.join((self.NAME, *words))}' {why}")

    def features(self, shape: Shape) -> int:
        """Return the number of features of a flat row.

        Raises:
            ConfigError: if an earlier step has made a grid of them.
        """
        if len(shape) != 1:
            raise self.refuse(
                "expects a row of features, but finds a grid of "
                f"{show_shape(shape)}. Put it before the step that makes the grid."
            )
        return shape[0]


def show_shape(shape: Shape) -> str:
    """Format a shape for messages.

    >>> show_shape((44, 55)), show_shape((2748,))
    ('44 x 55', '2,748')
    """
    return " x ".join(f"{size:,}" for size in shape)


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return UNUSED if value is None else str(value)
