from functools import partial

import pytest
from own_estimator import make_job


@pytest.fixture
def own_job(tmp_path, shards):
    """A function that returns the job of a family of one's own, or of `sklearn`."""
    return partial(make_job, tmp_path, shards)
