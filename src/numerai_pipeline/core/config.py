"""``numerai.toml`` as a frozen model, and what every config table shares.

A key that does not exist is refused by name, with the nearest one that does.
tomlkit is imported where TOML is written, since every command reads but few write.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from numerai_pipeline.core.errors import ConfigError
from numerai_pipeline.core.files import write_text
from numerai_pipeline.core.text import did_you_mean, printable

NUMERAI_URL = "https://api-tournament.numer.ai"

Table = TypeVar("Table", bound=BaseModel)

Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
# At most a day: a round is over by then, and clocks cannot add much more.
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Frozen(BaseModel):
    """Base of all config tables: unchangeable, unknown keys refused.

    A field's ``description`` is the reason for its default; ``nai init`` and
    ``nai new`` write it beside the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TournamentSettings(Frozen):
    """``[tournament]``: whom to talk to, and how long to try."""

    simulated: bool = Field(
        default=False,
        description="true: connect only to a server on this machine, "
        "and real keys are never read",
    )
    url: str = Field(
        default=NUMERAI_URL,
        description="where the API listens; NUMERAI_API_URL overrides it",
    )
    timeout_seconds: Seconds = Field(
        default=30.0, description="one request; Numerai answers within a few"
    )
    deadline_seconds: Seconds = Field(
        default=600.0,
        description="all tries of one call together; a round is open for an hour",
    )


class DataSettings(Frozen):
    """``[data]``: which release, which features, which targets."""

    version: str = Field(default="v5.3", description="the data release")
    feature_set: str = Field(
        default="all", description="a set of features.json that goes into the shards"
    )
    targets: tuple[str, ...] = Field(
        default=("all",),
        description="targets that go into the shards; one byte per row each",
    )
    shards: str = Field(default="main", description="name of the set of shards")


class EvaluationSettings(Frozen):
    """``[evaluation]``: what scores are made of, and which eras stay closed."""

    lockbox_eras: int = Field(
        default=0,
        ge=0,
        description="newest eras that only `nai score --open-lockbox` reads",
    )
    benchmark: str = Field(
        default="",
        description="column of the benchmark to compare with; empty: v53_lgbm_ender20, "
        "or the first one",
    )
    feature_set: str = Field(
        default="medium",
        description="features of FNC and exposure; none: leave both out",
    )
    payout_corr: float = Field(
        default=0.75, description="multiplier of CORR; it comes with each round"
    )
    payout_mmc: float = Field(
        default=2.25, description="multiplier of MMC; it comes with each round"
    )
    payout_factor: float = Field(
        default=1.0, gt=0, le=1, description="at most 1; it falls as more is staked"
    )
    payout_clip: float = Field(
        default=0.05, gt=0, description="the largest gain or loss of a round"
    )


class SubmissionSettings(Frozen):
    """``[submission]``: which model goes where."""

    models: dict[str, str] = Field(
        default_factory=dict,
        description="your model = its name at Numerai, "
        'such as { mlp = "my_numerai_model" }',
    )
    ledger: str = Field(
        default="",
        description="SQLAlchemy URL of the ledger; empty: ledger.sqlite here",
    )

    @field_validator("models")
    @classmethod
    def _no_name_twice(cls, models: dict[str, str]) -> dict[str, str]:
        ours: dict[str, str] = {}
        for model, name in models.items():
            if not name.strip():
                raise ValueError(f"'{model}' has no name at Numerai")
            for text in (model, name):
                if printable(text) != text:
                    raise ValueError(f"{text!r} holds characters that no name has")
            other = ours.setdefault(name.strip().casefold(), model)
            if other != model:
                raise ValueError(
                    f"'{other}' and '{model}' are both submitted as '{name}', where "
                    "only the latest submission of a round counts. Give each model "
                    "one of its own at Numerai"
                )
        return models


class Settings(Frozen):
    """All of ``numerai.toml``."""

    tournament: TournamentSettings = TournamentSettings()
    data: DataSettings = DataSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    submission: SubmissionSettings = SubmissionSettings()


