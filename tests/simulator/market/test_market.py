import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import numerai_corr

from numerai_simulator.errors import SetupError
from numerai_simulator.market import Market, preset
from numerai_simulator.market.catalog import GROUP_SIZES, TARGETS
from numerai_simulator.market.eras import LATE_GROUP, Eras
from numerai_simulator.market.spec import era_day


@pytest.fixture(scope="module")
def train(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "v5.3" / "train.parquet")


@pytest.fixture(scope="module")
def validation(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "v5.3" / "validation.parquet")


@pytest.fixture(scope="module")
def eras(market: Market) -> Eras:
    return market._eras


def test_all_named_files_are_there(market: Market, folder: Path) -> None:
    for name in market.files("v5.3"):
        assert (folder / name).is_file(), name
    for version in ("v5.0", "v5.1", "v5.2"):
        for name in market.files(version):
            stored = folder / market.stored_as(name)
            assert "live" in name or stored.is_file(), name
    assert not list(folder.rglob("*.partial"))


@pytest.mark.parametrize("version", ["v5.3", "v5.0"])
def test_main_files_have_numerais_columns(
    market: Market, folder: Path, version: str
) -> None:
    catalog = json.loads((folder / version / "features.json").read_text())
    assert catalog == market.catalog(version)
    features = catalog["feature_sets"]["all"]
    for name in ("train", "validation"):
        table = pd.read_parquet(folder / version / f"{name}.parquet")
        assert list(table) == ["era", "data_type", *features, *TARGETS]
        assert table.index.name == "id"
        assert set(table[features].dtypes) == {np.dtype("int8")}
        assert set(table[list(TARGETS)].dtypes) == {np.dtype("float32")}
        assert table.index.is_unique
        assert all(re.fullmatch(r"n[0-9a-f]{15}", id_) for id_ in table.index[:50])


def test_eras_are_consecutive_and_of_the_right_size(
    market: Market, train: pd.DataFrame, validation: pd.DataFrame
) -> None:
    spec = market.spec
    numbers = pd.concat([train["era"], validation["era"]])
    assert numbers.is_monotonic_increasing
    assert list(numbers.unique()) == [f"{e:04d}" for e in range(1, spec.n_eras + 1)]
    sizes = numbers.value_counts()
    assert sizes.between(spec.min_rows, spec.max_rows).all()
    assert set(train["data_type"]) == {"train"}


def test_features_are_five_equal_bins(market: Market, train: pd.DataFrame) -> None:
    late = set(market.catalog("v5.3")["feature_sets"][LATE_GROUP])  # type: ignore[index]
    columns = [c for c in train if c.startswith("feature_") and c not in late]
    shares = pd.Series(train[columns].to_numpy().ravel()).value_counts(normalize=True)
    assert sorted(shares.index) == [0, 1, 2, 3, 4]
    assert shares.between(0.18, 0.22).all()


def test_a_group_is_all_two_in_early_eras(market: Market, train: pd.DataFrame) -> None:
    sets = market.catalog("v5.3")["feature_sets"]
    late = [name for name in sets[LATE_GROUP] if name not in sets["small"]]  # type: ignore[index]
    is_middle = (train[late] == 2).all(axis=1).groupby(train["era"]).all()
    n_early = round(0.15 * market.spec.n_train_eras)
    assert is_middle.iloc[:n_early].all()
    assert not is_middle.iloc[n_early:].any()


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_no_feature_of_small_is_constant_within_an_era(size: str) -> None:
    market = Market(preset(size))
    catalog, eras = market._catalog, market._eras
    small = np.isin(catalog.features, catalog.sets["small"])
    for era in (1, 2, market.spec.n_train_eras, market.spec.n_eras):
        codes = eras.features(eras.day(era_day(era)))[small]
        assert (codes.std(axis=1) > 0).all()


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_two_rounds_in_a_row_have_files_of_different_sizes(
    size: str, tmp_path: Path
) -> None:
    market = Market(preset(size))
    first = market.spec.first_round
    sizes = []
    for number in range(first, first + 30 if size == "tiny" else first + 10):
        folder = tmp_path / str(number)
        market.write_live(folder, "v5.3", number)
        sizes.append({path.name: path.stat().st_size for path in folder.rglob("l*.*")})
    for one, next_ in pairwise(sizes):
        assert len(one) == 4
        assert all(one[name] != next_[name] for name in one)


def test_features_of_a_group_are_correlated(market: Market, eras: Eras) -> None:
    codes = eras.features(eras.day(era_day(60))).astype(float)
    groups = np.array(market._catalog.group_of)
    strength = np.abs(np.corrcoef(codes))
    np.fill_diagonal(strength, np.nan)
    inside = np.nanmean(
        [np.nanmean(strength[groups == g][:, groups == g]) for g in GROUP_SIZES]
    )
    outside = np.nanmean(strength[groups == "rain"][:, groups == "charisma"])
    assert inside > outside + 0.05


