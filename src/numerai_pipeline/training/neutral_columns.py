"""Whether what predictions are neutralized to is there, asked before the training."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import ShardReader, check_benchmark

if TYPE_CHECKING:
    from numerai_pipeline.training.ensembles import EnsembleJob
    from numerai_pipeline.training.job import TrainingJob


def check_prediction(job: "TrainingJob | EnsembleJob", reader: ShardReader) -> None:
    """Check that the columns of a job's ``[prediction]`` are there.

    A live file has the features of the release that the shards were made of.

    Raises:
        ConfigError: if no benchmark file has a column.
        DataError: if the shards lack a feature, or no benchmark file is there.
    """
    neutralize = job.recipe.prediction.neutralize
    if neutralize.features:
        names = ", ".join(neutralize.features)
        known = set(reader.manifest.features)
        missing = [name for name in job.neutral_features if name not in known]
        if missing or not job.neutral_features:
            found = len(job.neutral_features) - len(missing)
            raise DataError(
                f"{reader.folder} has {found:,} of the {len(job.neutral_features):,} "
                f"features of {names}, to which [prediction] neutralizes "
                f"'{job.name}'"
                + (f"; {missing[0]} is missing" if missing else "")
                + ". Run `nai etl --feature-set all`, or name another set."
            )
    if neutralize.benchmarks:
        _check_benchmarks(neutralize.benchmarks, job.benchmarks)


def _check_benchmarks(wanted: Sequence[str], files: Sequence[Path]) -> None:
    if not files:
        raise DataError(
            f"[prediction] neutralizes to the benchmark {wanted[0]}, but no file of "
            "benchmark predictions is there. Run `nai download --benchmarks`."
        )
    for name in wanted:
        try:
            check_benchmark(files, name)
        except ConfigError as error:
            raise ConfigError(f"[prediction] cannot neutralize: {error}") from error
