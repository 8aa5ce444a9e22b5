"""The commands about models, from ``zoo`` and ``new`` to ``refit``, ``tensorboard``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.jobs import check_targets, training_job
from numerai_pipeline.api.membership import ensemble_recipe, make_ensemble
from numerai_pipeline.api.outcomes import Outcome, each, outcome_of
from numerai_pipeline.api.parameters import (
    Cli,
    Names,
    Set,
    Size,
    names_of,
    overrides_of,
)
from numerai_pipeline.api.production import (
    ProductionRun,
    Promoted,
    compare_runs,
    find_run,
    tested_run,
)
from numerai_pipeline.api.results import Best, Written, Zoo, ZooEntry
from numerai_pipeline.api.scores import (
    evaluate_models,
    open_shards,
)
from numerai_pipeline.api.tensorboard import (
    TensorBoardServer,
    gather_curves,
    start_tensorboard,
)
from numerai_pipeline.api.trained import Trained, Training
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    PipelineError,
)

if TYPE_CHECKING:
    from numerai_pipeline.models import Family
    from numerai_pipeline.training import Run


class ModelCommands(Base):
    """The commands that make, train and score models."""

    def zoo(self) -> Zoo:
        """List the model families, and the workspace's models with their scores.

        A model has the best epoch of its latest run and the mean CORR of that run's
        test eras. Families are the built-in ones and your own in zoo/; a file there
        that cannot be run is listed with the reason. Outside of a workspace only the
        built-in families are listed.

        Examples:
            nai zoo --json
        """
        from numerai_pipeline.models import (
            ENSEMBLE,
            ENSEMBLE_SUMMARY,
            families,
            load_user_families,
        )

        has_workspace = self.workspace.settings_path.is_file()
        entries = [ZooEntry("family", kind.name, _about(kind)) for kind in families()]
        entries.append(ZooEntry("family", ENSEMBLE, ENSEMBLE_SUMMARY))
        if has_workspace:
            own = load_user_families(self.workspace.zoo_dir)
            entries += [ZooEntry("own family", k.name, _about(k)) for k in own.found]
            entries += [ZooEntry("broken", "", str(error)) for error in own.broken]
            recipes = self.workspace.models_dir.glob("*/model.toml")
            entries += [_zoo_entry(self, path.parent.name) for path in sorted(recipes)]
        return Zoo(entries)

    def new(
        self,
        /,
        family: str,
        name: str | None = None,
        *,
        preset: str | None = None,
        feature_set: str | None = None,
        target: str = "target",
        force: bool = False,
        **parameters: Set,
    ) -> Written:
        """Write a model's recipe, `model.toml`, and its untrained model.

        Args:
            family: A model family; `nai zoo` lists them.
            name: Name of the model; by default that of the family.
            preset: A named set of parameters of the family; `nai zoo` lists them.
            feature_set: Feature set; by default that of numerai.toml.
            target: Target that it learns: a name, or "mean of A, B", "0.7 A + 0.3 B",
                each also "neutral to features SET" or "neutral to benchmark NAME".
            force: Overwrite an existing model; its runs stay.
            **parameters: A parameter of the recipe, training.KEY or
                prediction.KEY; can be repeated.

        Returns:
            The folder of the model.

        Raises:
            ConfigError: if the family, preset, a parameter or the target is unknown.
            DataError: if ``features.json`` is missing, so that the number of features
                is unknown.

        Examples:
            nai new mlp my-mlp --feature-set medium --set dropout=0.2
        """
        from numerai_pipeline import models
        from numerai_pipeline.data import FeatureCatalog

        kind = models.load_user_families(self.workspace.zoo_dir).family(family)
        chosen = feature_set or self.settings.data.feature_set
        catalog = FeatureCatalog.load(self.data_dir / "features.json")
        overrides = overrides_of(parameters)
        check_targets(self, catalog, (target, *overrides.get("also_targets", ())))
        folder = self.workspace.model_dir(name or family)
        models.new_model(
            folder,
            kind,
            feature_set=chosen,
            n_features=len(catalog.columns(chosen)),
            target=target,
            overrides=overrides,
            preset=preset,
            force=force,
        )
        return Written(folder)

    def train(  # noqa: PLR0913 - each is an option of its own
        self,
        /,
        names: Names,
        *,
        tensorboard: bool = False,
        max_ram: Size = None,
        epochs: int | None = None,
        batch_rows: Annotated[int | None, Cli(option="--batch")] = None,
        learning_rate: Annotated[float | None, Cli(option="--lr")] = None,
        loss: str | None = None,
        optimizer: str | None = None,
        monitor: str | None = None,
        patience: int | None = None,
        seed: int | None = None,
        seeds: int | None = None,
        allow_leak: bool = False,
        restart: bool = False,
        **parameters: Set,
    ) -> Trained:
        """Train models on the shards; a killed run resumes, a finished one is kept.

        An option that differs from the recipe starts a separate run; the recipe is not
        changed, and the run's config.toml records the options. The first finished run
        of a model predicts live data; a later one only after `nai promote`. An
        ensemble is not trained, but made of its members' present production runs.

        Args:
            names: Models of the workspace.
            tensorboard: Also write TensorBoard curves.
            max_ram: Memory of trees, ridge and estimators: 6GB, 50%; by default 75%.
            epochs: Maximum epochs (networks only).
            batch_rows: Rows per step (networks only).
            learning_rate: Learning rate (networks only; for trees use --set).
            loss: mse, mae, huber or corr (networks only).
            optimizer: adamw, adam, sgd or lion (networks only).
            monitor: Metric that selects the best epoch: val_loss or val_corr.
            patience: Epochs without improvement before training stops; for trees,
                evaluations.
            seed: Seed of initial weights, row order, dropout and sampling.
            seeds: Train models of so many seeds, from --seed on, as one model.
            allow_leak: Accept a purge shorter than the target's horizon; scores say so.
            restart: Replace the run of this recipe, even a broken one, by a new one.
            **parameters: A parameter of the recipe, training.KEY or
                prediction.KEY; can be repeated.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if a recipe or an option is wrong; other models are trained.
            DataError: if the shards lack what it needs, or the loss becomes NaN.

        Examples:
            nai train mlp --epochs 3 --set dropout=0.3
        """
        from numerai_pipeline.training import keep_production, train

        options = {
            "epochs": epochs,
            "batch_rows": batch_rows,
            "learning_rate": learning_rate,
            "loss": loss,
            "optimizer": optimizer,
            "monitor": monitor,
            "patience": patience,
        }
        given = {key: value for key, value in options.items() if value is not None}
        overrides = overrides_of(
            {"training": given, "seed": seed, "seeds": seeds, **parameters}
        )
        chosen = names_of(names)

        def prepare(name: str) -> "Callable[[], Run]":
            ensemble = ensemble_recipe(self, name, overrides)
            if ensemble is not None:
                return lambda: make_ensemble(self, name, ensemble, restart=restart)
            job = training_job(
                self,
                name,
                overrides,
                tensorboard=tensorboard,
                max_ram=max_ram,
                allow_leak=allow_leak,
            )
            return lambda: train(
                job, progress=self.progress, restart=restart, on_done=keep_production
            )

        # Every recipe is read before the first training begins.
        prepared = {one.name: one for one in each(chosen, prepare)}

        outcomes: list[Outcome[Training]] = []
        for name in chosen:
            with outcome_of(name, outcomes, is_only=len(chosen) == 1) as finish:
                trained = Training(prepared[name].get()())
                _ = trained.best  # a broken run is this model's own error
                finish(trained)
        return Trained(outcomes)

    def best(self, name: str, *, run: str = "latest") -> Best:
        """Print the best epoch of a run and the file of its model.

        Of an ensemble the number of its members and the file of their weights.

        Args:
            name: A model of the workspace.
            run: latest, production, or a run's name (its end is enough).

        Raises:
            ConfigError: if there is no such model or run.
            DataError: if it has no finished run.

        Examples:
            nai best mlp
        """
        found = find_run(self, name, run).best()
        return Best(found.epoch, found.value, found.path)

    def promote(self, name: str, run: str = "latest") -> Promoted:
        """Make a run the production run, after comparing it with the current one.

        Both are scored on their common test eras. A refit, which has none, is compared
        by the run that it is a refit of.

        Args:
            name: A model of the workspace.
            run: latest, or a run's name (its end is enough).

        Raises:
            ConfigError: if there is no such model or run.
            DataError: if the run is broken.

        Examples:
            nai promote mlp
        """
        from numerai_pipeline.evaluation import check_members
        from numerai_pipeline.training import production_run, set_production

        chosen = find_run(self, name, run)
        chosen.best()  # raises if the run is broken
        check_members(chosen)
        try:
            before = production_run(self.workspace.runs_dir(name))
        except DataError:  # a broken one must be replaceable
            before = chosen

        def change(**found: Any) -> Promoted:
            # Described after both were scored: the score is part of it.
            now, former = ProductionRun.of(chosen), ProductionRun.of(before)
            return Promoted(name, now, former, **found)

        if before.folder == chosen.folder:
            promoted = Promoted(name, ProductionRun.of(chosen))
        elif (chosen.refit_of or chosen.folder.name) == (
            before.refit_of or before.folder.name
        ):
            promoted = change(
                warning="one run is a refit of the other and has no test eras, so "
                "there is nothing to compare"
            )
        else:
            try:
                tested = [tested_run(one).folder.name for one in (chosen, before)]
                names = [f"{name}@{run}" for run in tested]
                new, old = (
                    one.get() for one in evaluate_models(self, names, on="test")
                )
                promoted = change(**compare_runs(new, old))
            except DataError as error:
                promoted = change(warning=f"the runs could not be compared: {error}")
        set_production(chosen)
        return promoted

    def refit(
        self, name: str, run: str = "production", *, max_ram: Size = None
    ) -> Trained:
        """Retrain on every resolved era, for the best epochs or trees of a run.

        No eras are left for a test: its scores are those of that run. It predicts live
        data only after `nai promote`.

        Args:
            name: A model of the workspace.
            run: Whose recipe and number of epochs or trees: production, latest, or a
                run's name (its end is enough).
            max_ram: Memory of trees, ridge and estimators: 6GB, 50%; by default 75%.

        Raises:
            ConfigError: if there is no such model or run, it has rolling windows, or it
                is an ensemble.
            DataError: if the run or the shards are broken.

        Examples:
            nai refit mlp
        """
        from numerai_pipeline.training import keep_production, refit_job, train

        found = find_run(self, name, run)
        if found.is_ensemble:
            models = " ".join(found.member_names)
            raise ConfigError(
                f"'{name}' is an ensemble, which learns nothing itself. Refit its "
                f"members ({models}), promote the refits, then run `nai train {name}`."
            )
        job = refit_job(
            training_job(
                self,
                name,
                {},
                run=found,
                tensorboard=False,
                max_ram=max_ram,
                allow_leak=True,
            ),
            found,
            open_shards(self, found.recipe),
        )
        trained = train(job, progress=self.progress, on_done=keep_production)
        return Trained([Outcome(name, Training(trained))])

    def tensorboard(
        self, names: Names = (), *, port: int = 6006, host: str = "localhost"
    ) -> TensorBoardServer:
        """Show the runs in TensorBoard until Ctrl-C.

        Runs trained without --tensorboard are shown too, with the curves of their
        history.

        Args:
            names: Models whose runs to show; by default all.
            port: Port; 0 for a free one.
            host: Address of this machine; 0.0.0.0 lets other machines connect.

        Returns:
            Its ``url``, and ``stop()``.

        Raises:
            ConfigError: if there is no such model, or the port is taken.
            DataError: if there is no run, or a history is broken.

        Examples:
            nai tensorboard mlp --port 6007
        """
        folder = gather_curves(self, names_of(names))
        return start_tensorboard(folder, host=host, port=port)


def _zoo_entry(project: Base, name: str) -> ZooEntry:
    from numerai_pipeline.evaluation import last_corr
    from numerai_pipeline.models import load_recipe

    try:
        family = load_recipe(project.workspace.recipe_path(name)).family
    except PipelineError as error:  # the others are still listed
        reason = " ".join(str(error).split())
        return ZooEntry("model", name, f"cannot be trained: {reason}")
    if not any(project.workspace.runs_dir(name).glob("*/DONE")):
        return ZooEntry("model", name, family)
    try:
        run = find_run(project, name, "latest")
        best = run.best()
    except DataError:  # the others are still listed
        about = f"{family}; its run is broken, see `nai best {name}`"
        return ZooEntry("model", name, about)
    corr = last_corr(run.folder)
    if run.is_ensemble:
        family += f" of {', '.join(run.member_names)}"
        return ZooEntry("model", name, family, corr=corr)
    return ZooEntry("model", name, family, best.epoch, run.monitor, best.value, corr)


def _about(kind: "Family") -> str:
    presets = f"; presets {', '.join(kind.presets)}" if kind.presets else ""
    return f"{kind.summary}{presets}"
