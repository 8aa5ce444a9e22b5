"""The run of a model that predicts live data, and how it is replaced."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.entries import changes_of, flat_recipe
from numerai_pipeline.api.results import Result, empty_figure, plain
from numerai_pipeline.core import ConfigError, DataError, PipelineError

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.evaluation import Evaluation
    from numerai_pipeline.scoring import Difference
    from numerai_pipeline.training import Run


@dataclass(frozen=True)
class ProductionRun:
    """A run that predicts live data.

    Attributes:
        id: name of its folder.
        trained: when its training was begun, in UTC.
        test_corr: mean CORR per test era of its last score, or of the run that it is a
            refit of; None if it has none.
        refit_of: name of the run that it is a refit of; empty of others.
        weights: of an ensemble's members for live data; empty of others.
    """

    id: str
    trained: datetime
    test_corr: float | None
    refit_of: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, run: "Run") -> "ProductionRun":
        """Describe a run."""
        from numerai_pipeline.evaluation import last_corr

        tested = run.folder.with_name(run.refit_of) if run.refit_of else run.folder
        return cls(
            run.folder.name,
            run.started,
            last_corr(tested),
            run.refit_of,
            _live_weights(run),
        )

    def __str__(self) -> str:
        corr = "not scored" if self.test_corr is None else f"{self.test_corr:.4f}"
        of = f" of {self.refit_of}" if self.refit_of else ""
        weights = f", {self.weights_text}" if self.weights else ""
        return (
            f"{self.id}, trained {self.trained:%Y-%m-%d}, test CORR{of} {corr}{weights}"
        )

    @property
    def weights_text(self) -> str:
        """The weights in words.

        >>> weights = {"a": 0.3, "b": 0.7}
        >>> ProductionRun("r", datetime.min, None, weights=weights).weights_text
        'weights a 0.300, b 0.700'
        """
        if len(set(self.weights.values())) == 1:
            return "equal weights"
        shown = (f"{name} {weight:.3f}" for name, weight in self.weights.items())
        return f"weights {', '.join(shown)}"


def _live_weights(run: "Run") -> dict[str, float]:
    """Return the weights of an ensemble's members; none of others, or a broken one."""
    from numerai_pipeline.evaluation import EnsembleWeights

    with contextlib.suppress(DataError):  # `nai predict` says what is broken
        if run.is_ensemble:
            found = EnsembleWeights.read(run.best().path)
            return dict(zip(found.members, found.live, strict=True))
    return {}


