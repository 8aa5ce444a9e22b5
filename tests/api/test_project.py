"""The whole job by calls, on a simulated tournament."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import numerai_pipeline as nai
from numerai_pipeline.api import Project, Simulation
from numerai_pipeline.core import ConfigError, DataError

pytestmark = pytest.mark.slow

MODELS = ["small", "trees"]


@pytest.fixture(scope="module")
def tournament(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Callable[[Path], Path]
) -> Iterator[Simulation]:
    folder = tiny_market(tmp_path_factory.mktemp("tournament") / "simulator")
    models = ("sim_small", "sim_trees")
    with nai.simulate(folder, size="tiny", models=models, port=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, tournament: Simulation
) -> Project:
    opened = nai.open(tmp_path_factory.mktemp("workspace"))
    models = {name: f"sim_{name}" for name in MODELS}
    written = opened.init(simulation=tournament, models=models)
    assert Path(written) == opened.workspace.settings_path
    return opened


def test_init_writes_once(project: Project) -> None:
    with pytest.raises(ConfigError, match="exists"):
        project.init()
    with pytest.raises(ConfigError, match="exists"):
        nai.init(workspace=project.workspace.root)


def test_from_nothing_to_untrained_models(project: Project) -> None:
    files = project.download().table
    assert files.loc["v5.3/train.parquet", "rows"] > 1000
    assert list(project.download(live=True).table.index) == ["live.parquet"]
    splits = project.etl().table
    assert list(splits.index) == ["train", "valid", "purged"]
    assert (splits["last_era"] > splits["first_era"]).all()
    found = project.inspect(project.shards_dir)
    assert found.values["features"]
    assert "splits" in found.tables
    assert "splits" in found._repr_html_()
    assert "splits" in repr(found)
    project.new("mlp", "small", units=[8], training={"epochs": 2})
    project.new("lightgbm", "trees", n_estimators=20)
    assert {"small", "trees", "mlp"} <= set(project.zoo().table.index)
    with pytest.raises(ConfigError, match="no key 'unit'"):
        project.new("mlp", "other", unit=[8])


def test_a_training_is_a_history_and_a_figure(project: Project) -> None:
    with pytest.raises(DataError, match="Run `nai train small` first"):
        project.best("small")
    trained = project.train("small")
    assert list(trained.history.index) == [1, 2]
    assert trained.history["val_loss"].idxmin() == trained.best.epoch
    assert trained.figure._repr_png_().startswith(b"\x89PNG")
    assert repr(trained["small"]).startswith("Training(small: best at ")
    [other] = project.train("small", epochs=1, parameters={"seed": 2})
    assert list(other.history.index) == [1]
    assert other.run.recipe.seed == 2
    both = project.train(MODELS)
    assert [one.name for one in both] == list(both.table.index) == MODELS
    assert "tree" in both["trees"].figure.axes[-1].get_xlabel()
    with pytest.raises(ConfigError, match="these are 2 trainings: small, trees"):
        _ = both.history
    assert project.best("small") == trained.best
    assert project.zoo().table.loc["small", "best_epoch"] == trained.best.epoch


def test_scores_are_frames(project: Project) -> None:
    scored = project.score(MODELS)
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
        "v53_lgbm_ender20",
    ]
    assert "trees" in scored._repr_html_()
    one = project.score("trees")
    # Cumulative CORR, once more since the meta model starts, drawdown, CORR and MMC.
    assert len(one.figure.axes) == 5


def test_a_round_is_predicted_submitted_and_scored(
    project: Project, tournament: Simulation
) -> None:
    predicted = project.predict(MODELS)
    frame = predicted.predictions
    assert ((frame > 0) & (frame < 1)).all(axis=None)
    assert list(frame.columns) == list(predicted.table.index) == MODELS
    number = predicted["trees"].round_number
    receipts = project.submit().table
    assert not receipts["was_already_submitted"].any()
    assert project.submit("trees").table["was_already_submitted"].all()
    before = tournament.now
    assert tournament.move_to("resolved") > before
    status = project.status()
    assert isinstance(status.ledger, pd.DataFrame)
    corr = status.latest.loc[("trees", number, "canon_corr")]
    assert corr["is_resolved"].all()
    assert "canon_corr" in repr(status)
    assert "canon_corr" in status._repr_html_()


def test_the_clock_takes_no_other_words(tournament: Simulation) -> None:
    with pytest.raises(ConfigError, match="cannot be moved to 'tomorrow'"):
        tournament.move_to("tomorrow")  # type: ignore[arg-type]


def test_a_taken_port_is_named(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="TensorBoard does not start on"):
            project.tensorboard("small", host="127.0.0.1", port=port)
