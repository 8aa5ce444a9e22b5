"""The commands that score and compare models: ``score``, ``compare``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.compared import Compared
from numerai_pipeline.api.outcomes import Outcome, each, outcome_of
from numerai_pipeline.api.parameters import Cli, Names, names_of
from numerai_pipeline.api.production import find_run
from numerai_pipeline.api.scored import Scored
from numerai_pipeline.core import ConfigError, DataError, PipelineError

if TYPE_CHECKING:
    from numerai_pipeline.data import FeatureCatalog, ShardReader
    from numerai_pipeline.evaluation import (
        Backtest,
        EvaluatedPart,
        Evaluation,
        Scoring,
        Subject,
    )
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.submission import Opening
    from numerai_pipeline.training import Run

ScoredPart = Literal["test", "validation", "backtest"]

# Leaves out FNC and exposure.
NO_FEATURES = "none"


class ScoreCommands(Base):
    """The commands that score and compare models."""

    def score(
        self,
        names: Names,
        *,
        on: ScoredPart = "test",
        run: str = "latest",
        fnc: Annotated[str | None, Cli(metavar="SET")] = None,
        sweep: bool = False,
        open_lockbox: bool = False,
        force: bool = False,
    ) -> Scored:
        """Score models per era out-of-sample, next to benchmark and meta model.

        Test eras are later than all eras that the run learned from or was chosen on,
        with a purge in between. A backtest has many more: those of all folds. Scores
        on validation eras are too high, since these chose the best epoch; without test
        eras they are scored, with a warning. Every mean has a 95 % interval that
        allows for the overlap of neighbouring eras. The meta model and the benchmarks
        are included if they were downloaded.

        Args:
            names: Models of the workspace; NAME@RUN chooses a run or backtest.
            on: Eras to score: test, validation or backtest.
            run: latest, production, or a run's name (its end is enough).
            fnc: Feature set of FNC and exposure, such as all; none leaves them out.
                By default that of numerai.toml.
            sweep: Also print and plot the scores after 0, .25, .5, .75 and 1 of what
                the features of FNC explain is taken out of the predictions.
            open_lockbox: Score the lockbox eras instead; the ledger records it.
            force: Score again even if up to date.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if there is no such model, run or feature set.
            DataError: if a run did not record its eras, or there is none to score.

        Examples:
            nai score mlp lightgbm
            nai score mlp --on backtest --fnc all
            nai score mlp --on validation --sweep
        """
        if sweep and fnc == NO_FEATURES:
            raise ConfigError(
                "--sweep neutralizes to the features of FNC, so --fnc none does not "
                "go with it."
            )
        from numerai_pipeline.evaluation import plot_sweep

        part: EvaluatedPart = on
        if open_lockbox:
            if on != "test":
                raise ConfigError(
                    "--open-lockbox scores the eras of the lockbox, so --on does not "
                    "go with it."
                )
            part = "lockbox"
        outcomes = evaluate_models(
            self, names_of(names), on=part, run=run, fnc=fnc, force=force
        )
        scored = Scored(outcomes, openings_of(self), has_sweep=sweep)
        for found in scored.results.values() if sweep else ():
            plot_sweep(found)
        return scored

    def compare(
        self,
        names: Names,
        *,
        on: ScoredPart = "test",
        run: str = "latest",
        fnc: Annotated[str | None, Cli(metavar="SET")] = None,
    ) -> Compared:
        """Compare models era by era: which is better, and can the eras show it?

        Differences are paired: both models on the same eras, so that what moves all
        models alike drops out. The p-values of all pairs are adjusted by Holm's
        method; a verdict is given where one stays below 0.05. The main benchmark is
        compared too.

        Args:
            names: Models of the workspace, NAME@RUN for a run of its own.
            on: Eras to compare on: test, validation or backtest.
            run: latest, production, or a run's name (its end is enough).
            fnc: Feature set of FNC; none leaves it out. By default that of
                numerai.toml.

        Raises:
            ConfigError: if there is no such model or run.
            DataError: if one cannot be scored, or they have no era in common.

        Examples:
            nai compare mlp lightgbm
            nai compare mlp mlp@20261124T120000-1a2b3c4d --on backtest
        """
        from numerai_pipeline.evaluation import compare

        chosen = names_of(names)
        outcomes = evaluate_models(self, chosen, on=on, run=run, fnc=fnc)
        evaluations = {one.name: one.get() for one in outcomes}
        return Compared(compare(evaluations), tuple(evaluations.values()))


def evaluate_models(
    project: Base,
    names: Sequence[str],
    *,
    on: "EvaluatedPart",
    run: str = "latest",
    fnc: str | None = None,
    force: bool = False,
) -> "list[Outcome[Evaluation]]":
    """Score models; those with the same shards share the features of each era.

    Args:
        project: the workspace.
        names: models, or ``NAME@RUN``.
        on: which eras.
        run: which run of those that name none.
        fnc: feature set; None: that of the settings.
        force: score again what was scored.

    Raises:
        Exception: what went wrong, if there is only one name.
    """
    from numerai_pipeline.evaluation import subject_of_backtest, subject_of_run

    readers: dict[Path, ShardReader] = {}

    def reader_of(recipe: "Recipe") -> "ShardReader":
        reader = open_shards(project, recipe)
        return readers.setdefault(reader.folder, reader)

    def subject(name: str) -> "tuple[Subject, ShardReader]":
        model, _, own = name.partition("@")
        if on == "backtest":
            backtest = find_backtest(project, model, own)
            reader = reader_of(backtest.recipe)
            return subject_of_backtest(backtest, reader), reader
        found = find_run(project, model, own or run, is_tested=True)
        reader = reader_of(found.recipe)
        if on == "lockbox":
            _record_opening(project, found, reader)
        subject = subject_of_run(
            found,
            reader,
            on=on,
            force=force,
            benchmarks=benchmark_files(project, found.data_version or None),
            progress=project.progress,
        )
        return subject, reader

    subjects = each(names, subject)
    done: dict[str, Outcome[Evaluation]] = {
        one.name: Outcome(one.name, error=one.error) for one in subjects if one.error
    }
    for reader in readers.values():
        group = {
            one.name: one.get()[0]
            for one in subjects
            if one.error is None and one.get()[1] is reader
        }
        for one in _evaluate_group(project, group, reader, fnc, force=force):
            done[one.name] = one
    if len(names) == 1:
        done[names[0]].get()  # raises
    return [done[name] for name in names]


def _evaluate_group(
    project: Base,
    group: "Mapping[str, Subject]",
    reader: "ShardReader",
    fnc: str | None,
    *,
    force: bool,
) -> "list[Outcome[Evaluation]]":
    """Score models on the same shards together or, if that fails, one by one."""
    from numerai_pipeline.evaluation import evaluate

    def work(names: Sequence[str]) -> "list[Evaluation]":
        return evaluate(
            [group[name] for name in names],
            reader,
            scoring_of(project, reader, fnc),
            force=force,
            progress=project.progress,
        )

    outcomes: list[Outcome[Evaluation]] = []
    try:
        found = zip(group, work(list(group)), strict=True)
        outcomes += [Outcome(name, evaluation) for name, evaluation in found]
    except (PipelineError, OSError):
        for name in group:
            with outcome_of(name, outcomes, is_only=False) as finish:
                finish(work([name])[0])
    return outcomes


def find_backtest(project: Base, name: str, folder: str) -> "Backtest":
    """Return a finished backtest of a model: the latest, or one by its name or end.

    Raises:
        ConfigError: if there is no such model or backtest.
        DataError: if none is finished.
    """
    from numerai_pipeline.evaluation import Backtest, backtests_dir, latest_backtest

    project.require_model(name)
    backtests = backtests_dir(project.workspace.runs_dir(name))
    if not folder:
        return latest_backtest(backtests)
    found = [one for one in backtests.glob("*/") if one.name.endswith(folder)]
    if len(found) != 1:
        known = ", ".join(sorted(one.name for one in backtests.glob("*/"))) or "none"
        raise ConfigError(
            f"'{name}' has {len(found) or 'no'} backtests '{folder}' in {backtests}. "
            f"It has: {known}."
        )
    return Backtest.open(found[0])


def _record_opening(project: Base, run: "Run", reader: "ShardReader") -> None:
    """Write into the ledger that the lockbox is opened, before it is."""
    from numerai_pipeline.data import format_eras
    from numerai_pipeline.evaluation import choose_part
    from numerai_pipeline.submission import Opening

    _, part = choose_part(run, reader, "lockbox")  # raises if there is none
    now = project.clock.now()
    opening = Opening(run.name, run.folder.name, format_eras(part.eras), now)
    project.ledger.record_opening(opening)


def openings_of(project: Base) -> "list[Opening]":
    """Return each time that the lockbox was opened.

    A ledger that cannot be read stops no score: there is a note instead.
    """
    try:
        return project.read_ledger().openings()
    except PipelineError as error:
        project.progress.note(f"how often the lockbox was opened is unknown: {error}")
        return []


def open_shards(project: Base, recipe: "Recipe") -> "ShardReader":
    """Return the reader of a recipe's shards, which leaves out the lockbox."""
    from numerai_pipeline.data import ShardManifest, ShardReader

    folder = project.workspace.shards_dir(recipe.shards or project.settings.data.shards)
    release = ShardManifest.load(folder).data_version
    return ShardReader(
        folder,
        lockbox_eras=project.settings.evaluation.lockbox_eras,
        data=project.workspace.data_dir(release),
        progress=project.progress,
    )


