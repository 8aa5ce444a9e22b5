"""All runs and backtests of a workspace in one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.entries import Entry, changes_text, entries_of
from numerai_pipeline.api.parameters import Cli, Names, names_of
from numerai_pipeline.api.results import Result
from numerai_pipeline.api.selecting import select
from numerai_pipeline.core import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Conditions = Annotated[
    str | Sequence[str],
    Cli(option="--filter", kind=list[str], metavar="'KEY OP VALUE'"),
]


@dataclass(frozen=True, repr=False)
class History(Result):
    """Runs and backtests.

    Attributes:
        entries: in the order that was wanted.
    """

    entries: tuple[Entry, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a list with one mapping per entry."""
        return [entry.to_dict() for entry in self.entries]

    @property
    def table(self) -> "pd.DataFrame":
        """A row per entry, by ``model`` and ``id``."""
        import pandas as pd

        rows = [
            {**record, "changes": changes_text(record["changes"])}
            for record in self.to_dict()
        ]
        frame = pd.DataFrame(rows, columns=None if rows else ["model", "id"])
        return frame.set_index(["model", "id"])


class HistoryCommands(Base):
    """The command that lists what was trained."""

    def runs(
        self,
        /,
        names: Names = (),
        *,
        where: Conditions = (),
        sort: str = "-started",
        descending: bool = False,
        limit: int | None = None,
    ) -> History:
        """List all runs and backtests: recipe, eras, best epoch, scores.

        Of each recipe the keys are shown that differ from the model's model.toml. A
        condition or an order may use every key of --json, such as test_corr, and every
        key of the recipes, such as training.epochs. Scores are those of the last `nai
        score`. A folder that is broken is listed with the reason.

        Args:
            names: Models of the workspace; by default all.
            where: Only entries that meet this: =, !=, <, >, ~ (contains); can be
                repeated.
            sort: Key to sort by; with - before it the highest value comes first.
            descending: The highest value first.
            limit: Number of entries at most.

        Returns:
            Its ``table`` has a row per run and backtest.

        Raises:
            ConfigError: if there is no such model or key, or a condition has another
                form.

        Examples:
            nai runs
            nai runs mlp --sort -test_corr --limit 10
            nai runs --filter kind=run --filter model~mlp
        """
        chosen = names_of(names)
        if limit is not None and limit < 0:
            raise ConfigError(f"--limit is {limit}. Write a number from 0 on.")
        for name in chosen:
            self.require_model(name)
        _ = self.settings  # outside of a workspace nothing is listed
        entries = [
            entry
            for name in chosen or self.model_names
            for entry in entries_of(self, name)
        ]
        places = select(
            (entry.values() for entry in entries),
            conditions=[where] if isinstance(where, str) else where,
            sort=sort,
            descending=descending,
            limit=limit,
        )
        return History(tuple(entries[place] for place in places))
