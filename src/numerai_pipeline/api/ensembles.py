"""The command ``ensemble``, and what it returns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.membership import (
    choose_members,
    ensemble_recipe,
    is_ensemble_name,
    join_members,
    latest_of_recipe,
    make_ensemble,
    shards_of,
)
from numerai_pipeline.api.parameters import Names, names_of
from numerai_pipeline.api.production import find_run
from numerai_pipeline.api.results import Result, empty_figure, plain
from numerai_pipeline.api.scores import meta_model_file
from numerai_pipeline.core import ConfigError, columns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.evaluation import (
        Contribution,
        EnsembleWeights,
        Joined,
        MemberRows,
        WeightingComparison,
    )
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import Run

WeightsName = Literal["equal", "shrunk", "fitted"]
MissingMember = Literal["stop", "drop"]


@dataclass(frozen=True, repr=False)
class Ensembled(Result):
    """An ensemble that was made, and what its weights and members are worth.

    Attributes:
        run: its run.
        is_production: whether it predicts live data.
        joined: the out-of-sample predictions of the members.
        comparison: the kinds of weights, each era blended by earlier eras' weights.
        weights: of each kind, those that live data gets.
        contributions: what each member adds to the ensemble.
        correlations: ``(k, k)`` float64, of the members' predictions, mean of the
            eras.
        has_mmc: whether the meta model covers any of the eras.
        without_backtest: members of whose run's recipe there is no backtest.
    """

    run: "Run"
    is_production: bool
    joined: "Joined"
    comparison: "WeightingComparison"
    weights: "dict[str, EnsembleWeights]"
    contributions: "tuple[Contribution, ...]"
    correlations: "npt.NDArray[np.float64]"
    has_mmc: bool
    without_backtest: tuple[str, ...]

    @property
    def kind(self) -> str:
        """How the weights of the ensemble are found."""
        return str(self.run.recipe.parameters["weights"])

    @property
    def horizon(self) -> int:
        """Eras that the target looks ahead."""
        return columns.horizon_eras(self.joined.target)

    @property
    def eras(self) -> tuple[int, ...]:
        """The eras that the kinds are compared on, ascending."""
        scores = self.comparison.weighted[0].scores["CORR"]
        return tuple(map(int, scores.eras))

    @property
    def table(self) -> "pd.DataFrame":
        """A row per kind of weights and metric: mean, interval, minus equal."""
        import pandas as pd

        return pd.DataFrame(self._weightings)

    @property
    def members(self) -> "pd.DataFrame":
        """A row per member and metric: what the ensemble loses without it."""
        import pandas as pd

        return pd.DataFrame(self._members)

    @property
    def figure(self) -> "CellFigure":
        """The cumulative CORR of the kinds of weights."""
        from numerai_pipeline.evaluation import draw_weightings

        figure = empty_figure()
        draw_weightings(figure, self.comparison, horizon=self.horizon)
        return figure

    @property
    def notes(self) -> list[str]:
        """What to know of the numbers, a sentence each."""
        found = []
        if self.joined.on == "test" and self.without_backtest:
            found.append(
                "no backtest has the recipe of the run of "
                f"{', '.join(self.without_backtest)}, so these are test eras. "
                f"`nai backtest {self.run.name}` makes what is missing; then run this "
                "command again."
            )
        if not self.weights["fitted"].eras:
            found.append(
                "there are too few earlier eras to learn weights from, so all kinds "
                "are equal weights here, for live data too."
            )
        if not self.has_mmc:
            found.append(
                "MMC does not count: the meta model covers none of these eras. Run "
                "`nai download --meta`."
            )
        if self.comparison.advice == "equal" and self.kind != "equal":
            found.append(
                "equal weights are advised: others are not clearly better. Set weights "
                f'= "equal" in model.toml, then run `nai train {self.run.name}`.'
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return run, members, weights, comparison, contributions and notes."""
        from numerai_pipeline.data import format_eras

        return {
            "name": self.run.name,
            "run": str(self.run.folder),
            "is_production": self.is_production,
            "members": plain(self.run.members),
            "weights": self.kind,
            "live_weights": {
                kind: dict(zip(one.members, one.live, strict=True))
                for kind, one in self.weights.items()
            },
            "on": self.joined.on,
            "eras": format_eras(self.eras),
            "target": self.joined.target,
            "weightings": self._weightings,
            "advice": self.comparison.advice,
            "contributions": self._members,
            "correlations": plain(self.correlations.tolist()),
            "notes": self.notes,
        }

    @property
    def _weightings(self) -> list[dict[str, Any]]:
        pairs = {(one.first, one.metric): one for one in self.comparison.pairs}
        rows = []
        for one in self.comparison.weighted:
            for metric, scores in one.scores.items():
                pair = pairs.get((one.kind, metric))
                row = {
                    "weights": one.kind,
                    "metric": metric,
                    **scores.summary(horizon=self.horizon).to_dict(),
                    "minus_equal": plain(pair.difference) if pair else None,
                    "verdict": pair.verdict if pair else "",
                }
                rows.append(row)
        return rows

    @property
    def _members(self) -> list[dict[str, Any]]:
        return [
            {"member": one.name, "metric": metric, **plain(found)}
            for one in self.contributions
            for metric, found in one.differences.items()
        ]


