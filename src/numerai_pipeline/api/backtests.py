"""The command ``backtest``, and what it returns."""

from typing import TYPE_CHECKING, Any, Literal

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.models import training_job
from numerai_pipeline.api.outcomes import Outcome, Outcomes, each, outcome_of
from numerai_pipeline.api.parameters import (
    Names,
    Set,
    Size,
    names_of,
    overrides_of,
)
from numerai_pipeline.api.results import frame_of, plain
from numerai_pipeline.api.scores import open_shards
from numerai_pipeline.core import ConfigError, columns

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.evaluation import Backtest, BacktestPlan

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
        returned. The model's production run stays.

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
        """
        from numerai_pipeline.data import Fold, Scheme, usual_chunk
        from numerai_pipeline.evaluation import plan_backtest, run_backtest
        from numerai_pipeline.training import resolved_eras

        overrides = overrides_of({"seed": seed, "seeds": seeds, **parameters})
        chosen = names_of(names)
        if jobs is not None and jobs < 1:
            raise ConfigError(f"--jobs is {jobs}. Write a number from 1 on.")

        def plan(name: str) -> "BacktestPlan":
            job = training_job(
                self,
                name,
                overrides,
                tensorboard=False,
                max_ram=max_ram,
                allow_leak=allow_leak,
                fold=Fold((), ()),
            )
            reader = open_shards(self, job.recipe)
            targets = job.checked_recipe().targets
            purge = reader.purge((*targets, columns.TARGET), allow_leak=allow_leak)
            eras = resolved_eras(reader, job.recipe.target, purge=purge)
            size = usual_chunk(len(eras)) if chunk is None else chunk
            cut = Scheme(scheme, chunk=size, train_eras=train_eras, every=every)
            return plan_backtest(job, eras, cut, parallel=jobs)

        # Every recipe is read before the first training begins.
        plans = {one.name: one for one in each(chosen, plan)}
        outcomes: list[Outcome[Backtest]] = []
        for name in chosen:
            with outcome_of(name, outcomes, is_only=len(chosen) == 1) as finish:
                planned = plans[name].get()
                finish(run_backtest(planned, progress=self.progress, restart=restart))
        return Backtested(outcomes)


def fold_records(backtest: "Backtest") -> list[dict[str, Any]]:
    """Return a record per fold: its eras, rows, best epoch and mean CORR."""
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
            "best_epoch": result.best_epoch,
            "corr": result.corr,
            "seconds": result.seconds,
        }
        for result in backtest.results()
    ]
