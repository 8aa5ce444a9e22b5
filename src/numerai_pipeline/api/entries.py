"""What is on disk of each run and backtest, as the lines of ``nai runs``."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.results import plain
from numerai_pipeline.core import PipelineError, explain, inline_toml, retrain

if TYPE_CHECKING:
    from numerai_pipeline.data import Fold
    from numerai_pipeline.evaluation import Backtest
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import Run

Kind = Literal["run", "refit", "backtest"]
State = Literal["finished", "unfinished", "broken"]


@dataclass(frozen=True)
class Entry:
    """A run or a backtest.

    Attributes:
        model: its model.
        kind: ``run``, ``refit`` or ``backtest``.
        id: name of its folder.
        started: when it was begun, in UTC; None if that cannot be read.
        changes: the keys of its recipe that differ from the model's ``model.toml``, as
            ``--set`` takes them.
        prediction: what is done after the model; empty: nothing.
        trained: the eras that it learned from, such as ``1-120``; of a backtest those
            of all folds.
        validated: the eras that chose the epoch.
        tested: the eras that nothing was chosen on.
        folds: how many there are; 1 of a run.
        unit: what ``best`` counts: epoch, tree, penalty or window.
        best: its best epoch, number of trees, penalty or window so far; None of a
            backtest.
        monitor: the column that chose it.
        best_value: its value.
        validation_corr: mean CORR of the last score on validation eras.
        test_corr: the same on test eras; of a backtest on those of all folds.
        is_production: whether it predicts live data.
        state: ``finished``, ``unfinished`` or ``broken``.
        reason: why it is broken.
        recipe: all keys of its recipe.
    """

    model: str
    kind: Kind
    id: str
    started: datetime | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    prediction: str = ""
    trained: str = ""
    validated: str = ""
    tested: str = ""
    folds: int = 1
    unit: str = ""
    best: int | None = None
    monitor: str = ""
    best_value: float | None = None
    validation_corr: float | None = None
    test_corr: float | None = None
    is_production: bool = False
    state: State = "finished"
    reason: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the keys of the recipe that do not differ."""
        names = (one.name for one in fields(self) if one.name != "recipe")
        return {name: plain(getattr(self, name)) for name in names}

    def values(self) -> dict[str, Any]:
        """Return what it can be sorted and filtered by, keys of its recipe too."""
        return {**self.recipe, **self.to_dict(), "changes": changes_text(self.changes)}


def changes_text(changes: Mapping[str, Any]) -> str:
    """Return changes of a recipe as ``--set`` takes them.

    >>> changes_text({"learning_rate": 0.01, "training.epochs": 5})
    'learning_rate=0.01 training.epochs=5'
    """
    shown = {
        key: inline_toml(value) if isinstance(value, Mapping) else value
        for key, value in changes.items()
    }
    return " ".join(f"{key}={value}" for key, value in shown.items())


def flat_recipe(recipe: "Recipe") -> dict[str, Any]:
    """Return a recipe's keys, those of its tables as ``--set`` takes them."""
    tables = recipe.model_dump(mode="json")
    parameters, training = tables.pop("parameters"), tables.pop("training")
    prediction = {"neutralize": {}, **tables.pop("prediction", {})}
    tables["missing"] = str(recipe.missing)  # NaN equals nothing
    return {
        **tables,
        **parameters,
        **{f"training.{key}": value for key, value in training.items()},
        **{f"prediction.{key}": value for key, value in prediction.items()},
    }


