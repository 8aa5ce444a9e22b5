"""The types of the commands' parameters, and how they appear on the command line.

A command is a method of ``Project``. Its signature defines the Python call and the
command line: a positional parameter is an argument, a keyword-only one an option with
its name. ``Cli`` adds what name and type do not say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from numerai_pipeline.core import memory_bytes, parse_bytes


@dataclass(frozen=True)
class Cli:
    """How a parameter appears on the command line; None: as its name and type say.

    Attributes:
        option: its flags, such as ``--batch`` or ``--output -o``; a positional
            parameter becomes an option.
        kind: the type of one word, if Python accepts several types.
        metavar: placeholder of a value in help.
        panel: title of its group of options in help.
        is_pairs: whether it is a mapping, written as KEY=VALUE and repeated.
    """

    option: str | None = None
    kind: Any = None
    metavar: str | None = None
    panel: str | None = None
    is_pairs: bool | None = None

    def over(self, other: "Cli") -> "Cli":
        """Return this, with what it leaves open taken from another."""
        return Cli(
            *(
                getattr(other, field.name)
                if getattr(self, field.name) is None
                else getattr(self, field.name)
                for field in fields(Cli)
            )
        )


# The tables of a recipe, and how their keys begin.
_TABLES = {"parameters": "", "training": "training.", "prediction": "prediction."}

Folder = Annotated[str | Path, Cli(kind=Path)]
# One name or several; in one string they are separated by commas.
Names = Annotated[str | Sequence[str], Cli(kind=list[str], metavar="NAME")]
# Bytes, or a size such as "6GB" or "50%" of this machine's memory.
Size = Annotated[str | int | None, Cli(kind=str, metavar="SIZE")]
Pairs = Annotated[
    Mapping[str, Any] | None,
    Cli(kind=list[str], metavar="KEY=VALUE", is_pairs=True),
]
# `**parameters: Set` is `--set KEY=VALUE`.
Set = Annotated[
    Any, Cli(option="--set", kind=list[str], metavar="KEY=VALUE", is_pairs=True)
]


def names_of(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names, one or several, each once.

    >>> names_of("mlp"), names_of(["mlp", "cnn,mlp"])
    (('mlp',), ('mlp', 'cnn'))
    """
    texts = [names] if isinstance(names, str) else names
    found = (name.strip() for text in texts for name in text.split(","))
    return tuple(dict.fromkeys(found))


def size_of(size: str | int | None) -> int | None:
    """Return a size of memory in bytes.

    Raises:
        ConfigError: if a text is not a size.
    """
    return parse_bytes(size, whole=memory_bytes()) if isinstance(size, str) else size


def overrides_of(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides of a recipe with its tables written out; None is left out.

    >>> overrides_of({"units": [8], "training": {"epochs": 3}, "seed": None})
    {'units': [8], 'training.epochs': 3}
    >>> overrides_of({"parameters": {"units": [8]}, "training.epochs": 3})
    {'units': [8], 'training.epochs': 3}
    """
    overrides: dict[str, Any] = {}
    for key, value in tables.items():
        if key in _TABLES and isinstance(value, Mapping):
            prefix = _TABLES[key]
            overrides |= {f"{prefix}{name}": each for name, each in value.items()}
        elif value is not None:
            overrides[key] = value
    return overrides
