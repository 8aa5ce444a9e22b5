"""What CatBoost is told of a job: parameters, labels, where to begin."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.training.trees.library import TreeJob, TreeRows, Values

# What CatBoost is always told beside the recipe's own parameters.
_SILENT = {"allow_writing_files": False, "verbose": False}

_COUNT_GPUS = "from catboost.utils import get_gpu_device_count as n; print(n())"


def told_parameters(job: TreeJob) -> dict[str, Any]:
    """Return what CatBoost is called with; features are named by their places.

    Raises:
        ConfigError: if a constraint names an unknown feature, or a GPU cannot do it.
    """
    parameters = {**job.parameters(), **_SILENT}
    monotone = job.monotone()
    if monotone:
        parameters["monotone_constraints"] = monotone
    # A baseline is where it begins; it warns of what cannot go together with one.
    parameters["boost_from_average"] = False
    # Targets that are all the same are told of by the look at the held-out eras.
    parameters["allow_const_label"] = True
    if job.device == "cpu":
        return {**parameters, "model_shrink_rate": 0.0}
    if float(parameters.pop("rsm", 1.0)) < 1 or monotone:
        raise ConfigError(
            "on a GPU, CatBoost can neither choose from a share of the features nor "
            "keep monotone constraints. Set colsample_bytree = 1.0 and no monotone in "
            'model.toml [parameters], or device = "cpu" in [training].'
        )
    return {**parameters, "task_type": "GPU"}


def label_of(rows: TreeRows, job: TreeJob) -> npt.NDArray[Any]:
    """Return ``(rows,)`` float32 targets, or int64 classes in 0..4."""
    labels = job.labels(rows)
    return labels.astype(np.int64) if job.is_classification else labels


def start_of(label: npt.NDArray[Any], job: TreeJob) -> Values:
    """Return the best prediction without a feature: mean, or logarithms of shares.

    Raises:
        DataError: if one of the five classes has no row.
    """
    if not job.is_classification:
        return np.asarray(label.mean(dtype=np.float64))
    counts = np.bincount(label, minlength=len(CLASS_VALUES))
    if not counts.all():
        absent = CLASS_VALUES[int(np.argmin(counts))]
        raise DataError(
            f"no training row has {absent} as '{job.train.target}', but CatBoost's "
            "classification needs rows of all five classes. Choose more eras, or set "
            'objective = "regression" in model.toml [parameters].'
        )
    shares: Values = np.log(counts / len(label))
    return shares


def has_gpu() -> bool:
    """Ask in another process: in this one CatBoost prints, and breaks for good."""
    asked = subprocess.run(  # noqa: S603 - it runs what stands above
        [sys.executable, "-c", _COUNT_GPUS], capture_output=True, text=True, check=False
    )
    answer = asked.stdout.strip()
    return asked.returncode == 0 and answer.isdigit() and int(answer) > 0


def refused(error: Exception) -> ConfigError:
    """Return what to tell of an error of CatBoost while it grows."""
    # Before the reason stands the line of CatBoost's source.
    reason = re.sub(r"^\S+:\d+: ", "", str(error).splitlines()[0]).rstrip(".")
    return ConfigError(
        f"CatBoost refuses the parameters ({reason}). Correct [parameters] in "
        "model.toml."
    )