class EnsembleCommands(Base):
    """The command that makes an ensemble of models."""

    def ensemble(
        self,
        name: str,
        members: Names,
        *,
        weights: WeightsName = "equal",
        missing_member: MissingMember = "stop",
        force: bool = False,
    ) -> Ensembled:
        """Make one model of several, blending their predictions per era.

        The members' production runs are pinned: another one of a member counts after
        `nai train` and `nai promote` of the ensemble. Each member's predictions are
        ranked and gaussianized within the era. Three kinds of weights are compared on
        the eras of the members' backtests, or else on their test eras; each era is
        blended by weights that were learned from earlier eras. Take equal ones unless
        others are clearly better.

        Args:
            name: Name of the ensemble.
            members: Models of the workspace, two at least; NAME@RUN for a run other
                than the production run.
            weights: equal; fitted to the members' scores; or shrunk, fitted to scores
                that are moved towards each other by as much as they may be luck.
            missing_member: If a member cannot predict live data: stop, or drop it and
                give its weight to the others.
            force: Overwrite an existing model; its runs stay.

        Returns:
            The run, the comparison of the weights, and what each member adds.

        Raises:
            ConfigError: if the name is taken, or there is no such member.
            DataError: if a member has no finished run, or no era is out-of-sample for
                all members.

        Examples:
            nai ensemble both mlp lightgbm
            nai ensemble both mlp lightgbm --weights shrunk --missing-member drop
        """
        from numerai_pipeline.models import write_ensemble

        recipe = self._recipe(name, names_of(members), weights, missing_member)
        known = self._known(name)
        path = self.workspace.recipe_path(name)
        if known is not None and known.parameters == recipe.parameters:
            recipe = known  # with what was edited in it, such as its target
        elif path.exists() and not force:
            raise ConfigError(
                f"{path} exists. Run `nai train {name}` to make it of its members' "
                "present runs, choose another name, or pass --force to overwrite it."
            )
        chosen = choose_members(self, name, recipe)
        if recipe is not known:
            shards = shards_of([one.tested.recipe for one in chosen.values()])
            recipe = recipe.model_copy(update={"shards": shards})
        joined = join_members(self, recipe, chosen)
        rows = joined.scored(meta_model_file(self))
        if recipe is not known:  # whatever may be broken has been read
            write_ensemble(recipe, path)
        run = make_ensemble(self, name, recipe, joined=joined)
        lacking = (n for n, one in chosen.items() if not latest_of_recipe(one.tested))
        return self._compare(run, joined, rows, tuple(lacking))

    def _recipe(
        self,
        name: str,
        members: tuple[str, ...],
        weights: WeightsName,
        missing_member: MissingMember,
    ) -> "Recipe":
        """Return the recipe; runs that are named get their whole name."""
        from numerai_pipeline.models import ENSEMBLE, Recipe, complete_ensemble

        def whole(text: str) -> str:
            model, _, run = text.partition("@")
            return f"{model}@{find_run(self, model, run).folder.name}" if run else text

        _ = self.settings, self.workspace.model_dir(name)  # raise if they are wrong
        parameters = {
            "members": list(map(whole, members)),
            "weights": weights,
            "missing_member": missing_member,
        }
        return complete_ensemble(Recipe(family=ENSEMBLE, parameters=parameters))

    def _known(self, name: str) -> "Recipe | None":
        """Return the recipe of the ensemble that has the name; None if none has."""
        if not is_ensemble_name(self, name):
            return None
        return ensemble_recipe(self, name, {})

    def _compare(
        self,
        run: "Run",
        joined: "Joined",
        rows: "MemberRows",
        without_backtest: tuple[str, ...],
    ) -> Ensembled:
        from numerai_pipeline.evaluation import (
            Blends,
            compare_weightings,
            contributions,
            learn_weights,
            scores_of_members,
        )
        from numerai_pipeline.training import production_run

        settings = self.settings.evaluation
        scores = scores_of_members(rows)
        blends = Blends(rows, settings)
        horizon = columns.horizon_eras(joined.target)
        comparison = compare_weightings(
            blends, scores, joined.starts, purge=joined.purge, horizon=horizon
        )
        own = str(run.recipe.parameters["weights"])
        [weighted] = [one for one in comparison.weighted if one.kind == own]
        return Ensembled(
            run=run,
            is_production=production_run(run.folder.parent).folder == run.folder,
            joined=joined,
            comparison=comparison,
            weights={
                one.kind: learn_weights(joined, one.kind, scores, settings)
                for one in comparison.weighted
            },
            contributions=contributions(blends, weighted.steps, horizon=horizon),
            correlations=scores.similarity.mean(axis=0),
            has_mmc="MMC" in weighted.scores,
            without_backtest=without_backtest,
        )
