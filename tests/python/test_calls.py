"""The whole job by calls, on a simulated tournament."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import numerai_pipeline as nai
from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.python import Simulation

pytestmark = pytest.mark.slow

MODELS = ["small", "trees"]


@pytest.fixture(scope="module")
def tournament(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    folder = tmp_path_factory.mktemp("simulator")
    with nai.simulate(folder, size="tiny", models=("sim_small", "sim_trees")) as opened:
        yield opened


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tournament: Simulation) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    nai.init(
        folder, simulation=tournament, models={name: f"sim_{name}" for name in MODELS}
    )
    return folder


def test_init_writes_once(root: Path) -> None:
    with pytest.raises(ConfigError, match="exists"):
        nai.init(root)


def test_from_nothing_to_untrained_models(root: Path) -> None:
    files = nai.download(workspace=root)
    assert files.loc["v5.3/train.parquet", "rows"] > 1000
    live = nai.download(live=True, workspace=root)
    assert list(live.index) == ["live.parquet"]
    splits = nai.etl(workspace=root)
    assert list(splits.index) == ["train", "valid"]
    assert (splits["last_era"] > splits["first_era"]).all()
    found = nai.inspect(root / "shards" / "main")
    assert found.values["features"]
    assert "splits" in found.tables
    assert "splits" in found._repr_html_()
    assert "splits" in repr(found)
    nai.new("mlp", "small", units=[8], training={"epochs": 2}, workspace=root)
    nai.new("lightgbm", "trees", n_estimators=20, workspace=root)
    assert {"small", "trees", "mlp"} <= set(nai.zoo(root).index)
    with pytest.raises(ConfigError, match="no key 'unit'"):
        nai.new("mlp", "other", unit=[8], workspace=root)


def test_a_training_is_a_history_and_a_figure(root: Path) -> None:
    with pytest.raises(DataError, match="Run `nai train small` first"):
        nai.best("small", workspace=root)
    trained = nai.train("small", workspace=root)
    assert list(trained.history.index) == [1, 2]
    assert trained.history["val_loss"].idxmin() == trained.best.epoch
    assert trained.figure._repr_png_().startswith(b"\x89PNG")
    assert repr(trained).startswith("Trained(small: best at ")
    other = nai.train("small", epochs=1, seed=2, workspace=root)
    assert list(other.history.index) == [1]
    assert other.run.recipe.seed == 2
    both = nai.train(MODELS, workspace=root)
    assert [one.name for one in both] == MODELS
    assert "tree" in both[1].figure.axes[-1].get_xlabel()
    assert nai.best("small", workspace=root) == trained.best
    assert nai.zoo(root).loc["small", "best_epoch"] == trained.best.epoch


def test_scores_are_frames(root: Path) -> None:
    scored = nai.score(MODELS, workspace=root)
    assert scored.table.loc[("trees", "CORR"), "mean"] > 0
    per_era = scored.per_era[("trees", "CORR")]
    mean = scored.table.loc[("trees", "CORR"), "mean"]
    assert per_era.mean() == pytest.approx(mean)
    assert list(scored.predictions.columns) == MODELS
    assert scored.predictions.index.names == ["era", "id"]
    assert scored.predictions.notna().all(axis=None)
    drawn = scored.figure.axes[0].get_legend().get_texts()
    assert [text.get_text().split(":")[0] for text in drawn] == [
        *MODELS,
        "numerai_meta_model",
    ]
    assert "trees" in scored._repr_html_()
    one = nai.score("trees", workspace=root)
    assert len(one.figure.axes) == 3


def test_a_round_is_predicted_submitted_and_scored(
    root: Path, tournament: Simulation
) -> None:
    predictions = nai.predict(MODELS, workspace=root)
    assert ((predictions > 0) & (predictions < 1)).all(axis=None)
    assert list(predictions.columns) == MODELS
    number = predictions.attrs["round"]
    receipts = nai.submit(workspace=root)
    assert not receipts["was_already_submitted"].any()
    assert nai.submit("trees", workspace=root)["was_already_submitted"].all()
    assert "no scores" not in nai.status(workspace=root)._repr_html_()
    before = tournament.now
    assert tournament.move_to("resolved") > before
    standing = nai.status(workspace=root)
    assert isinstance(standing.ledger, pd.DataFrame)
    corr = standing.latest.loc[("trees", number, "canon_corr")]
    assert corr["is_resolved"].all()
    assert "canon_corr" in repr(standing)


def test_the_clock_takes_no_other_words(tournament: Simulation) -> None:
    with pytest.raises(ConfigError, match="cannot be moved to 'tomorrow'"):
        tournament.move_to("tomorrow")  # type: ignore[arg-type]


def test_a_taken_port_is_said(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="TensorBoard does not start on"):
            nai.tensorboard("small", host="127.0.0.1", port=port, workspace=root)
