"""`nai train` with options over the recipe."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted_market import write_market

from numerai_pipeline.cli import run
from numerai_pipeline.core import Settings, commented_toml, read_toml

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model that was never trained."""
    root = tmp_path_factory.mktemp("untrained")
    (root / "numerai.toml").write_text(commented_toml(Settings()))
    write_market(root / "data" / "v5.3", n_eras=20, rows_per_era=40)
    small = ("--set", "units=[4]", "--set", "training.epochs=1")
    for words in (("etl",), ("new", "mlp", *small)):
        assert run(["-w", str(root), "-q", *words]) == 0
    return root


@pytest.fixture
def nai(untrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Nai:
    shutil.copytree(untrained, tmp_path, dirs_exist_ok=True)
    capsys.readouterr()

    def call(*words: str, code: int = 0) -> Any:
        assert run(["--workspace", str(tmp_path), "--quiet", *words]) == code
        printed = capsys.readouterr()
        if code:
            return printed.err
        return json.loads(printed.out) if "--json" in words else printed.out

    return call


def test_options_over_the_recipe_make_a_run_of_their_own(
    nai: Nai, tmp_path: Path
) -> None:
    recipe = (tmp_path / "models" / "mlp" / "model.toml").read_bytes()
    (plain,) = nai("train", "mlp", "--json")
    options = (
        "--epochs 2 --batch 64 --lr 0.02 --loss mae --optimizer sgd --seed 5 "
        "--monitor val_corr --patience 7 --set dropout=0.25 --set training.clip_norm=2"
    ).split()
    (other,) = nai("train", "mlp", *options, "--json")
    assert other["run"] != plain["run"]
    assert other["monitor"] == "val_corr"
    assert (tmp_path / "models" / "mlp" / "model.toml").read_bytes() == recipe
    # Asked for again, it is the same run.
    assert nai("train", "mlp", *options, "--json") == [other]

    before = read_toml(Path(plain["run"]) / "config.toml")["recipe"]
    after = read_toml(Path(other["run"]) / "config.toml")["recipe"]
    assert after["seed"] == 5
    assert after["parameters"] == {**before["parameters"], "dropout": 0.25}
    assert after["training"] == {
        **before["training"],
        "epochs": 2,
        "batch_rows": 64,
        "learning_rate": 0.02,
        "loss": "mae",
        "optimizer": "sgd",
        "monitor": "val_corr",
        "patience": 7,
        "clip_norm": 2.0,
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--loss", "rmse"], "model.toml [training]: 'loss' is 'rmse', but input shou"),
        (["--set", "training.epoch=3"], "has no key 'epoch'. Did you mean 'epochs'?"),
        (["--set", "unit=[3]"], "has no key 'unit'. Did you mean 'units'?"),
        (["--set", "units"], "--set 'units' is not KEY=VALUE."),
        (["--set", "seed=x"], "model.toml: 'seed' is 'x', but input should be a valid"),
    ],
    ids=lambda given: given[-1] if isinstance(given, list) else "",
)
def test_a_wrong_option_is_refused_before_anything_is_trained(
    nai: Nai, tmp_path: Path, options: list[str], sentence: str
) -> None:
    nai("new", "mlp", "other")
    assert sentence in nai("train", "other", "mlp", *options, code=2)
    assert not list(tmp_path.glob("models/*/runs/*"))


def test_trees_have_no_epochs(nai: Nai) -> None:
    nai("new", "lightgbm")
    told = nai("train", "mlp", "lightgbm", "--epochs", "3", code=2)
    assert "model.toml [training] has no key 'epochs'." in told