def load_settings(path: Path) -> Settings:
    """Read ``numerai.toml``.

    Raises:
        ConfigError: if the file is missing, is not TOML, or has a key or a value
            that is not known.
    """
    if not path.is_file():
        demo = path.parent / "demo"
        hint = f" (the demo's is {demo})" if (demo / path.name).is_file() else ""
        raise ConfigError(
            f"{path} does not exist. Run `nai init` in that folder, or pass "
            f"--workspace DIR{hint}."
        )
    return parse_table(Settings, read_toml(path), where=path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain tables.

    Raises:
        ConfigError: if it is not TOML; the line is named.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ConfigError(
            f"{path} is nested too deeply. It needs no table inside of a table inside "
            "of a table: start from what `nai init` or `nai new` writes."
        ) from None
    except ValueError as error:  # not TOML, not UTF-8, a number of 5,000 digits
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error


def write_toml(path: Path, table: Mapping[str, Any]) -> None:
    """Write plain tables as a TOML file, whole."""
    import tomlkit

    write_text(path, tomlkit.dumps(table))


def parse_table(kind: type[Table], table: Mapping[str, Any], *, where: str) -> Table:
    """Check a table against its model.

    Args:
        kind: the pydantic model of the table.
        table: what was read.
        where: file and table for the error, such as ``model.toml [parameters]``.

    Raises:
        ConfigError: one sentence per mistake.

    >>> parse_table(DataSettings, {"versoin": "v5"}, where="numerai.toml [data]")
    Traceback (most recent call last):
    numerai_pipeline.core.errors.ConfigError: numerai.toml [data] has no key 'versoin'. Did you mean 'version'?
    """  # noqa: E501 - the sentence is one line
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        sentences = [_sentence(kind, mistake, where) for mistake in error.errors()]
        raise ConfigError("\n".join(sentences)) from None


def commented_toml(table: BaseModel) -> str:
    """Write a config table as TOML with every key and the reason for its value.

    >>> print(commented_toml(DataSettings()).splitlines()[0])
    version = "v5.3" # the data release
    """
    import tomlkit

    document = tomlkit.document()
    _fill(document, table)
    return tomlkit.dumps(document)


def inline_toml(table: Mapping[str, Any]) -> str:
    """Write a table on one line, as ``--set`` takes it.

    >>> inline_toml({"features": ["medium"], "proportion": 0.5})
    '{features = ["medium"], proportion = 0.5}'
    """
    import tomlkit

    inline = tomlkit.inline_table()
    inline.update(table)
    return inline.as_string()


def _fill(container: Any, table: BaseModel, *, is_nested: bool = False) -> None:
    import tomlkit

    nested: list[tuple[str, BaseModel]] = []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if isinstance(value, BaseModel) and is_nested:
            # A table of a table stands on one line, with what was set.
            value = value.model_dump(mode="json", exclude_unset=True)
        if isinstance(value, BaseModel):
            nested.append((name, value))
            continue
        if value is None:
            container.add(tomlkit.comment(f"{name}: {field.description}"))
            continue
        if isinstance(value, dict):
            item: Any = tomlkit.inline_table()
            item.update(value)
        else:
            item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
        if field.description:
            item.comment(field.description)
        container.add(name, item)
    for name, value in nested:
        child = tomlkit.table()
        _fill(child, value, is_nested=True)
        container.add(name, child)


def _sentence(kind: type[BaseModel], mistake: ErrorDetails, where: str) -> str:
    if mistake["type"] == "value_error":  # in the table's own words
        place = ".".join(str(part) for part in mistake["loc"])
        return f"{where}{f' [{place}]' if place else ''}: {mistake['ctx']['error']}."
    *parents, key = [str(part) for part in mistake["loc"]]
    place = f"{where} [{'.'.join(parents)}]" if parents else where
    if mistake["type"] == "extra_forbidden":
        known = list(_table_at(kind, parents).model_fields)
        return f"{place} has no key '{key}'. {did_you_mean(key, known)}"
    if mistake["type"] == "missing":
        return f"{place} lacks the key '{key}'. Add it."
    found = mistake["input"]
    return f"{place}: '{key}' is {found!r}, but {_lower(mistake['msg'])}."


def _table_at(kind: type[BaseModel], parents: list[str]) -> type[BaseModel]:
    for parent in parents:
        annotation = kind.model_fields[parent].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        kind = annotation
    return kind


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