def changes_of(flat: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recipe whose values differ from those that are wanted."""
    return {k: v for k, v in flat.items() if k in wanted and v != wanted[k]}


def entries_of(project: Base, name: str) -> Iterator[Entry]:
    """Read a model's folders; what cannot be read is an entry that says why."""
    from numerai_pipeline.evaluation import Backtest, backtests_dir
    from numerai_pipeline.training import Run, production_run

    try:
        runs = project.workspace.runs_dir(name)
    except PipelineError as error:  # such as a file that is no model
        yield Entry(name, "run", "", state="broken", reason=str(error))
        return
    wanted = wanted_recipe(project, name)
    production = ""
    with contextlib.suppress(PipelineError):  # `nai predict` says what is wrong
        production = production_run(runs).folder.name
    for folder in _folders(runs):
        read = _reader(lambda path: _entry_of_run(Run.open(path), wanted, production))
        yield read(name, "run", folder)
    for folder in _folders(backtests_dir(runs)):
        read = _reader(lambda path: _entry_of_backtest(Backtest.open(path), wanted))
        yield read(name, "backtest", folder)


def _folders(parent: Path) -> list[Path]:
    """Return the folders in a folder; hidden ones are being written."""
    return [path for path in sorted(parent.glob("*")) if not path.name.startswith(".")]


def _reader(work: Callable[[Path], Entry]) -> Callable[[str, Kind, Path], Entry]:
    def read(name: str, kind: Kind, folder: Path) -> Entry:
        try:
            return work(folder)
        except (PipelineError, OSError) as error:  # it does not hide the others
            reason = explain(error)[1]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"{folder} is broken: {error!r}. {retrain(folder)}"
        return Entry(name, kind, folder.name, state="broken", reason=reason)

    return read


def _entry_of_run(run: "Run", wanted: Mapping[str, Any], production: str) -> Entry:
    from numerai_pipeline.evaluation import last_corr

    chart = run.chart()
    has_end = run.is_done and bool(chart.rows)
    # A refit is trained to its end: no era is left to choose by.
    row = chart.rows[-1 if chart.best is None else chart.best] if chart.rows else None
    is_chosen = chart.best is not None
    return Entry(
        model=run.name,
        kind="refit" if run.refit_of else "run",
        id=run.folder.name,
        started=run.started,
        **_of_recipe(run.recipe, wanted),
        **_of_folds([run.fold] if run.fold else []),
        unit=run.unit,
        best=row.epoch if row and (is_chosen or has_end) else None,
        monitor=run.monitor,
        best_value=getattr(row, run.monitor) if is_chosen else None,
        validation_corr=last_corr(run.folder, "validation"),
        test_corr=last_corr(run.folder),
        is_production=run.folder.name == production,
        state="finished" if run.is_done else "unfinished",
    )


def _entry_of_backtest(backtest: "Backtest", wanted: Mapping[str, Any]) -> Entry:
    from numerai_pipeline.evaluation import last_corr

    return Entry(
        model=backtest.name,
        kind="backtest",
        id=backtest.folder.name,
        started=backtest.started,
        **_of_recipe(backtest.recipe, wanted),
        **_of_folds(backtest.folds),
        test_corr=last_corr(backtest.folder, "backtest"),
        state="finished" if backtest.is_done else "unfinished",
    )


def _of_recipe(recipe: "Recipe", wanted: Mapping[str, Any]) -> dict[str, Any]:
    flat = flat_recipe(recipe)
    return {
        "recipe": flat,
        "changes": changes_of(flat, wanted),
        "prediction": str(recipe.prediction.neutralize),
    }


def _of_folds(folds: "Sequence[Fold]") -> dict[str, Any]:
    """Return the eras of all folds; the validation eras only of a single one."""
    parts = {"trained": "train", "validated": "validation", "tested": "test"}
    spans = {
        name: _span({era for fold in folds for era in getattr(fold, part)})
        for name, part in parts.items()
    }
    if len(folds) > 1:
        spans["validated"] = ""
    return {**spans, "folds": len(folds)}


def _span(eras: set[int]) -> str:
    """Return eras in short: the first and the last, and how many if some are left out.

    >>> _span({1, 2, 3}), _span({4, 8, 12}), _span(set())
    ('1-3', '4-12 (3)', '')
    """
    if not eras:
        return ""
    first, last = min(eras), max(eras)
    has_gaps = last - first + 1 > len(eras)
    return f"{first}-{last}" + (f" ({len(eras)})" if has_gaps else "")


def wanted_recipe(project: Base, name: str) -> dict[str, Any]:
    """Return the keys of ``model.toml`` with all defaults; empty if it is not usable.

    Of a user's own family the defaults are not known without running its source: there
    are those that the file has.
    """
    from numerai_pipeline.models import check_recipe, load_recipe

    try:
        recipe = load_recipe(project.workspace.recipe_path(name))
    except PipelineError:
        return {}
    with contextlib.suppress(PipelineError):
        recipe = check_recipe(recipe).complete()
    return flat_recipe(recipe)
