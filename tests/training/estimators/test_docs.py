"""The estimators of docs/zoo.md, resumed and loaded again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_estimator import make_job

from numerai_pipeline.training import train

PAGE = (Path(__file__).parents[3] / "docs" / "zoo.md").read_text(encoding="utf-8")


def shown(block):
    marked = PAGE.split(f"<!-- tested: {block} -->\n```python\n")[1]
    return marked.split("```")[0]


def job_of(folder, shards, block, family, **options):
    job = make_job(folder, shards, shown(block), options=options)
    return replace(job, recipe=job.recipe.model_copy(update={"family": family}))


def test_scikit_learn(tmp_path, shards):
    job = job_of(tmp_path, shards, "sklearn estimator", "components", components=8)
    assert train(job).history()[-1].val_corr > 0.5


@pytest.mark.parametrize(
    ("library", "options"),
    [
        ("numpy", {"steps": 3, "rate": 0.01}),
        ("torch", {"epochs": 3, "rate": 0.01}),
    ],
)
def test_numpy_and_pytorch_resume(tmp_path, shards, killed_at, library, options):
    pytest.importorskip(library)
    family = {"numpy": "descent", "torch": "torch"}[library]
    block = f"{library} estimator"
    whole = train(job_of(tmp_path / "whole", shards, block, family, **options))
    job = job_of(tmp_path, shards, block, family, **options)
    killing, killed = killed_at(at_note="epoch 2")
    with pytest.raises(killed):
        train(job, progress=killing)
    run = train(job)
    x = np.random.default_rng(1).integers(0, 5, (50, 8)).astype(np.float32)
    np.testing.assert_array_equal(
        run.predictor().predict(x.copy()), whole.predictor().predict(x)
    )
    assert len(run.history()) == 3
    assert run.history()[-1].val_corr > 0.5
