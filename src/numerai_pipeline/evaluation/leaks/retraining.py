"""The run's recipe trained again, through the same job, on shards that were changed.

Everything is written into the suspect's own folder. In fast checks a training has fewer
eras, rows, and epochs or trees: whether a later era matters does not depend on how many
there are.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from numerai_pipeline.core import digest_of, sha256_of
from numerai_pipeline.data import Block, Fold, Part, ShardReader, copy_shards
from numerai_pipeline.evaluation.leaks.structure import parts_of
from numerai_pipeline.evaluation.leaks.suspect import Suspect
from numerai_pipeline.evaluation.leaks.watching import watching
from numerai_pipeline.models import load_network, override
from numerai_pipeline.training import Run, TrainingJob, make_plan, train

# A fast check: 32,000 rows at most, which take seconds at full width.
FAST_TRAIN_ERAS, FAST_VALIDATION_ERAS, FAST_TEST_ERAS = 32, 8, 24
_FAST_ROWS_PER_ERA = 500
_FAST_EPOCHS, _FAST_TREES = 2, 10

# Names the runs; they are deleted, so any moment does.
_STARTED = datetime(2000, 1, 1, tzinfo=UTC)

_TIMES: dict[str, Any] = {"seconds": 0.0, "rows_per_second": 0.0, "waiting": 0.0}


@dataclass(frozen=True, eq=False)
class Retraining:
    """What the checks train again.

    Attributes:
        suspect: the run that is checked.
        opened: files of rows that a training opened beside the shards of its job.
    """

    suspect: Suspect
    opened: set[Path] = field(default_factory=set)

    @cached_property
    def whole(self) -> ShardReader:
        """The eras of ``fold`` as they are."""
        return self.copy("whole", self.eras)

    @property
    def tested(self) -> tuple[Fold, Part]:
        """A fold and rows that it neither learns from nor is chosen on.

        Where there are no test eras, nothing is chosen, and the validation eras test.
        """
        fold = self.fold
        if fold.test:
            return fold, fold.part("test")
        return replace(fold, validation=()), fold.part("validation")

    @property
    def eras(self) -> tuple[int, ...]:
        """All eras of ``fold``, ascending."""
        return tuple(sorted({*self.fold.train, *self.fold.validation, *self.fold.test}))

    @cached_property
    def fold(self) -> Fold:
        """The fold of the run; in fast checks the eras around its boundaries."""
        parts = parts_of(self.suspect)
        train, validation, test = (
            parts[name].eras if name in parts else ()
            for name in ("train", "validation", "test")
        )
        if not self.suspect.is_full:
            train = train[-FAST_TRAIN_ERAS:]
            validation = validation[-FAST_VALIDATION_ERAS:]
            test = test[:FAST_TEST_ERAS]
        fold = self.suspect.fold
        return Fold(train, validation, test, purge=fold.purge, by_rows=fold.by_rows)

    def copy(
        self,
        name: str,
        eras: tuple[int, ...],
        change: Callable[[Block], Block] = lambda block: block,
    ) -> ShardReader:
        """Write eras of the shards, changed, into the suspect's folder.

        Args:
            name: of the copy; one that is there is replaced.
            eras: which.
            change: see ``copy_shards``.
        """
        folder = self.suspect.work / name
        shutil.rmtree(folder, ignore_errors=True)
        neutral = self.suspect.shards.neutral_targets(self.suspect.run.targets)
        n_features = max((len(one.features) for one in neutral), default=0)
        fast = max(_FAST_ROWS_PER_ERA, 2 * n_features)
        rows = None if self.suspect.is_full else fast
        return copy_shards(
            self.suspect.shards,
            folder / "shards",
            eras=set(eras),
            reason=name,
            change=change,
            rows_per_era=rows,
        )

    def train(self, shards: ShardReader, fold: Fold, *, again: bool = False) -> Run:
        """Train the recipe on a copy, once.

        Args:
            shards: made by ``copy``; the run is written beside it.
            fold: without validation eras the number of epochs or trees is fixed.
            again: train it a second time, beside the first.
        """
        runs = shards.folder.with_name("again" if again else "runs")
        job = self._job(shards, fold, runs)
        folders = (self.suspect.shards.folder.parent, self.suspect.data)
        # Its recipe may name a benchmark that its target is neutral to.
        neutral = shards.neutral_targets(self.suspect.run.targets)
        files = {path for one in neutral for path in one.files}
        own = (self.suspect.work, *files)
        # Built-in families read nothing else, so other processes need not be seen.
        with watching(folders, own, any_process=bool(job.source)) as watch:
            names = [model.name for model in make_plan(job).models]
            trained = train(replace(job, stop_at=self._stop_at(names, fold)))
        self.opened.update(watch.opened)
        return trained

    def _job(self, shards: ShardReader, fold: Fold, runs: Path) -> TrainingJob:
        run = self.suspect.run
        # What is done to predictions within an era knows no other era, and a copy may
        # have too few rows for it.
        recipe = run.recipe.for_training()
        if not self.suspect.is_full:
            recipe = override(recipe, {"seeds": 1})
            if run.has_windows:
                recipe = override(recipe, {"training.window_eras": 0})
        source = run.family.source
        if source:
            # Another text is run again: what it reads when it is imported is seen.
            source += f"\n# {shards.folder.parent.name}\n"
        return TrainingJob(
            name=run.name,
            recipe=recipe,
            fold=fold,
            untrained=self._untrained,
            shards=shards.folder,
            runs=runs,
            started=_STARTED,
            features=run.features,
            source=source,
            allow_leak=True,
            # Replaced by the models' own numbers once these are known.
            stop_at={"": 1},
            data=self.suspect.data,
        )

    @property
    def _untrained(self) -> Path:
        """The untrained model that was made by hand; else it is built again."""
        path = self.suspect.run.folder / self.suspect.run.family.untrained_file
        is_there = path.is_file()
        if is_there and self.suspect.run.family.spec_of(path) is None:
            return path
        return self.suspect.work / "built-again"

    def _stop_at(self, names: list[str], fold: Fold) -> dict[str, int]:
        run = self.suspect.run
        if self.suspect.is_full:
            if fold.validation:
                return {}
            known = run.best_epochs()
            return {name: known.get(name, known[""]) for name in names}
        has_epochs = run.family.engine in ("keras", "estimator")
        most = _FAST_EPOCHS if has_epochs else _FAST_TREES
        return dict.fromkeys(names, most)


def difference(one: Run, other: Run) -> str:
    """Return how two trained models differ in their files; empty: not at all."""
    if _history(one) != _history(other):
        return "the losses in its history are others"
    if _weights(one) != _weights(other):
        return "its weights are others"
    return ""


def _history(run: Run) -> list[str]:
    """Return its lines without what no two trainings have in common."""
    return [repr(replace(epoch, **_TIMES)) for epoch in run.history()]


def _weights(run: Run) -> list[str]:
    """Return the checksum of each model; the file of a network is dated."""
    paths = sorted((run.folder / "checkpoints").rglob("best.*"))
    if run.family.engine != "keras":
        return [sha256_of(path) for path in paths]
    networks = [load_network(path).get_weights() for path in paths]
    return [digest_of([w.tobytes().hex() for w in weights]) for weights in networks]
