"""Scores of runs and backtests on eras that they did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from numerai_pipeline.core import (
    SILENT,
    ConfigError,
    DataError,
    EvaluationSettings,
    Progress,
    columns,
    digest_of,
    sha256_of,
)
from numerai_pipeline.data import Fold, ShardReader, format_eras
from numerai_pipeline.evaluation.backtests.folder import Backtest
from numerai_pipeline.evaluation.feature_scores import score_features
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    choose_part,
    fold_of,
    is_made_from,
    predict_part,
    read_out_of_sample,
    write_out_of_sample,
)
from numerai_pipeline.evaluation.plots import plot_scores
from numerai_pipeline.evaluation.references import References
from numerai_pipeline.evaluation.result import (
    LAYOUT,
    EvaluatedPart,
    Evaluation,
    plot_path,
    predictions_path,
    read_evaluation,
)
from numerai_pipeline.evaluation.scores import FeatureSubject, Scorer
from numerai_pipeline.training import Run


@dataclass(frozen=True)
class Subject:
    """Predictions to score: those of a run or of a backtest. No model is needed.

    Attributes:
        folder: of the run or backtest; the predictions are in it.
        model: the model's name.
        on: what the predicted eras are.
        folds: what was trained and chosen on which eras.
        targets: what was learned, the recipe's own target first.
        neutralized: what ``[prediction]`` took out of the predictions; empty: nothing.
        eras: those that were to be predicted.
    """

    folder: Path
    model: str
    on: EvaluatedPart
    folds: tuple[Fold, ...]
    targets: tuple[str, ...]
    neutralized: str = ""
    eras: tuple[int, ...] = ()

    @property
    def predictions(self) -> Path:
        """The file of predictions."""
        return predictions_path(self.folder, self.on)


@dataclass(frozen=True, eq=False)
class Scoring:
    """What subjects are scored against.

    Attributes:
        meta_model: Numerai's ``meta_model.parquet``, if it is there.
        benchmarks: Numerai's benchmark files.
        settings: main benchmark and payout.
        feature_set: name of the set of FNC and exposure.
        features: its features; none: FNC and exposure are left out.
    """

    meta_model: Path | None = None
    benchmarks: tuple[Path, ...] = ()
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    feature_set: str = ""
    features: tuple[str, ...] = ()


def subject_of_run(
    run: Run,
    shards: ShardReader,
    *,
    on: EvaluatedPart = "test",
    force: bool = False,
    benchmarks: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> Subject:
    """Predict the eras to score a run on, unless that was done before.

    Args:
        run: a finished run.
        shards: any shards that have the run's features and eras to score it on.
        on: which eras; where there are no test eras, the validation eras are
            predicted, and the result says so.
        force: predict again what was predicted.
        benchmarks: Numerai's benchmark files, where the run neutralizes to some.
        progress: where to report.

    Raises:
        DataError: if the run did not record its eras, or the shards have none of
            those that are wanted.
    """
    on, part = choose_part(run, shards, on)
    step = run.recipe.prediction.neutralize
    subject = Subject(
        folder=run.folder,
        model=run.name,
        on=on,
        folds=(fold_of(run),),
        targets=run.targets,
        neutralized=str(step),
        eras=part.eras,
    )
    made_from = digest_of(
        {
            "model": sha256_of(run.best().path),
            "shards": shards.manifest.fingerprint,
            "eras": format_eras(part.eras),
            "split": part.split,
            **(_checksums(benchmarks) if step.benchmarks else {}),
        }
    )
    if force or not is_made_from(subject.predictions, made_from):
        reader = shards.opened() if on == "lockbox" else shards
        found = predict_part(run, reader, part, (), progress, benchmarks)
        write_out_of_sample(found, subject.predictions, made_from)
    return subject


def subject_of_backtest(backtest: Backtest, shards: ShardReader) -> Subject:
    """Return the predictions of a finished backtest, to be scored.

    Args:
        backtest: a finished one.
        shards: those that it is scored on.

    Raises:
        DataError: if it is not finished, the file is broken, or it learned from eras
            of the lockbox, because it was made before that was set.
    """
    _ = backtest.predictions  # raises if they are not whole
    seen = {era for one in backtest.folds for era in (*one.train, *one.validation)}
    closed = sorted(seen & set(shards.lockbox))
    if closed:
        raise DataError(
            f"the backtest {backtest.folder} learned from {len(closed)} eras of the "
            f"lockbox, {format_eras(closed)}: it was made before [evaluation] "
            f"lockbox_eras was set. Run `nai backtest {backtest.name}` again, which "
            "leaves them out."
        )
    return Subject(
        folder=backtest.folder,
        model=backtest.name,
        on="backtest",
        folds=backtest.folds,
        targets=backtest.targets,
        neutralized=str(backtest.recipe.prediction.neutralize),
        eras=tuple(era for fold in backtest.folds for era in fold.test),
    )


def evaluate(
    subjects: Sequence[Subject],
    shards: ShardReader,
    against: Scoring,
    *,
    force: bool = False,
    progress: Progress = SILENT,
) -> list[Evaluation]:
    """Score predictions beside the meta model and the benchmark models.

    Writes into the folder of each subject ``plots/scores.png`` and, last,
    ``scores.json``. Nothing is done for those whose file was made from the same
    predictions, shards and references.

    The scores are measured by ``target``, which is what the tournament pays for, as
    far as the shards hold it; a model that learned another one is measured by that
    too. An era is compared with a reference that has predictions for at least 80 %
    of its rows. An era that has other targets only is predicted, but not scored.

    Args:
        subjects: what to score.
        shards: hold the rows of all subjects.
        against: references and settings.
        force: score again what was scored.
        progress: where to report.

    Raises:
        ConfigError: if a subject has the name of a reference.
        DataError: if a subject has no era that can be scored, or a file is broken.
    """
    found: dict[Subject, Evaluation] = {}
    begun: dict[Subject, FeatureSubject] = {}
    for subject in subjects:
        fingerprint = _fingerprint(subject, shards, against)
        known = read_evaluation(subject.folder, subject.on, fingerprint)
        if known is not None and not force:
            found[subject] = known
        else:
            found[subject], begun[subject] = _score(
                subject, shards, against, fingerprint
            )
    if against.features and begun:
        measured = score_features(
            list(begun.values()),
            _reader(shards, *begun),
            against.feature_set,
            against.features,
            progress,
        )
        for subject, (rows, features) in zip(begun, measured, strict=True):
            found[subject] = replace(
                found[subject], rows=(*found[subject].rows, *rows), features=features
            )
    for subject in begun:
        evaluation = found[subject]
        plot_scores(evaluation, plot_path(subject.folder, subject.on))
        evaluation.write()
    return [found[subject] for subject in subjects]


def _score(
    subject: Subject, shards: ShardReader, against: Scoring, fingerprint: str
) -> tuple[Evaluation, FeatureSubject]:
    """Return the scores that need no features, and what is to be measured by them."""
    learned = subject.targets[0]
    is_there = columns.TARGET in shards.manifest.target_names
    target = columns.TARGET if is_there else learned
    found = read_out_of_sample(
        subject.predictions,
        _reader(shards, subject),
        tuple(dict.fromkeys((target, learned))),
        purge=max(fold.purge for fold in subject.folds),
    )
    references = References(found.ids, against.meta_model, against.benchmarks)
    if subject.model in (
        *references.names("meta model"),
        *references.names("benchmark"),
    ):
        raise ConfigError(
            f"the model '{subject.model}' has the name of a model that it is compared "
            "with. Make it again under another name: `nai new`."
        )
    scorer = Scorer(subject.model, found, target, references, against.settings)
    scored = found.eras[scorer.has_target]
    if not len(scored):
        eras = format_eras(np.unique(found.eras).tolist())
        raise DataError(
            f"none of the {subject.on} eras {eras} in {shards.folder} has a "
            f"'{target}' yet, so nothing can be scored. Download newer data, or use "
            "more eras for validation: `nai etl --split 0.2`."
        )
    rows = tuple(scorer.rows(learned))
    evaluation = Evaluation(
        folder=subject.folder,
        model=subject.model,
        on=subject.on,
        folds=subject.folds,
        needed_purge=columns.purge_eras((*subject.targets, target)),
        target=target,
        n_rows=len(found.ids),
        n_eras=len(np.unique(scored)),
        rows=rows,
        coverage=tuple(scorer.coverage),
        benchmark=scorer.benchmark,
        features=None,
        shards_fingerprint=shards.manifest.fingerprint,
        fingerprint=fingerprint,
        neutralized=subject.neutralized,
        left_out=_left_out(subject, found, shards),
    )
    return evaluation, scorer.for_features()


def _left_out(
    subject: Subject, found: OutOfSample, shards: ShardReader
) -> tuple[int, ...]:
    """Return the eras that could not be neutralized, as far as they may be read."""
    if not subject.neutralized:
        return ()
    predicted = set(found.eras.tolist())
    purge = max(fold.purge for fold in subject.folds)
    there = set(_reader(shards, subject).eras(purge=purge))
    return tuple(sorted((set(subject.eras) & there) - predicted))


def _checksums(files: Sequence[Path]) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in files}


def _reader(shards: ShardReader, *subjects: Subject) -> ShardReader:
    """Return the reader that may read the subjects' eras."""
    is_opened = any(subject.on == "lockbox" for subject in subjects)
    return shards.opened() if is_opened else shards


def _fingerprint(subject: Subject, shards: ShardReader, against: Scoring) -> str:
    """Return what changes when the result would."""
    files = [path for path in (against.meta_model, *against.benchmarks) if path]
    for path in files:
        if not path.is_file():
            raise DataError(
                f"{path} does not exist. Run `nai download --meta --benchmarks`."
            )
    neutralized = [one.digest for one in shards.neutral_targets(subject.targets[:1])]
    return digest_of(
        {
            "layout": LAYOUT,
            "predictions": sha256_of(subject.predictions),
            "shards": shards.manifest.fingerprint,
            "on": subject.on,
            "lockbox": _reader(shards, subject).lockbox[:1],
            "folds": [fold.to_dict() for fold in subject.folds],
            "references": [(path.name, sha256_of(path)) for path in files],
            "settings": against.settings.model_dump(exclude={"lockbox_eras"}),
            "features": [against.feature_set, *against.features],
            **({"neutralized": neutralized} if neutralized else {}),
        }
    )
