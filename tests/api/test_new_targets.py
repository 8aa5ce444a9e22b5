"""`nai new` checks a target before it writes a model."""

import shutil

import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.core import ConfigError, Settings, commented_toml
from numerai_pipeline.models import load_recipe


@pytest.fixture
def project(world, tmp_path):
    """A workspace with the world's release."""
    (tmp_path / "numerai.toml").write_text(commented_toml(Settings()))
    opened = Project(tmp_path)
    shutil.copytree(world.data, opened.data_dir)
    return opened


def test_a_target_is_written_in_its_one_spelling(project):
    project.new(
        "lightgbm",
        feature_set="small",
        target=" mean of target,target_victor_20  neutral to features small",
        also_targets=["target neutral to benchmark  v53_lgbm_victor60 at 0.50"],
    )
    recipe = load_recipe(project.workspace.recipe_path("lightgbm"))
    assert recipe.target == (
        "mean of target, target_victor_20 neutral to features small"
    )
    assert recipe.parameters["also_targets"] == [
        "target neutral to benchmark v53_lgbm_victor60 at 0.5"
    ]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("mean of target, target_victr_20", "Did you mean 'target_victor_20'"),
        ("target neutral to features smal", "Did you mean 'small'"),
        (
            "target neutral to benchmark v53_lgbm_ender",
            "Did you mean 'v53_lgbm_ender20",
        ),
        ("target neutral to nothing", "cannot be read: nothing can be neutral to"),
    ],
)
def test_what_there_is_not_is_refused(project, target, why):
    for given in ({"target": target}, {"also_targets": [target]}):
        with pytest.raises(ConfigError, match=why):
            project.new("lightgbm", feature_set="small", **given)
    assert not project.workspace.model_dir("lightgbm").exists()


def test_a_benchmark_is_not_checked_before_it_is_downloaded(project):
    for path in project.data_dir.glob("*benchmark*"):
        path.unlink()
    project.new(
        "lightgbm", feature_set="small", target="target neutral to benchmark later"
    )
