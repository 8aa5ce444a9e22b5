"""A trained model is neutralized, swept, promoted and predicts, without a training."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.api import Project

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]

STEP = (
    'prediction.neutralize={features="small", benchmarks="v53_lgbm_ender20", '
    "proportion=0.5}"
)
WORDS = "neutralized to small + v53_lgbm_ender20, proportion 0.5"


@pytest.fixture
def production(project: Project, nai: Nai) -> Iterator[str]:
    """Name the production run of lightgbm, the latest again afterwards."""
    name = (project.workspace.model_dir("lightgbm") / "PRODUCTION").read_text().strip()
    yield name
    nai("train", "lightgbm")
    nai("promote", "lightgbm", name)


def test_from_train_to_predict(nai: Nai, production: str) -> None:
    plain = nai("predict", "lightgbm", "--json")[0]
    before = Path(plain["path"]).read_bytes()
    [trained] = nai("train", "lightgbm", "--set", STEP, "--json")
    assert (
        f'taken_from = "{production}"'
        in (Path(trained["run"]) / "config.toml").read_text()
    )
    sweep = nai("score", "lightgbm", "--on", "validation", "--sweep")
    assert f"lightgbm: {WORDS}, era by era" in sweep
    assert "before its own [prediction]" in sweep
    assert "makes them validation eras" not in sweep
    scored = nai("score", "lightgbm", "--sweep", "--json")["lightgbm"]
    assert scored["neutralized"] == WORDS
    assert [row["proportion"] for row in scored["sweep"]["rows"]] == [
        *(0, 0.25, 0.5, 0.75, 1)
    ]
    assert Path(scored["sweep"]["plot"]).read_bytes().startswith(b"\x89PNG")
    compared = nai("compare", "lightgbm", f"lightgbm@{production}")
    assert f"lightgbm: {WORDS}, era by era" in compared
    entries = nai("runs", "lightgbm", "--filter", "prediction~small", "--json")
    assert [Path(trained["run"]).name] == [one["id"] for one in entries]
    assert nai("promote", "lightgbm", "--json")["before"]["id"] == production
    [predicted] = nai("predict", "lightgbm", "--json")
    assert Path(predicted["path"]).read_bytes() != before
    assert Path(predicted["path"]).with_name("live_benchmark_models.parquet").is_file()
    assert nai("predict", "lightgbm", "--json")[0]["was_current"]


def test_a_sweep_takes_features(nai: Nai) -> None:
    error = nai("score", "lightgbm", "--sweep", "--fnc", "none", code=2)[1]
    assert "--sweep neutralizes to the features of FNC" in error


def test_a_wrong_table_is_refused(nai: Nai) -> None:
    for step, sentence in (
        ('{features="smal", proportion=0.5}', "Did you mean 'small'?"),
        ('{features="small", proportion=2}', "less than or equal to 1"),
        ("{proportion=0.5}", "it names neither features nor benchmarks"),
        ('{benchmarks="v53_lgbm_ende20"}', "Did you mean 'v53_lgbm_ender20'?"),
        ('{benchmarks="era"}', "there is no benchmark model 'era'"),
    ):
        words = ("train", "lightgbm", "--set", f"prediction.neutralize={step}")
        assert sentence in nai(*words, code=2)[1]