def test_targets_are_numerais(train: pd.DataFrame) -> None:
    assert train["target"].equals(train["target_ender_20"])
    assert train["target"].notna().all()
    shares = train["target"].value_counts(normalize=True).sort_index()
    assert list(shares.index) == [0, 0.25, 0.5, 0.75, 1]
    assert np.allclose(shares, [0.05, 0.2, 0.5, 0.2, 0.05], atol=0.01)


def test_auxiliary_targets_are_partly_missing_and_related(train: pd.DataFrame) -> None:
    missing = train[list(TARGETS)].isna().mean()
    assert 0 < missing["target_agnes_20"] < 0.1
    assert missing["target_waldo_20"] > 0.1
    related = train[["target", "target_cyrusd_20", "target_victor_20"]].corr()["target"]
    assert related.iloc[1:].between(0.5, 0.97).all()


def test_what_is_not_over_yet_is_missing(validation: pd.DataFrame) -> None:
    by_era = validation.groupby("era")
    unknown = by_era["target"].agg(lambda s: s.isna().all())
    unknown_60 = by_era["target_ender_60"].agg(lambda s: s.isna().all())
    assert (unknown.sum(), unknown_60.sum()) == (4, 12)
    assert unknown.iloc[-4:].all()
    assert unknown_60.iloc[-12:].all()
    kinds = by_era["data_type"].first()
    assert ((kinds == "test") == unknown).all()
    assert set(kinds) == {"test", "validation"}


def test_neighbouring_eras_share_returns(eras: Eras) -> None:
    first, next_, fourth = (eras.day(era_day(era)) for era in (30, 31, 34))

    def shared(one: object, other: object, days: int) -> float:
        returns = [eras.raw_returns(at, days) for at in (one, other)]  # type: ignore[arg-type]
        return float(np.corrcoef(returns)[0, 1])

    assert shared(first, next_, 20) == pytest.approx(15 / 20, abs=0.12)
    assert shared(first, next_, 60) == pytest.approx(55 / 60, abs=0.08)
    assert abs(shared(first, fourth, 20)) < 0.25


def test_stocks_stay_from_week_to_week(eras: Eras) -> None:
    one, next_ = (set(eras.day(era_day(era)).stocks) for era in (30, 31))
    assert len(one & next_) > 0.9 * len(one)
    assert len(one ^ next_) > 0


@pytest.mark.slow
def test_the_same_spec_is_the_same_market(folder: Path, tmp_path: Path) -> None:
    Market(preset("tiny")).write(tmp_path, ("v5.3",))
    for path in sorted((tmp_path / "v5.3").iterdir()):
        digests = {
            hashlib.sha256(p.read_bytes()).hexdigest()
            for p in (path, folder / "v5.3" / path.name)
        }
        assert len(digests) == 1, path.name


def test_an_era_needs_no_other_and_a_seed_is_a_market(market: Market) -> None:
    fresh = Market(preset("tiny"))._eras
    day = era_day(50)
    assert (
        fresh.features(fresh.day(day)) == market._eras.features(market._eras.day(day))
    ).all()
    other = Market(preset("tiny", seed=2))._eras
    assert set(other.day(day).ids).isdisjoint(fresh.day(day).ids)
    assert (
        other.features(other.day(day)) != fresh.features(fresh.day(day))
    ).mean() > 0.5


def test_others_predictions(market: Market, folder: Path) -> None:
    benchmarks = pd.read_parquet(folder / "v5.3" / "train_benchmark_models.parquet")
    assert benchmarks.index.name == "id"
    assert benchmarks["era"].iloc[0] == f"{market.benchmark_start:04d}"
    assert len(list(benchmarks)[1:]) == 8
    assert {"v53_lgbm_ender20", "v53_lgbm_ct_blend"} < set(benchmarks)
    older = pd.read_parquet(folder / "v5.1" / "train_benchmark_models.parquet")
    assert "v51_lgbm_ender20" in older
    assert (older.iloc[:, 1:].to_numpy() == benchmarks.iloc[:, 1:].to_numpy()).all()
    assert benchmarks.iloc[:, 1:].stack().between(0, 1, inclusive="neither").all()
    meta = pd.read_parquet(folder / "v5.3" / "meta_model.parquet")
    assert list(meta) == ["era", "data_type", "numerai_meta_model"]
    assert meta["era"].iloc[0] == f"{market.meta_model_start:04d}"
    examples = pd.read_csv(
        folder / "v5.3" / "validation_example_preds.csv", index_col="id"
    )
    parquet = pd.read_parquet(folder / "v5.3" / "validation_example_preds.parquet")
    pd.testing.assert_frame_equal(examples, parquet)


def test_live_files(market: Market, folder: Path) -> None:
    number = market.spec.first_round
    live = pd.read_parquet(folder / "v5.3" / "live.parquet")
    assert set(live["era"]) == {"X"}
    assert set(live["data_type"]) == {"live"}
    assert live[list(TARGETS)].isna().all(axis=None)
    assert list(live.index) == list(market.live_ids(number)) == sorted(live.index)
    assert set(live.index).isdisjoint(market.live_ids(number + 1))
    for series in (market.live_meta_model(number), market.live_benchmark(number)):
        assert list(series.index) == list(live.index)
    with pytest.raises(SetupError, match="begins with round"):
        market.write_live(folder, "v5.3", 1)