@dataclass(frozen=True, repr=False)
class Promoted(Result):
    """A change of the production run.

    Attributes:
        name: the model.
        run: the run that predicts from now on.
        before: the run that predicted before; None if it was the same or missing.
        n_eras: test eras that both were scored on.
        corr: mean CORR of both on those eras, the new one first; None without any.
        difference: of their CORR per era, new minus before, with a 95 % interval.
        warning: why they could not be compared, or why a score is too good; empty if
            neither is so.
    """

    name: str
    run: ProductionRun
    before: ProductionRun | None = None
    n_eras: int = 0
    corr: tuple[float, float] | None = None
    difference: "Difference | None" = None
    warning: str = ""
    evaluations: "tuple[Evaluation, ...]" = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the evaluations."""
        fields = ("name", "run", "before", "n_eras", "corr", "difference", "warning")
        return {name: plain(getattr(self, name)) for name in fields}

    @property
    def table(self) -> "pd.DataFrame":
        """A row per run: id, trained, test_corr."""
        import pandas as pd

        runs = [run for run in (self.run, self.before) if run is not None]
        return pd.DataFrame([plain(run) for run in runs])

    @property
    def figure(self) -> "CellFigure":
        """The cumulative CORR of both runs."""
        from numerai_pipeline.evaluation import draw_comparison

        figure = empty_figure()
        draw_comparison(figure, {one.folder.name: one for one in self.evaluations})
        return figure


def production(project: Base, name: str) -> "Run":
    """Return the run of a model that predicts live data.

    Raises:
        ConfigError: if there is no such model.
        DataError: if it has no finished run, or its production run is missing.
    """
    from numerai_pipeline.training import production_run

    project.require_model(name)
    return production_run(project.workspace.runs_dir(name))


def production_runs(project: Base) -> dict[str, ProductionRun]:
    """Return the production run of each model to submit that has one."""
    found = {}
    for name in project.settings.submission.models:
        with contextlib.suppress(PipelineError):  # `nai predict` says what is wrong
            found[name] = ProductionRun.of(production(project, name))
    return found


def find_run(project: Base, name: str, run: str, *, is_tested: bool = False) -> "Run":
    """Return a finished run of a model.

    Args:
        project: the workspace.
        name: the model.
        run: ``latest``, ``production``, or the name of a run's folder or its end.
        is_tested: whether ``latest`` leaves out refits, which no era is left to test.

    Raises:
        ConfigError: if there is no such model or run.
        DataError: if it has no finished run.
    """
    from numerai_pipeline.training import DONE_FILE, Run, latest_run

    project.require_model(name)
    runs = project.workspace.runs_dir(name)
    if run == "latest":
        return latest_run(runs, is_tested=is_tested)
    if run == "production":
        return production(project, name)
    finished = sorted(done.parent for done in runs.glob(f"*/{DONE_FILE}"))
    found = [folder for folder in finished if folder.name.endswith(run)] if run else []
    if len(found) != 1:
        known = ", ".join(folder.name for folder in finished) or "none"
        problem = "several finished runs" if found else "no finished run"
        raise ConfigError(
            f"'{name}' has {problem} '{run}' in {runs}. Its finished runs: {known}."
        )
    return Run.open(found[0])


def tested_run(run: "Run") -> "Run":
    """Return the run that has test eras: of a refit, the one that it is a refit of."""
    from numerai_pipeline.training import Run

    return Run.open(run.folder.with_name(run.refit_of)) if run.refit_of else run


def note_of(project: Base, run: "Run") -> str:
    """Return why another run could be expected to predict; empty if nothing does."""
    from numerai_pipeline.models import load_recipe
    from numerai_pipeline.training import latest_run

    release = project.settings.data.version
    if run.data_version not in ("", release):
        return f"it was trained on {run.data_version}, but live data is of {release}"
    try:
        latest = latest_run(run.folder.parent)
    except DataError as error:  # another run is broken; this one predicts
        return f"another run cannot be read: {error}"
    if latest.folder != run.folder:
        return (
            f"the latest run {latest.folder.name} does not predict: "
            f"`nai promote {run.name}` compares both and replaces this one"
        )
    try:
        recipe = load_recipe(project.workspace.recipe_path(run.name))
    except PipelineError as error:
        return f"model.toml cannot be read: {error}"
    if changes_of(flat_recipe(run.recipe), flat_recipe(recipe)):
        return "it was trained with other values than model.toml has now"
    return _note_of_members(project, run)


def _note_of_members(project: Base, run: "Run") -> str:
    """Return which members of an ensemble have other production runs by now."""
    pinned = run.recipe.parameters.get("members", ()) if run.is_ensemble else ()
    changed = []
    for text, member in zip(pinned, run.members, strict=False):
        with contextlib.suppress(PipelineError):  # a missing run stops the prediction
            if "@" not in text and (
                production(project, member.model).folder.name != member.run
            ):
                changed.append(member.model)
    if not changed:
        return ""
    return (
        f"other runs of {', '.join(changed)} are in production now: "
        f"`nai train {run.name}` makes the ensemble of them"
    )


def compare_runs(new: "Evaluation", old: "Evaluation") -> dict[str, Any]:
    """Compare two runs on the test eras that both have a score for.

    Returns:
        Fields of ``Promoted``: a warning alone where there are no such eras.
    """
    from numerai_pipeline.evaluation import common_eras
    from numerai_pipeline.scoring import difference

    both = (new, old)
    without = [each.folder.name for each in both if each.on != "test"]
    if without:
        return {"warning": f"no test eras to compare on: {', '.join(without)} has none"}
    first, second = common_eras([each.rows[0] for each in both])
    if not len(first.eras):
        return {"warning": "the two runs have no test era in common"}
    horizon = new.rows[0].horizon
    return {
        "n_eras": len(first.eras),
        "corr": (float(first.values.mean()), float(second.values.mean())),
        "difference": difference(first, second, horizon=horizon),
        "warning": " ".join(
            f"{each.folder.name}: {warning}"
            for each in both
            for warning in each.warnings
        ),
        "evaluations": both,
    }
