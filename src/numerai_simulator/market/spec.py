"""How large a market is and how strong its signal: all that decides its data."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from numerai_simulator.errors import SetupError

# Raised with every change of what a spec's files hold: a folder that was begun with
# other data cannot go on.
EDITION = 2

# Room for two features in each group; see `catalog`.
_LEAST_FEATURES = 40
# Unresolved eras and the meta model's absence must leave something to score.
_LEAST_VALIDATION_ERAS = 2
# The benchmark models begin with the second era.
_LEAST_TRAIN_ERAS = 2

# Five rounds per week since round 842 of autumn 2024 come to about this number on
# 2026-11-24, where a simulation starts by default.
_FIRST_ROUND = 1385


class MarketSpec(BaseModel):
    """A market; the same spec is the same market, to the last bit.

    ``signal`` is the CORR that a forecaster who knew every expected payoff would
    earn on average on 20-day targets, before targets are cut into five bins. What
    a model can learn from the past is about half to three quarters of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: str = Field(description="the preset that it was made from")
    seed: int = Field(ge=0)
    n_features: Annotated[int, Field(ge=_LEAST_FEATURES, le=2_748)]
    n_train_eras: Annotated[int, Field(ge=_LEAST_TRAIN_ERAS)]
    n_validation_eras: Annotated[int, Field(ge=_LEAST_VALIDATION_ERAS)]
    min_rows: Annotated[int, Field(ge=50)]
    max_rows: Annotated[int, Field(gt=0)]
    signal: Annotated[float, Field(gt=0, lt=0.7)]
    first_round: Annotated[int, Field(gt=0)] = _FIRST_ROUND

    @model_validator(mode="after")
    def _check(self) -> "MarketSpec":
        if self.max_rows < self.min_rows:
            raise ValueError(
                f"max_rows {self.max_rows} must be at least min_rows {self.min_rows}"
            )
        if self.n_train_eras + self.n_validation_eras > 9_999:
            raise ValueError("an era has four digits, so there are at most 9,999")
        return self

    @property
    def n_eras(self) -> int:
        """Eras of both files; era numbers go from 1 to this."""
        return self.n_train_eras + self.n_validation_eras

    @property
    def present(self) -> int:
        """The business day of the first live round: the next one after the eras."""
        return era_day(self.n_eras + 1)

    def round_day(self, round_number: int) -> int:
        """Return the business day of a round.

        Raises:
            SetupError: if the round lies before the first live one.
        """
        if round_number < self.first_round:
            raise SetupError(
                f"this market's live data begins with round {self.first_round}; "
                f"round {round_number} is before it."
            )
        return self.present + round_number - self.first_round


def era_day(era: int) -> int:
    """Return the business day of an era; eras are weekly.

    >>> era_day(3) - era_day(2)
    5
    """
    return 5 * era


_PRESETS = {
    # For tests: all files in about a second.
    "tiny": {
        "n_features": 60,
        "n_train_eras": 48,
        "n_validation_eras": 24,
        "min_rows": 100,
        "max_rows": 160,
        "signal": 0.40,
    },
    # For the demo: 36 resolved eras distinguish a good model from noise.
    "small": {
        "n_features": 240,
        "n_train_eras": 90,
        "n_validation_eras": 40,
        "min_rows": 300,
        "max_rows": 500,
        "signal": 0.30,
    },
    # v5.3 as it is.
    "full": {
        "n_features": 2_748,
        "n_train_eras": 574,
        "n_validation_eras": 624,
        "min_rows": 2_000,
        "max_rows": 6_900,
        "signal": 0.055,
    },
}


def preset(size: str, *, seed: int = 1, **overrides: float) -> MarketSpec:
    """Return the spec of a size: ``tiny``, ``small`` or ``full``.

    Args:
        size: name of the preset.
        seed: another seed is another market of the same kind.
        overrides: fields of ``MarketSpec`` that differ from the preset.

    Raises:
        SetupError: if the size is unknown, or such a market cannot exist.

    >>> preset("full").n_features, preset("tiny", n_train_eras=8).n_train_eras
    (2748, 8)
    """
    if size not in _PRESETS:
        raise SetupError(
            f"there is no market of size '{size}'. Take {', '.join(_PRESETS)}."
        )
    values = {"size": size, "seed": seed, **_PRESETS[size], **overrides}
    return parse_spec(values, where=f"market '{size}'")


def parse_spec(values: Mapping[str, Any], *, where: str) -> MarketSpec:
    """Check the fields of a market.

    Args:
        values: the fields of ``MarketSpec``.
        where: what holds them, for the error.

    Raises:
        SetupError: one sentence per mistake.
    """
    try:
        return MarketSpec.model_validate(values)
    except ValidationError as error:
        sentences = [_sentence(mistake, where) for mistake in error.errors()]
        raise SetupError("\n".join(sentences)) from None


def _sentence(mistake: ErrorDetails, where: str) -> str:
    if not mistake["loc"]:  # how values fit together, in the spec's own words
        if "ctx" in mistake:
            return f"{where}: {mistake['ctx']['error']}."
        return f"{where} does not hold a table of fields."
    key, found = mistake["loc"][-1], mistake["input"]
    if mistake["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(key), MarketSpec.model_fields, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        return f"{where} has no key '{key}'.{hint}"
    if mistake["type"] == "missing":
        return f"{where} lacks the key '{key}'."
    problem = mistake["msg"]
    return f"{where}: '{key}' is {found!r}, but {problem[:1].lower()}{problem[1:]}."