def scoring_of(
    project: Base, reader: "ShardReader", feature_set: str | None = None
) -> "Scoring":
    """Return what models are scored against: all that is downloaded.

    Args:
        project: the workspace.
        reader: the shards.
        feature_set: of FNC and exposure; None: that of the settings, or where the
            shards lack it, theirs.

    Raises:
        ConfigError: if there is no such feature set.
        DataError: if the shards lack some of the features.
    """
    from numerai_pipeline.evaluation import Scoring

    name, features = _features(project, reader, feature_set)
    return Scoring(
        meta_model=meta_model_file(project),
        benchmarks=benchmark_files(project),
        settings=project.settings.evaluation,
        feature_set=name,
        features=features,
    )


def meta_model_file(project: Base) -> Path | None:
    """Return ``meta_model.parquet``, if it is downloaded."""
    path: Path = project.data_dir / "meta_model.parquet"
    return path if path.is_file() else None


def benchmark_files(project: Base, release: str | None = None) -> tuple[Path, ...]:
    """Return the files of benchmarks that are downloaded, without live data.

    Args:
        project: the workspace.
        release: of the data; None: that of the settings.
    """
    folder = project.workspace.data_dir(release or project.settings.data.version)
    found = sorted(folder.glob("*_benchmark_models.parquet"))
    return tuple(path for path in found if not path.name.startswith("live"))


