"""Models: ``zoo``, ``new``, ``train``, ``best``, ``score``, ``tensorboard``."""

from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.outcomes import each
from numerai_pipeline.api.parameters import (
    Cli,
    Names,
    Set,
    Size,
    names_of,
    overrides_of,
    size_of,
)
from numerai_pipeline.api.results import Best, Written, Zoo, ZooEntry
from numerai_pipeline.api.scored import Scored
from numerai_pipeline.api.tensorboard import (
    TensorBoardServer,
    gather_curves,
    start_tensorboard,
)
from numerai_pipeline.api.trained import Trained, Training
from numerai_pipeline.core import DataError, load_recipe

if TYPE_CHECKING:
    from numerai_pipeline.models import Family
    from numerai_pipeline.prediction import Evaluation
    from numerai_pipeline.training import Run, TrainingJob


class ModelCommands(Base):
    """The commands that make, train and judge models."""

    def zoo(self) -> Zoo:
        """List the families, your own ones in zoo/, and the models with their scores.

        A model comes with the best epoch of its latest run and the mean CORR of that
        run's last score. Outside of a workspace, only families are listed.

        Raises:
            ConfigError: if a file in ``zoo/`` is wrong.

        Examples:
            nai zoo --json
        """
        from numerai_pipeline.models import families, load_user_families

        has_workspace = self.workspace.settings_path.is_file()
        if has_workspace:
            load_user_families(self.workspace.zoo_dir)
        entries = [
            ZooEntry("yours" if kind.source else "family", kind.name, _about(kind))
            for kind in families()
        ]
        if has_workspace:
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
            family: A family; `nai zoo` lists them.
            name: Name of the model; by default that of the family.
            preset: A set of parameters of the family, such as hello.
            feature_set: Features it sees: a set of features.json.
            target: The target it learns.
            force: Write over a model that exists; its runs stay.
            **parameters: A parameter of the family, or training.KEY for training.

        Returns:
            The folder of the model.

        Raises:
            ConfigError: if there is no such family, preset, parameter or target.
            DataError: if ``features.json`` is missing, so that the number of features
                is not known.

        Examples:
            nai new mlp my-mlp --feature-set medium --set dropout=0.2
        """
        from numerai_pipeline import models
        from numerai_pipeline.data import FeatureCatalog

        models.load_user_families(self.workspace.zoo_dir)
        models.family(family)
        chosen = feature_set or self.settings.data.feature_set
        catalog = FeatureCatalog.load(self.data_dir / "features.json")
        catalog.select_targets((target,))
        folder = self.workspace.model_dir(name or family)
        models.new_model(
            folder,
            family,
            feature_set=chosen,
            n_features=len(catalog.columns(chosen)),
            target=target,
            overrides=overrides_of(parameters),
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
        **parameters: Set,
    ) -> Trained:
        """Train models on the shards; a killed run resumes, a finished one is kept.

        An option that differs from the recipe makes a run of its own; the recipe stays
        as it is, and the run's config.toml records what it was trained with.

        Args:
            names: Models of the workspace.
            tensorboard: Write TensorBoard curves too.
            max_ram: Memory that trees may take: 6GB, 50%; 75% by default.
            epochs: Maximum epochs (networks only).
            batch_rows: Rows per step (networks only).
            learning_rate: Learning rate (networks only; for trees use --set).
            loss: mse, mae, huber or corr (networks only).
            optimizer: adamw, adam, sgd or lion (networks only).
            monitor: Metric that selects the best epoch: val_loss, val_corr, ...
            patience: Epochs without improvement before training stops.
            seed: Seed of first weights, order of rows and dropout.
            **parameters: A parameter of the family, or training.KEY for training.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if a recipe or an option is wrong; of several models, only
                that one is not trained.
            DataError: if the shards lack what it needs, or the loss becomes NaN.

        Examples:
            nai train mlp --epochs 3 --set dropout=0.3
        """
        from numerai_pipeline.training import train

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
        overrides = overrides_of({"training": given, "seed": seed, **parameters})
        chosen = names_of(names)

        def job(name: str) -> "TrainingJob":
            return training_job(
                self, name, overrides, tensorboard=tensorboard, max_ram=max_ram
            )

        # Every recipe is read before the first training begins.
        jobs = {one.name: one for one in each(chosen, job)}

        def trained(name: str) -> Training:
            return Training(train(jobs[name].get(), progress=self.progress))

        return Trained(each(chosen, trained))

    def best(self, name: str) -> Best:
        """Print the best epoch of a model's latest run, and its file.

        Args:
            name: A model of the workspace.

        Raises:
            ConfigError: if there is no such model.
            DataError: if it has no finished run.

        Examples:
            nai best mlp
        """
        found = best_run(self, name).best()
        return Best(found.epoch, found.value, found.path)

    def score(self, names: Names, *, force: bool = False) -> Scored:
        """Score models per era on the held-out eras, beside benchmarks and meta model.

        Meta model and benchmarks are compared with where they were downloaded.

        Args:
            names: Models of the workspace.
            force: Score again even if up to date.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            DataError: if a run may have seen these eras.

        Examples:
            nai score mlp lightgbm
        """
        from numerai_pipeline.data import ShardReader
        from numerai_pipeline.prediction import evaluate

        shards = ShardReader(self.shards_dir)
        meta_model = self.data_dir / "meta_model.parquet"
        benchmarks = [
            path
            for path in sorted(self.data_dir.glob("*_benchmark_models.parquet"))
            if not path.name.startswith("live")
        ]

        def scored(name: str) -> "Evaluation":
            return evaluate(
                best_run(self, name),
                shards,
                meta_model=meta_model if meta_model.is_file() else None,
                benchmarks=benchmarks,
                force=force,
                progress=self.progress,
            )

        return Scored(each(names_of(names), scored))

    def tensorboard(
        self, names: Names = (), *, port: int = 6006, host: str = "localhost"
    ) -> TensorBoardServer:
        """Show the runs in TensorBoard until Ctrl-C.

        A run trained without --tensorboard is shown too, with the curves of its
        history.

        Args:
            names: Models whose runs it shows; by default all.
            port: Its port; 0 takes a free one.
            host: An address of this machine; 0.0.0.0 lets other machines connect.

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


