"""LightGBM on a system without libgomp, which has a copy in another package."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models.trees.openmp import load_openmp

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only the Linux wheel of LightGBM lacks OpenMP"
)

# A name of the length of libgomp.so.1 that no system has.
ABSENT = "libgnone.so.1"


def test_a_copy_in_another_package_is_loaded_under_the_name_asked_for() -> None:
    with pytest.raises(OSError, match=ABSENT):
        ctypes.CDLL(ABSENT)
    load_openmp(ABSENT)
    assert ctypes.CDLL(ABSENT).omp_get_max_threads() >= 1


def test_where_there_is_no_copy_the_remedy_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "xgboost.libs"
    broken.mkdir()
    (broken / "libgomp-0123abcd.so.1.0.0").write_bytes(b"not a library")
    with pytest.raises(ConfigError, match="sudo apt install libgomp1"):
        load_openmp("libgnone.so.2", packages=[str(tmp_path)])


TRAINING = """
import numpy as np
from numerai_pipeline.models.trees import load_lightgbm

lightgbm = load_lightgbm()
codes = np.random.default_rng(1).integers(0, 5, (400, 3)).astype("float32")
data = lightgbm.Dataset(codes, label=codes[:, 0])
trees = lightgbm.train({"verbosity": -1}, data, num_boost_round=2)
print(trees.num_trees())
"""


@pytest.mark.slow
def test_lightgbm_trains_where_the_system_has_no_openmp(tmp_path: Path) -> None:
    # The loader stops at a file of that name that is not a library.
    (tmp_path / "libgomp.so.1").write_bytes(b"not a library")
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env=environ, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)
