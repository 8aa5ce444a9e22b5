"""The command ``backtest``, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.jobs import training_job
from numerai_pipeline.api.membership import (
    choose_members,
    ensemble_recipe,
)
from numerai_pipeline.api.outcomes import Outcome, Outcomes, each, outcome_of
from numerai_pipeline.api.parameters import (
    Names,
    Set,
    Size,
    names_of,
    overrides_of,
)
from numerai_pipeline.api.results import frame_of, plain
from numerai_pipeline.api.scores import (
    benchmark_files,
    meta_model_file,
    neutral_features,
    open_shards,
)
from numerai_pipeline.core import ConfigError, columns

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.evaluation import Backtest, BacktestPlan
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import Run

SchemeName = Literal["expanding", "rolling", "blocked"]


class Backtested(Outcomes["Backtest"]):
    """The backtests, by model: ``backtested["mlp"].predictions``."""

    @property
    def table(self) -> "pd.DataFrame":
        """A row per fold, by ``name`` and ``fold``: eras, rows, best_epoch, corr."""
        frame = frame_of(
            {"name": backtest.name, **record}
            for backtest in self.results.values()
            for record in fold_records(backtest)
        )
        return frame.set_index(["name", "fold"]) if len(frame) else frame

    def _record_of(self, result: "Backtest") -> Any:
        record = {
            "name": result.name,
            "folder": result.folder,
            "predictions": result.predictions,
            "scheme": result.scheme,
            "learns_from_future": result.scheme.learns_from_future,
            "purge": result.purge,
            "folds": fold_records(result),
        }
        return plain(record)


class BacktestCommands(Base):
    """The command that trains a recipe over many folds."""

    def backtest(  # noqa: PLR0913 - each is an option of its own
        self,
        /,
        names: Names,
        *,
        scheme: SchemeName = "expanding",
        chunk: int | None = None,
        train_eras: int | None = None,
        every: int = 1,
        jobs: int | None = None,
        max_ram: Size = None,
        seed: int | None = None,
        seeds: int | None = None,
        allow_leak: bool = False,
        restart: bool = False,
        **parameters: Set,
    ) -> Backtested:
        """Train a recipe over many folds, predicting each era once out-of-sample.

        The eras are cut into chunks; each is predicted by a model that was trained on
        eras a purge away from it: all earlier ones (expanding, as Numerai's benchmark
        models), the last --train-eras of them (rolling), or those on both sides
        (blocked, which learns from the future). The last tenth of a fold's training
        eras chooses the epoch. A backtest that was killed resumes; a finished one is
        returned. The model's production run stays. Of an ensemble, the members are
        backtested that were not yet, and their predictions are blended.

        Args:
            names: Models of the workspace.
            scheme: expanding, rolling or blocked; blocked learns from later eras too.
            chunk: Eras that one fold predicts; by default 156, as Numerai's own
                chunks, or a quarter of the eras where that is less.
            train_eras: Eras before a chunk that a rolling fold trains on.
            every: Train on every Nth era; all eras are predicted.
            jobs: Folds at a time; by default as memory and cores allow.
            max_ram: Memory of all folds together: 6GB, 50%; by default 75%. One fold
                is trained at a time even where it takes more.
            seed: Seed of initial weights, row order, dropout and sampling.
            seeds: Train models of so many seeds, from --seed on, as one model.
            allow_leak: Accept a purge shorter than the target's horizon; scores say so.
            restart: Replace this backtest, even a broken one, by a new one.
            **parameters: A parameter of the recipe, training.KEY or
                prediction.KEY; can be repeated.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if a recipe or an option is wrong, or the eras make no fold.
            DataError: if the shards lack what it needs, or a fold fails.

        Examples:
            nai backtest lightgbm
            nai backtest mlp --every 4 --chunk 100 --set training.epochs=5
            nai backtest lightgbm --scheme rolling --train-eras 300
            nai backtest my-ensemble
        """
        from numerai_pipeline.evaluation import run_backtest

        overrides = overrides_of({"seed": seed, "seeds": seeds, **parameters})
        chosen = names_of(names)
        if jobs is not None and jobs < 1:
            raise ConfigError(f"--jobs is {jobs}. Write a number from 1 on.")
        cut = Cut(
            scheme, chunk, train_eras, every, jobs, max_ram, allow_leak=allow_leak
        )

        def prepare(name: str) -> "Callable[[], Backtest]":
            ensemble = ensemble_recipe(self, name, overrides)
            if ensemble is not None:
                return prepare_ensemble(self, name, ensemble, cut, restart=restart)
            plan = plan_of(self, name, cut, overrides)
            return lambda: run_backtest(plan, progress=self.progress, restart=restart)

        # Every recipe is read before the first training begins.
        prepared = {one.name: one for one in each(chosen, prepare)}
        outcomes: list[Outcome[Backtest]] = []
        for name in chosen:
            with outcome_of(name, outcomes, is_only=len(chosen) == 1) as finish:
                work = prepared[name].get()
                finish(work())
        return Backtested(outcomes)


@dataclass(frozen=True)
class Cut:
    """How a backtest cuts the eras, and what its folds may take; see ``backtest``."""

    scheme: SchemeName
    chunk: int | None
    train_eras: int | None
    every: int
    jobs: int | None
    max_ram: str | int | None
    allow_leak: bool


def plan_of(
    project: Base,
    name: str,
    cut: Cut,
    overrides: dict[str, Any],
    run: "Run | None" = None,
) -> "BacktestPlan":
    """Return the plan of a model's backtest.

    Args:
        project: the workspace.
        name: the model.
        cut: how the eras are cut.
        overrides: values other than its recipe's.
        run: whose recipe to take; None: the model's present one.

    Raises:
        ConfigError: if the recipe or an option is wrong, or the eras make no fold.
        DataError: if the shards are missing or broken.
    """
    from numerai_pipeline.data import Fold, Scheme, usual_chunk
    from numerai_pipeline.evaluation import plan_backtest
    from numerai_pipeline.training import resolved_eras

    job = training_job(
        project,
        name,
        overrides,
        tensorboard=False,
        max_ram=cut.max_ram,
        allow_leak=cut.allow_leak,
        run=run,
        fold=Fold((), ()),
    )
    reader = open_shards(project, job.recipe)
    targets = job.checked_recipe().targets
    purge = reader.purge((*targets, columns.TARGET), allow_leak=cut.allow_leak)
    eras = resolved_eras(reader, job.recipe.target, purge=purge)
    scheme = Scheme(
        cut.scheme,
        chunk=usual_chunk(len(eras)) if cut.chunk is None else cut.chunk,
        train_eras=cut.train_eras,
        every=cut.every,
    )
    return plan_backtest(job, eras, scheme, parallel=cut.jobs)


def prepare_ensemble(
    project: Base, name: str, recipe: "Recipe", cut: Cut, *, restart: bool
) -> "Callable[[], Backtest]":
    """Return what backtests the members of an ensemble that lack it, and blends them.

    Raises:
        ConfigError: if a member or an option is wrong.
        DataError: if a member has no finished run.
    """
    from numerai_pipeline.evaluation import (
        EnsembleBacktest,
        backtest_ensemble,
        backtests_dir,
        run_backtest,
    )

    members = choose_members(project, name, recipe)

    def plan(text: str) -> "BacktestPlan":
        tested = members[text].tested
        return plan_of(project, tested.name, cut, {}, tested)

    for text in members:  # raises before the first training begins
        plan(text)

    def work() -> "Backtest":
        shards = open_shards(project, recipe)
        # Planned again: another model of the command may have done a member's.
        job = EnsembleBacktest(
            name=name,
            recipe=recipe,
            members={
                text: run_backtest(plan(text), progress=project.progress)
                for text in members
            },
            shards=shards,
            folder=backtests_dir(project.workspace.runs_dir(name)),
            started=project.clock.now(),
            meta_model=meta_model_file(project),
            settings=project.settings.evaluation,
            neutral_features=neutral_features(project, shards, recipe),
            benchmarks=benchmark_files(project),
        )
        return backtest_ensemble(job, progress=project.progress, restart=restart)

    return work


def fold_records(backtest: "Backtest") -> list[dict[str, Any]]:
    """Return a record per fold: its eras, rows, best epoch and mean CORR."""
    from numerai_pipeline.models import is_ensemble

    return [
        {
            "fold": result.number,
            **{
                part: eras
                for part, eras in backtest.folds[result.number - 1].to_dict().items()
                if part in ("train", "validation", "test")
            },
            "train_rows": result.n_train_rows,
            "rows": result.n_rows,
            "best_epoch": None if is_ensemble(backtest.recipe) else result.best_epoch,
            "corr": result.corr,
            "seconds": result.seconds,
        }
        for result in backtest.results()
    ]
