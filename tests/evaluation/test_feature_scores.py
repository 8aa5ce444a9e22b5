"""FNC, exposure and the sweep of a scored run are numerai-tools' numbers."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import (
    feature_neutral_corr,
    max_feature_correlation,
    neutralize,
    numerai_corr,
    tie_kept_rank__gaussianize__pow_1_5,
)
from small_world import FEATURES, score_run

from numerai_pipeline.evaluation import sweep_of
from numerai_pipeline.training import Run


@pytest.fixture(scope="module")
def found(tmp_path_factory, trained, world):
    """The evaluation of one run with FNC and exposure; read only."""
    folder = tmp_path_factory.mktemp("neutral") / trained["trees"].name
    shutil.copytree(trained["trees"], folder)
    run = Run.open(folder)
    return score_run(run, world.shards, **world.references, features=FEATURES)


@pytest.fixture(scope="module")
def by_era(found, world):
    """Predictions, references, targets and features of each scored era."""
    frame = pd.read_parquet(found.predictions).set_index("id")
    frame = frame.join(
        world.rows[[*FEATURES, "target"]]
        .astype(float)
        .fillna(dict.fromkeys(FEATURES, 2.0))
    )
    frame = frame.astype({"prediction": float})
    for path in (world.references["meta_model"], world.references["benchmarks"][1]):
        models = pd.read_parquet(path)
        frame = frame.join(models.drop(columns=["era", "data_type"], errors="ignore"))
    frame = frame.dropna(subset=["target"])
    return {int(era): rows for era, rows in frame.groupby("era", observed=True)}


@pytest.mark.parametrize(
    ("who", "column"),
    [
        ("trees", "prediction"),
        ("v53_lgbm_ender20", "v53_lgbm_ender20"),
        ("numerai_meta_model", "numerai_meta_model"),
    ],
)
def test_fnc_and_exposure_of_models_and_references(found, by_era, who, column):
    fnc, exposure = (found.row(metric, who).scores for metric in ("FNC", "exposure"))
    covered = {era for era, rows in by_era.items() if rows[column].notna().mean() > 0.8}
    assert set(fnc.eras) == set(exposure.eras) == covered
    assert found.row("FNC", who).label == "FNC(some)"
    for at, era in enumerate(fnc.eras):
        rows = by_era[era].dropna(subset=[column])
        [wanted] = feature_neutral_corr(rows[[column]], rows[FEATURES], rows["target"])
        assert fnc.values[at] == pytest.approx(wanted, abs=1e-9)
        _, largest = max_feature_correlation(rows[column], rows[FEATURES])
        assert exposure.values[at] == pytest.approx(largest, abs=1e-9)


def test_the_sweep_goes_from_corr_to_fnc(found):
    sweep = found.features.sweep
    assert [point.proportion for point in sweep] == [0, 0.25, 0.5, 0.75, 1]
    own = found.rows[0].scores
    np.testing.assert_allclose(sweep[0].corr.values, own.values, atol=1e-12)
    np.testing.assert_allclose(sweep[-1].corr.values, found.row("FNC").scores.values)
    exposures = [point.exposure for point in sweep]
    assert exposures == sorted(exposures, reverse=True)
    assert exposures[-1] == pytest.approx(0, abs=1e-9)


def test_a_sweep_of_test_eras_names_the_eras_to_choose_on(found):
    [on_test] = sweep_of(found).notes
    assert "with --on validation or --on backtest" in on_test
    [on_backtest] = sweep_of(replace(found, on="backtest")).notes
    assert "--on" not in on_backtest
    assert not sweep_of(replace(found, on="validation")).notes


def test_a_part_of_the_sweep_is_numerai_tools_neutralization(found, by_era):
    half = found.features.sweep[2].corr
    for at, era in enumerate(half.eras[:3]):
        rows = by_era[era]
        ranks = tie_kept_rank__gaussianize__pow_1_5(rows[["prediction"]])
        # Undo the power: what is neutralized is the gaussianized rank.
        gaussian = np.sign(ranks) * ranks.abs() ** (2 / 3)
        left = neutralize(gaussian, rows[FEATURES], proportion=0.5)
        [wanted] = numerai_corr(left, rows["target"])
        assert half.values[at] == pytest.approx(wanted, abs=1e-9)


def test_exposures_by_feature_are_means_of_the_eras(found, by_era):
    wanted = np.mean(
        [
            [np.corrcoef(rows["prediction"], rows[name])[0, 1] for name in FEATURES]
            for rows in by_era.values()
        ],
        axis=0,
    )
    assert list(found.features.exposures) == FEATURES
    np.testing.assert_allclose(list(found.features.exposures.values()), wanted)
