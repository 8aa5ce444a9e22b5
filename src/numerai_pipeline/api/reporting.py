"""The command that shows all that is known of some models: ``report``."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.entries import changes_of, flat_recipe, wanted_recipe
from numerai_pipeline.api.outcomes import Outcome, Outcomes
from numerai_pipeline.api.parameters import Cli, Names, names_of
from numerai_pipeline.api.scored import Scored
from numerai_pipeline.api.scores import ScoredPart, evaluate_models, openings_of
from numerai_pipeline.core import ConfigError, DataError, inline_toml

if TYPE_CHECKING:
    from numerai_pipeline.evaluation import Comparison, Evaluation
    from numerai_pipeline.reports import Report

# A report goes to other people: where this machine keeps its files is not for them.
_PATHS = ("folder", "plot", "predictions")

# More names than these are too long for the name of a file.
_MOST_NAMES = 3


class Reported(Outcomes["Evaluation"], os.PathLike[str]):
    """A report that was written; usable as a path.

    Args:
        outcomes: the scores of each model.
        path: the HTML file.
    """

    def __init__(self, outcomes: "Sequence[Outcome[Evaluation]]", path: Path) -> None:
        super().__init__(outcomes)
        self.path = path

    def to_dict(self) -> dict[str, Any]:
        """Return the file, and for each model the scored eras or its error."""
        return {
            "path": str(self.path),
            "models": {
                one.name: one.error_dict()
                or {"on": one.get().on, "n_eras": one.get().n_eras}
                for one in self.outcomes
            },
        }

    def __fspath__(self) -> str:
        return str(self.path)


class ReportCommands(Base):
    """The command that shows all that is known of some models."""

    def report(
        self,
        names: Names,
        *,
        on: ScoredPart = "test",
        run: str = "latest",
        output: Annotated[
            str | Path | None, Cli(option="--output -o", kind=Path, metavar="FILE")
        ] = None,
    ) -> Reported:
        """Write one HTML file with all that is known of models.

        It begins with a verdict and goes on with scores, curves, folds, exposures,
        payout and what it takes to get the same. It needs no network and no other
        file. What is not scored yet is scored first.

        Args:
            names: Models of the workspace; NAME@RUN for a run of its own.
            on: Eras to report on: test, validation or backtest.
            run: latest, production, or a run's name (its end is enough).
            output: The file to write; by default reports/NAME.html.

        Returns:
            The path of the file, and the outcome of each model.

        Raises:
            ConfigError: if there is no such model or run, or the file is a folder.
            DataError: if none of the models can be scored.

        Examples:
            nai report mlp
            nai report mlp lightgbm --on backtest -o both.html
        """
        from numerai_pipeline.reports import write_report

        chosen = names_of(names)
        path = Path(output) if output else self._report_path(chosen)
        if path.is_dir():
            raise ConfigError(
                f"{path} is a folder. Name a file: `--output {path / 'report.html'}`."
            )
        if path.exists() and not path.is_file():  # a device, which would be replaced
            raise ConfigError(f"{path} is not a file. Name one, such as report.html.")
        outcomes = evaluate_models(self, chosen, on=on, run=run)
        write_report(self._report(outcomes), path)
        return Reported(outcomes, path)

    def _report_path(self, names: Sequence[str]) -> Path:
        shown = "-".join(names[:_MOST_NAMES])
        more = len(names) - _MOST_NAMES
        suffix = f"-and-{more}-more" if more > 0 else ""
        return self.workspace.reports_dir / f"{shown}{suffix}.html"

    def _report(self, outcomes: "list[Outcome[Evaluation]]") -> "Report":
        from numerai_pipeline import __version__
        from numerai_pipeline.evaluation import on_common_eras
        from numerai_pipeline.reports import Report, gather

        openings = openings_of(self)
        scored = Scored(outcomes, openings)
        if not scored.results:
            outcomes[0].get()
        shown = on_common_eras(scored.results)
        models = tuple(
            gather(
                name,
                evaluation,
                workspace=self.workspace,
                n_openings=len(openings),
                changes=self._changes(evaluation),
                notes=_note(scored.results[name], evaluation),
            )
            for name, evaluation in shown.items()
        )
        scored = Scored([Outcome(name, one) for name, one in shown.items()], openings)
        return Report(
            models=models,
            made=self.clock.now(),
            version=__version__,
            numbers=_without_paths(scored.to_dict()),
            comparison=_comparison(scored.results),
            settings=self.settings.evaluation,
        )

    def _changes(self, evaluation: "Evaluation") -> list[str]:
        """Return the options by which its recipe differs from the present model.toml.

        The keys at the top of a recipe have no options; the report prints them.
        """
        from numerai_pipeline.evaluation import Backtest
        from numerai_pipeline.training import Run

        kind = Backtest if evaluation.on == "backtest" else Run
        recipe = kind.open(evaluation.folder).recipe
        wanted = wanted_recipe(self, evaluation.model)
        changes = changes_of(flat_recipe(recipe), wanted)
        seed = [f"--seed {changes.pop('seed')}"] if "seed" in changes else []
        top = set(type(recipe).model_fields)
        pairs = (
            f"{key}={_toml(value)}" for key, value in changes.items() if key not in top
        )
        return [*seed, *(f"--set {quote(pair)}" for pair in pairs)]


def _toml(value: Any) -> str:
    return inline_toml(value) if isinstance(value, dict) else json.dumps(value)


def _note(whole: "Evaluation", shown: "Evaluation") -> list[str]:
    if whole.n_eras == shown.n_eras:
        return []
    return [
        f"Of its {whole.n_eras} eras, the {shown.n_eras} are shown that all models of "
        "this report have."
    ]


def _without_paths(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in entry.items() if key not in _PATHS}
        for name, entry in scores.items()
    }


def _comparison(evaluations: "Mapping[str, Evaluation]") -> "Comparison | None":
    """Compare the models; None where there is nothing to compare with."""
    from numerai_pipeline.evaluation import compare

    try:
        return compare(evaluations)
    except DataError:  # the report says so itself
        return None
