"""Reports of models that never were: scores drawn from a seed."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.data import Fold
from numerai_pipeline.evaluation import (
    CheckResult,
    Comparison,
    Coverage,
    Evaluation,
    FeatureScores,
    Finding,
    LeakReport,
    Pair,
    ScoreRow,
    SweepPoint,
    Trials,
)
from numerai_pipeline.reports import ModelReport, Report
from numerai_pipeline.scoring import Scores, difference
from numerai_pipeline.training import Chart, Epoch

HORIZON = 4
BENCHMARK = "v53_lgbm_ender20"
META_MODEL = "numerai_meta_model"
GROUPS = ("intelligence", "charisma", "strength", "wisdom", "agility", "sunshine")
# Metric, mean, deviation per era.
_METRICS = (
    ("MMC", 0.004, 0.012),
    ("BMC", 0.003, 0.01),
    ("FNC", 0.012, 0.015),
    ("exposure", 0.22, 0.03),
    ("CWMM", 0.6, 0.05),
    ("payout", 0.02, 0.03),
)


def made_report(
    names: tuple[str, ...] = ("mlp", "lightgbm"),
    *,
    n_eras: int = 620,
    n_folds: int = 8,
    n_benchmarks: int = 6,
    **of_model: Any,
) -> Report:
    """Return a report; the same seed for the same place of a name.

    Args:
        names: of the models.
        n_eras: that are scored, the meta model in the last third.
        n_folds: that predict them.
        n_benchmarks: beside the meta model.
        **of_model: fields of ``ModelReport`` of all models.
    """
    random = np.random.default_rng(3)
    shared = random.normal(0, 0.018, n_eras + HORIZON)
    models = [
        made_model(name, place, shared, n_eras, n_folds, n_benchmarks, of_model)
        for place, name in enumerate(names)
    ]
    return Report(
        models=tuple(models),
        made=datetime(2026, 11, 24, 12, tzinfo=UTC),
        version="0.2.0",
        numbers={model.name: model.evaluation.to_dict() for model in models},
        comparison=_comparison(models),
    )


def made_model(name, place, shared, n_eras, n_folds, n_benchmarks, of_model):
    random = np.random.default_rng(place)
    eras = np.arange(157, 157 + n_eras)
    own = _row(random, name, "CORR", 0.019 - 0.004 * place, eras, shared)
    rows = [own]
    late = eras[-max(20, n_eras // 3) :]
    for metric, mean, deviation in _METRICS:
        where = late if metric in ("MMC", "CWMM", "payout") else eras
        values = random.normal(mean, deviation, len(where)).clip(-0.05, 1)
        if metric == "payout":
            values = values.clip(-0.05, 0.05)
        of = {"BMC": BENCHMARK, "FNC": "medium", "exposure": "medium"}.get(metric, "")
        rows.append(ScoreRow(name, metric, Scores(where, values), HORIZON, of))
    same = np.random.default_rng(99)
    for who, where in ((BENCHMARK, eras), (META_MODEL, late)):
        rows.append(_row(same, who, "CORR", 0.017, where, shared))
    rows.append(_row(same, BENCHMARK, "MMC", 0.002, late, shared * 0.2))
    for number in range(1, n_benchmarks):
        who = f"v53_lgbm_other{number}"
        rows.append(_row(same, who, "CORR", 0.012, eras, shared))
        rows.append(_row(random, name, "BMC", 0.004, eras, shared * 0.2, who))
    for number in range(n_benchmarks):
        who = f"v53_lgbm_other{number}" if number else BENCHMARK
        scores = Scores(eras, random.uniform(0.3, 0.6, n_eras))
        rows.append(ScoreRow(name, "similarity", scores, HORIZON, who))
    kinds = [(META_MODEL, "meta model", late), (BENCHMARK, "benchmark", eras)]
    evaluation = Evaluation(
        folder=Path("models") / name / "backtests" / "20261124T120000-1a2b3c4d",
        model=name,
        on="backtest",
        folds=made_folds(eras, n_folds),
        needed_purge=8,
        target="target",
        n_rows=5_000 * n_eras,
        n_eras=n_eras,
        rows=tuple(rows),
        coverage=tuple(Coverage(n, kind, len(e), 0.99) for n, kind, e in kinds),
        benchmark=BENCHMARK,
        features=_features(random, own),
        shards_fingerprint="5f" * 32,
        fingerprint="a7" * 32,
    )
    fields = {
        "leaks": made_leaks(evaluation.folder),
        "trials": Trials("run", 3, 1, 40, math.nan, math.nan),
        "curves": tuple(_curve(random, name, fold) for fold in range(n_folds)),
        "groups": {
            group: [f"feature_{group}_{number}" for number in range(20)]
            for group in GROUPS
        },
        "recipe": {"family": name, "parameters": {"dropout": 0.2}, "seed": 1},
        "facts": {"run": "20261124T120000-1a2b3c4d", "python": "3.11.2"},
        "commands": (f"nai backtest {name}", f"nai score {name} --on backtest"),
    }
    return ModelReport(name, evaluation, **{**fields, **of_model})


def made_leaks(folder: Path, *findings: str) -> LeakReport:
    """Return a leak check that passed, or failed with findings."""
    found = tuple(map(Finding, findings))
    state = "failed" if findings else "passed"
    return LeakReport(
        folder=folder,
        model="mlp",
        is_full=False,
        shards_fingerprint="5f" * 32,
        fingerprint="1e" * 32,
        checks=(CheckResult("target wiring", state, "targets", found),),
    )


def made_folds(eras, n_folds):
    folds = []
    for test in np.array_split(eras, n_folds):
        first = int(test[0])
        end = first - 8
        validation = tuple(range(end - 20, end))
        train = tuple(range(1, end - 28))
        folds.append(Fold(train, validation, tuple(map(int, test)), purge=8))
    return tuple(folds)


def _row(random, who, metric, mean, eras, shared, of=""):
    shocks = random.normal(0, 0.02, len(eras) + HORIZON)
    noise = np.convolve(shocks, np.full(HORIZON, 0.5), "same")[: len(eras)]
    values = mean + shared[-len(eras) :] + noise * 0.6
    return ScoreRow(who, metric, Scores(eras, values), HORIZON, of)


def _features(random, own):
    names = [f"feature_{group}_{n}" for group in GROUPS for n in range(20)]
    values = random.normal(0, 0.05, len(names))
    sweep = [
        SweepPoint(
            share,
            Scores(own.scores.eras, own.scores.values - 0.006 * share**2),
            0.22 * (1 - share) + 0.01,
        )
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    exposures = dict(zip(names, values.tolist(), strict=True))
    return FeatureScores("medium", exposures, tuple(sweep))


def _curve(random, name, fold):
    losses = 0.25 - 0.002 * (1 - np.exp(-np.arange(20) / 5)) + fold * 1e-4
    rows = [
        Epoch(
            epoch,
            loss=float(loss - epoch * 4e-5),
            val_loss=float(loss + random.normal(0, 2e-5)),
            val_corr=float(0.02 - (loss - 0.248) * 4 + random.normal(0, 4e-4)),
            seconds=3.0,
            is_best=True,
        )
        for epoch, loss in enumerate(losses, 1)
    ]
    return Chart(f"{name}, fold {fold + 1}", "epoch", rows, "val_corr")


def _comparison(models):
    if not models:
        return None
    names = [*(model.name for model in models), BENCHMARK]
    rows = {model.name: model.evaluation.rows[0] for model in models}
    rows[BENCHMARK] = models[0].evaluation.row("CORR", BENCHMARK)
    pairs = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            found = difference(rows[first].scores, rows[second].scores, horizon=HORIZON)
            pairs.append(Pair("CORR", first, second, found, found.p_value))
    n = len(names)
    correlations = np.full((n, n), 0.62) + 0.38 * np.eye(n)
    return Comparison(tuple(names), tuple(pairs), correlations)