def neutral_features(
    project: Base, reader: "ShardReader", recipe: "Recipe"
) -> tuple[str, ...]:
    """Return the columns of the feature sets that a recipe neutralizes to.

    Raises:
        ConfigError: if there is no such feature set.
        DataError: if ``features.json`` is missing.
    """
    names = recipe.prediction.neutralize.features
    return catalog_of(project, reader).union(names) if names else ()


def catalog_of(project: Base, reader: "ShardReader") -> "FeatureCatalog":
    """Return the feature sets of the release that shards were made from.

    Raises:
        DataError: if ``features.json`` is missing or broken.
    """
    from numerai_pipeline.data import FeatureCatalog

    release = project.workspace.data_dir(reader.manifest.data_version)
    return FeatureCatalog.load(release / "features.json")


def _features(
    project: Base, reader: "ShardReader", wanted: str | None
) -> tuple[str, tuple[str, ...]]:
    name = wanted or project.settings.evaluation.feature_set
    if name == NO_FEATURES:
        return "", ()
    features = catalog_of(project, reader).columns(name)
    there = reader.manifest.features
    missing = set(features) - set(there)
    if not missing:
        return name, features
    if wanted is None:
        return str(reader.manifest.provenance.options["feature_set"]), there
    raise DataError(
        f"{reader.folder} lacks {len(missing):,} of the {len(features):,} features of "
        f"the set '{name}'. Run `nai etl --feature-set all`, or choose another set."
    )
