import numpy as np
import pytest

from numerai_pipeline.core import DataError, read_json
from numerai_pipeline.models import load_user_families
from numerai_pipeline.training import Run, train

OWN = """
from numerai_pipeline.models import (
    KerasFamily, KerasParameters, load_keras, network_input, target_head,
)

def build(parameters, n_features):
    inputs, x = network_input(parameters, n_features)
    return load_keras().Model(inputs, target_head(x, parameters))

FAMILY = KerasFamily("linear", "a straight line", KerasParameters, build)
"""


@pytest.fixture
def own_job(tmp_path, make_job, edited):
    """A function that returns a job of a user's own family, with this text."""
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    job = edited(make_job("mlp"), family="linear", parameters={})

    def write(text=OWN):
        (zoo / "linear.py").write_text(text)
        load_user_families(zoo)
        return job

    yield write
    load_user_families(tmp_path / "nowhere")


CODES = np.ones((3, 8), np.float32)


def test_a_users_family_stays_with_its_run(own_job, tmp_path):
    run = train(own_job())
    assert (run.folder / "family.py").read_text() == OWN
    assert "family.py" in read_json(run.folder / "DONE")["sha256"]
    expected = run.predictor().predict(CODES)
    load_user_families(tmp_path / "nowhere")
    again = Run.open(run.folder)
    np.testing.assert_array_equal(again.predictor().predict(CODES), expected)
    assert again.best().path.is_file()
    (run.folder / "family.py").write_text(OWN + "\n")
    with pytest.raises(DataError, match=r"family\.py"):
        Run.open(run.folder).predictor()


def test_an_edited_family_is_another_run(own_job):
    first = train(own_job())
    assert train(own_job()).folder == first.folder
    second = train(own_job(OWN.replace("straight", "very straight")))
    assert second.folder != first.folder


def test_our_families_leave_no_file(trained):
    _, run = trained("mlp")
    assert not (run.folder / "family.py").exists()
