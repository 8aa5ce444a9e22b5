"""The members of an ensemble in a workspace, and the run that is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.production import find_run, tested_run
from numerai_pipeline.api.scores import (
    benchmark_files,
    meta_model_file,
    neutral_features,
    open_shards,
)
from numerai_pipeline.core import ConfigError, DataError, PipelineError, digest_of

if TYPE_CHECKING:
    from numerai_pipeline.data import ShardReader
    from numerai_pipeline.evaluation import Backtest, Joined
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import EnsembleJob, Run


@dataclass(frozen=True)
class ChosenMember:
    """A member as it is now.

    Attributes:
        run: predicts live data.
        tested: predicts all other eras: of a refit the run that it is a refit of.
    """

    run: "Run"
    tested: "Run"


def is_ensemble_name(project: Base, name: str) -> bool:
    """Return whether a model of the workspace is an ensemble."""
    from numerai_pipeline.models import is_ensemble, load_recipe

    try:
        return is_ensemble(load_recipe(project.workspace.recipe_path(name)))
    except PipelineError:  # whoever needs the recipe says what is wrong
        return False


def ensemble_recipe(
    project: Base, name: str, overrides: Mapping[str, Any]
) -> "Recipe | None":
    """Return the recipe of an ensemble, with every key; None if it is none.

    Raises:
        ConfigError: if it is wrong.
    """
    from numerai_pipeline.models import (
        complete_ensemble,
        is_ensemble,
        load_recipe,
        override,
    )

    recipe = load_recipe(project.workspace.recipe_path(name))
    if not is_ensemble(recipe):
        return None
    return complete_ensemble(override(recipe, overrides))


def choose_members(
    project: Base, name: str, recipe: "Recipe"
) -> "dict[str, ChosenMember]":
    """Return the members of an ensemble as they are now, by their names in the recipe.

    Args:
        project: the workspace.
        name: the ensemble.
        recipe: its recipe.

    Raises:
        ConfigError: if one does not exist, is an ensemble itself, or is another
            one's run.
        DataError: if one has no finished run.
    """
    from numerai_pipeline.models import ensemble_parameters

    found: dict[str, ChosenMember] = {}
    for text in ensemble_parameters(recipe).members:
        model, at, wanted = text.partition("@")
        if at and not wanted:
            raise ConfigError(f"the member '{text}' names no run. Write '{model}'.")
        if model == name:
            raise ConfigError(f"the ensemble '{name}' cannot be a member of itself.")
        run = find_run(project, model, wanted or "production")
        if run.is_ensemble:
            raise ConfigError(
                f"'{model}' is an ensemble, which cannot be a member. Name its "
                f"members instead: {' '.join(run.member_names)}."
            )
        twice = [other for other, one in found.items() if one.run.folder == run.folder]
        if twice:
            raise ConfigError(
                f"the members '{twice[0]}' and '{text}' of '{name}' are the same run, "
                f"{run.folder.name}. Name another one, or leave one out."
            )
        found[text] = ChosenMember(run, tested_run(run))
    return found


def join_members(
    project: Base, recipe: "Recipe", members: "Mapping[str, ChosenMember]"
) -> "Joined":
    """Return what the members predict for eras that none of them learned from.

    Those of their backtests, if each has one of its run's recipe; otherwise those of
    their runs' test eras.

    Raises:
        DataError: if they have no such era in common.
    """
    from numerai_pipeline.evaluation import join_backtests, join_runs

    shards = open_shards(project, recipe)
    backtests = {name: latest_of_recipe(one.tested) for name, one in members.items()}
    whole = {name: one for name, one in backtests.items() if one is not None}
    if len(whole) == len(members):
        return join_backtests(whole, shards, recipe.target)
    runs = {name: one.tested for name, one in members.items()}
    try:
        return join_runs(
            runs, shards, recipe.target, project.progress, benchmark_files(project)
        )
    except DataError as error:
        models = " ".join(dict.fromkeys(one.tested.name for one in members.values()))
        raise DataError(
            "the members' predictions of test eras cannot be joined: "
            f"{error} Run `nai backtest {models}`, which makes many."
        ) from error


def latest_of_recipe(run: "Run") -> "Backtest | None":
    """Return the newest finished backtest of a run's recipe; None if there is none.

    What is done after the model does not matter, since members are blended before that.
    One that learned from eras after those that it predicts is left out, and so is one
    of other features under the same name, or of a user's family that was edited since.
    """
    from numerai_pipeline.evaluation import Backtest, backtests_dir
    from numerai_pipeline.training import DONE_FILE

    done = backtests_dir(run.folder.parent).glob(f"*/{DONE_FILE}")
    for path in sorted(done, reverse=True):
        try:
            found = Backtest.open(path.parent)
            if (
                not found.scheme.learns_from_future
                and _same(found.recipe, run.recipe)
                and all(
                    (fold.features, fold.source) == (run.features, run.source)
                    for fold in found.runs()
                )
            ):
                return found
        except DataError:  # `nai backtest` says what is broken
            continue
    return None


def make_ensemble(
    project: Base,
    name: str,
    recipe: "Recipe",
    *,
    joined: "Joined | None" = None,
    restart: bool = False,
) -> "Run":
    """Make the run of an ensemble of its members' present runs, or find it.

    Args:
        project: the workspace.
        name: the ensemble.
        recipe: its recipe, with every key.
        joined: what its members predict out-of-sample; None: to be read if the weights
            are learned.
        restart: replace the run.

    Raises:
        ConfigError: if a member is wrong.
        DataError: if a member's run is broken, or there are no eras to learn weights
            from.
    """
    from numerai_pipeline.evaluation import EnsembleWeights, weigh_members
    from numerai_pipeline.models import ensemble_parameters
    from numerai_pipeline.training import keep_production, make_ensemble_run

    chosen = choose_members(project, name, recipe)
    kind = ensemble_parameters(recipe).weights
    if kind == "equal":
        joined = None  # nothing is learned
    elif joined is None:
        joined = join_members(project, recipe, chosen)
        if joined.on == "test":
            project.progress.note(
                f"the weights of '{name}' are learned from test eras, since not every "
                "member's run has a backtest of its recipe. `nai backtest "
                f"{name}` makes what is missing; then train it again."
            )
    meta_model, settings = meta_model_file(project), project.settings.evaluation

    def weigh() -> dict[str, Any]:
        if joined is None:
            return EnsembleWeights.equal(tuple(chosen)).to_dict()
        return weigh_members(joined, kind, meta_model, settings).to_dict()

    shards = open_shards(project, recipe)
    job = _job(project, name, recipe, tuple(chosen.values()), shards, joined)
    return make_ensemble_run(
        job, weigh, shards, restart=restart, on_done=keep_production
    )


def _job(
    project: Base,
    name: str,
    recipe: "Recipe",
    members: "Sequence[ChosenMember]",
    shards: "ShardReader",
    joined: "Joined | None",
) -> "EnsembleJob":
    """Return what an ensemble is made of; ``joined`` is what weights depend on."""
    from numerai_pipeline.evaluation import joint_fold, pin, weighed_by
    from numerai_pipeline.training import EnsembleJob

    meta_model, settings = meta_model_file(project), project.settings.evaluation
    releases = {one.run.data_version for one in members}
    return EnsembleJob(
        name=name,
        recipe=recipe,
        members=tuple(pin(one.run, one.tested) for one in members),
        fold=joint_fold([one.tested for one in members]),
        weighed_by=weighed_by(joined, meta_model, settings) if joined else {},
        runs=project.workspace.runs_dir(name),
        started=project.clock.now(),
        data_version=releases.pop() if len(releases) == 1 else "",
        neutral_features=neutral_features(project, shards, recipe),
        benchmarks=benchmark_files(project),
    )


def shards_of(members: "Sequence[Recipe]") -> str:
    """Return the set of shards that all recipes name; empty if they differ."""
    names = {recipe.shards for recipe in members}
    return names.pop() if len(names) == 1 else ""


def _same(one: "Recipe", other: "Recipe") -> bool:
    """Return whether two recipes train the same; NaN equals NaN."""
    first, second = (
        digest_of(each.for_training().model_dump(mode="json")) for each in (one, other)
    )
    return first == second