def test_truth_approaches_the_final_target(market: Market) -> None:
    number = market.spec.first_round
    final = market.truth(number, 20)
    assert sorted(final.unique()) == [0, 0.25, 0.5, 0.75, 1]
    agreement = [final.corr(market.truth(number, day)) for day in (1, 10, 19)]
    assert agreement == sorted(agreement)
    assert agreement[-1] > 0.8


def test_the_truth_of_an_era_is_its_target(eras: Eras, train: pd.DataFrame) -> None:
    at = eras.day(era_day(20))
    rows = train[train["era"] == "0020"]
    assert list(rows.index) == list(at.ids)
    assert (rows["target"].to_numpy() == eras.truth(at, n_days=20)).all()


def test_a_model_learns_and_noise_does_not(
    market: Market, train: pd.DataFrame, validation: pd.DataFrame, folder: Path
) -> None:
    """A ridge on honest splits earns CORR; on shuffled targets it earns none."""
    features = [c for c in train if c.startswith("feature_")]
    known = train[train["era"].astype(int) <= market.spec.n_train_eras - 8]
    x, y = known[features].to_numpy(float) - 2, known["target"].to_numpy() - 0.5
    held_out = validation[validation["target"].notna()]
    meta = pd.read_parquet(folder / "v5.3" / "meta_model.parquet")["numerai_meta_model"]
    # One shuffled target can point where the factors went by luck; twenty do not.
    rng = np.random.default_rng(0)
    learned = np.column_stack([y, *(rng.permutation(y) for _ in range(20))])
    gram = x.T @ x + 1e4 * np.eye(len(features))
    predictions = (held_out[features] - 2).to_numpy() @ np.linalg.solve(
        gram, x.T @ learned
    )
    frame = pd.DataFrame(predictions, index=held_out.index).add_prefix("model")
    frame["meta"] = meta
    eras = held_out["era"]
    scores = pd.DataFrame(
        {
            era: numerai_corr(rows.dropna(axis=1), held_out.loc[rows.index, "target"])
            for era, rows in frame.groupby(eras)
        }
    ).T
    noise = [f"model{number}" for number in range(1, 21)]
    assert 0.08 < scores["model0"].mean() < 0.4
    assert abs(scores[noise].mean().mean()) < 0.04
    assert 0.1 < scores["meta"].mean() < 0.4


@pytest.fixture(scope="module")
def default_market() -> tuple[Market, pd.DataFrame]:
    """The market of the demo, with all eras whose target is known."""
    market = Market(preset("small"))
    eras, tables = market._eras, []
    for number in range(1, market.spec.n_eras - 3):
        at = eras.day(era_day(number))
        table = pd.DataFrame(
            eras.features(at).T, index=at.ids, columns=market._catalog.features
        )
        table["target"] = eras.targets(at, known_days=20)[:, 0]
        table["benchmark"] = eras.forecast(at, "lgbm_ender20")
        table["weakest"] = eras.forecast(at, "lgbm_xerxes20")
        table["era"] = number
        tables.append(table)
    return market, pd.concat(tables)


def ridge(market: Market, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Return validation eras with the predictions of a ridge on training eras."""
    last = market.spec.n_train_eras
    train = table[table["era"] <= last - 8]
    x, y = train[features].to_numpy(float) - 2, train["target"].to_numpy() - 0.5
    weights = np.linalg.solve(x.T @ x + 3e3 * np.eye(len(features)), x.T @ y)
    validation = table[table["era"] > last].copy()
    validation["prediction"] = (validation[features].to_numpy(float) - 2) @ weights
    return validation


def corr_of(validation: pd.DataFrame, column: str = "prediction") -> float:
    eras = validation.groupby("era")
    return float(
        np.mean([numerai_corr(e[[column]], e["target"])[column] for _, e in eras])
    )


def test_the_set_small_is_enough_to_learn_from(
    default_market: tuple[Market, pd.DataFrame],
) -> None:
    market, table = default_market
    found = ridge(market, table, list(market._catalog.sets["small"]))
    # 36 eras of 450 rows: the standard error is about 0.013.
    assert corr_of(found) > 0.03


@pytest.mark.slow
def test_benchmarks_correlate_with_a_good_model(
    default_market: tuple[Market, pd.DataFrame],
) -> None:
    market, table = default_market
    found = ridge(market, table, list(market._catalog.features))
    for name in ("benchmark", "weakest"):
        together = [
            era["prediction"].corr(era[name], method="spearman")
            for _, era in found.groupby("era")
        ]
        assert 0.4 < np.mean(together) < 0.8
        assert 0.05 < corr_of(found, name) < 0.2
