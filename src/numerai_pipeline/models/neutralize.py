"""``[prediction]`` of a recipe: what is done to predictions after the model."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from numerai_pipeline.core import Frozen

_REASON = (
    'such as { features = "medium", proportion = 0.5 }: takes half of what the '
    "features explain out of the predictions; empty: nothing"
)


def _listed(value: Any) -> Any:
    """Return one name as a list of names."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Neutralize(Frozen):
    """What is taken out of the predictions of each era; empty: nothing.

    Attributes:
        features: sets or groups of ``features.json``; ``medium & serenity`` is what
            both have.
        benchmarks: columns of Numerai's benchmark files.
        proportion: share of the explained part that is taken.
    """

    features: Names = ()
    benchmarks: Names = ()
    proportion: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _takes_something(self) -> "Neutralize":
        if self.model_fields_set and not self.is_on:
            raise ValueError(
                "it names neither features nor benchmarks. Write neutralize = "
                '{ features = "medium", proportion = 0.5 }, or {} for nothing'
            )
        return self

    @property
    def is_on(self) -> bool:
        """Whether there is something to be taken out."""
        return bool(self.features or self.benchmarks)

    def __str__(self) -> str:
        """Return it in words; empty where nothing is taken.

        >>> str(Neutralize(features="medium", proportion=0.5))
        'neutralized to medium, proportion 0.5'
        """
        if not self.is_on:
            return ""
        names = " + ".join((*self.features, *self.benchmarks))
        return f"neutralized to {names}, proportion {self.proportion:g}"


def _is_off(neutralize: Neutralize) -> bool:
    return not neutralize.is_on


class Prediction(Frozen):
    """``[prediction]``: steps between the model's output and the final prediction.

    None of them belongs to the training, and without any the table is left out of what
    is written, so that recipes without it stay what they were.
    """

    neutralize: Neutralize = Field(
        default=Neutralize(), description=_REASON, exclude_if=_is_off
    )

    @property
    def is_empty(self) -> bool:
        """Whether the model's output is the prediction."""
        return not self.neutralize.is_on
