from pathlib import Path

import pytest

from numerai_pipeline.core import ConfigError, Workspace


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/etc", "a/b", "a\\b", ".hidden", "-x", "ü", "x" * 65]
)
def test_a_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        Workspace(Path("w")).model_dir(name)


@pytest.mark.parametrize("name", ["mlp", "my-mlp_2", "lgbm.v5.3"])
def test_usual_names_are_taken(name: str) -> None:
    assert Workspace(Path("w")).runs_dir(name) == Path("w/models") / name / "runs"