def training_job(
    project: Base,
    name: str,
    overrides: dict[str, Any],
    *,
    tensorboard: bool,
    max_ram: str | int | None,
) -> "TrainingJob":
    """Return the job that trains a model on the workspace's shards.

    Raises:
        ConfigError: if the recipe, or an override, is wrong.
    """
    from numerai_pipeline import models
    from numerai_pipeline.data import FEATURE_GROUPS, FeatureCatalog
    from numerai_pipeline.training import TrainingJob

    models.load_user_families(project.workspace.zoo_dir)
    recipe = load_recipe(project.workspace.recipe_path(name))
    recipe = models.override(recipe, overrides)
    models.check_recipe(recipe)
    catalog = FeatureCatalog.load(project.data_dir / "features.json")
    return TrainingJob(
        name=name,
        recipe=recipe,
        untrained=project.workspace.model_dir(name)
        / models.family(recipe.family).untrained_file,
        features=catalog.columns(recipe.feature_set),
        shards=project.shards_dir,
        runs=project.workspace.runs_dir(name),
        started=project.clock.now(),
        tensorboard=tensorboard,
        groups={
            name: members
            for name, members in catalog.sets.items()
            if name in FEATURE_GROUPS
        },
        max_ram_bytes=size_of(max_ram),
    )


def best_run(project: Base, name: str) -> "Run":
    """Return a model's latest finished run.

    Raises:
        ConfigError: if there is no such model.
        DataError: if it has no finished run.
    """
    from numerai_pipeline.training import latest_run

    project.require_model(name)
    return latest_run(project.workspace.runs_dir(name))


def _zoo_entry(project: Base, name: str) -> ZooEntry:
    from numerai_pipeline.prediction import known_corr

    family = load_recipe(project.workspace.recipe_path(name)).family
    if not any(project.workspace.runs_dir(name).glob("*/DONE")):
        return ZooEntry("model", name, family)
    try:
        run = best_run(project, name)
        best = run.best()
    except DataError:  # the others are listed all the same
        about = f"{family}; its run is broken, see `nai best {name}`"
        return ZooEntry("model", name, about)
    corr = known_corr(run.folder)
    return ZooEntry("model", name, family, best.epoch, run.monitor, best.value, corr)


def _about(kind: "Family") -> str:
    presets = f"; presets {', '.join(kind.presets)}" if kind.presets else ""
    return f"{kind.summary}{presets}"
