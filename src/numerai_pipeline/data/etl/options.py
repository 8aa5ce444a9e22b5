"""What goes into the shards, and into which split."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from numerai_pipeline.core import Frozen, Positive
from numerai_pipeline.data.catalog import ALL_TARGETS
from numerai_pipeline.data.folds import eras_subset

SourceName = Literal["train", "validation", "live"]


class EtlOptions(Frozen):
    """The options of the ETL that decide what is written, byte for byte."""

    data_version: str = Field(default="v5.3", description="the data release")
    sources: tuple[SourceName, ...] = Field(
        default=("train", "validation"), description="which Parquet files are read"
    )
    feature_set: str = Field(default="all", description="a set of features.json")
    order: Literal["catalog", "groups"] = Field(
        default="catalog",
        description="features as features.json lists them, or group by group",
    )
    targets: tuple[str, ...] = Field(
        default=(ALL_TARGETS,), description="targets by name; one byte per row each"
    )
    eras_subset: str | None = Field(
        default=None, description="even, odd, every:N[:K] or ranges; None: all eras"
    )
    split: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the eras for the validation split, the latest of all "
        "sources; None: the eras of validation.parquet",
    )
    split_test: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the eras for a test split, the latest of all; "
        "None: no test split",
    )
    split_by: Literal["era", "rows"] = Field(
        default="era",
        description="whole eras, since rows of one era share their returns",
    )
    split_valid_only: bool = Field(
        default=False,
        description="take validation and test rows from validation.parquet only; the "
        "shares are of it",
    )
    seed: int = Field(default=1, ge=0, description="decides a split by rows")
    purge: int | None = Field(
        default=None,
        ge=0,
        description="eras left out between two parts; None: 8 if all targets look 20 "
        "days ahead, 16 if one looks 60",
    )
    balance: bool = Field(
        default=False, description="thin out common target values in training rows"
    )
    layout: Literal["packed", "rows"] = Field(
        default="packed", description="three features per byte, or one Example per row"
    )
    rows_per_shard: Positive = Field(
        default=65_536,
        description="64 MB per file at full width: a hundred files for all history, "
        "and little to repeat if one is broken",
    )
    shard_per_era: bool = Field(
        default=False, description="one file or more per era, with the era in the name"
    )

    @property
    def is_live(self) -> bool:
        """Whether live rows are turned into shards; they have no targets."""
        return "live" in self.sources

    @field_validator("eras_subset")
    @classmethod
    def _is_a_choice(cls, text: str | None) -> str | None:
        if text is not None:
            eras_subset(text)
        return text

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        mistake = self._mistake()
        if mistake:
            raise ValueError(mistake)
        return self

    def _mistake(self) -> str | None:
        shares = (self.split or 0) + (self.split_test or 0)
        if not self.sources or len(set(self.sources)) != len(self.sources):
            return "name each source once"
        if self.is_live and len(self.sources) > 1:
            return "live rows go into shards of their own: leave out the other sources"
        if self.is_live and (shares or self.balance or self.eras_subset):
            return "live rows have no eras to choose and no targets to balance by"
        if shares >= 1:
            return (
                f"split ({self.split}) and split_test ({self.split_test}) together "
                "would leave nothing to train on"
            )
        if self.split_by == "rows" and self.split is None:
            return "a split by rows needs a share: split"
        if self.split_by == "rows" and self.purge is not None:
            return "a split by rows draws from all eras, so purge has no effect"
        if self.split_valid_only and set(self.sources) != {"train", "validation"}:
            return "split_valid_only needs both train and validation"
        if self.split_valid_only and self.split is None:
            return "split_valid_only needs a share: split"
        return None
