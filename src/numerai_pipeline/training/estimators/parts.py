"""The rows of a part of a fold, as an estimator reads them; see ``PartRows``."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, columns, show_bytes
from numerai_pipeline.data import PackedRows, Part
from numerai_pipeline.models import Batch, Dtype, EstimatorTraining
from numerai_pipeline.training.labels import Labels, balancing_weights
from numerai_pipeline.training.resources import allowed_bytes
from numerai_pipeline.training.task import Task

# Packed rows stay in memory up to this share of what is allowed; the rest is for the
# batches and for the estimator.
_PACKED_SHARE = 0.5


class TaskRows:
    """The rows of one part of a task's fold; see ``PartRows``.

    Args:
        task: the training.
        part: which rows.
        name: of the part, for progress.
        labels: their targets and eras.
        errors: receives what ``batches`` raises, which the estimator might catch.
    """

    def __init__(
        self,
        task: Task,
        part: Part,
        name: str,
        labels: Labels,
        errors: list[BaseException],
    ) -> None:
        self._task = task
        self._part = part
        self._name = name
        self._labels = labels
        self._errors = errors

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self._labels.values)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return self._task.plan.features

    @cached_property
    def y(self) -> npt.NDArray[np.float32]:
        """``(rows,)`` float32, the target, read-only."""
        return _read_only(self._labels.values)

    @cached_property
    def eras(self) -> npt.NDArray[np.int16]:
        """``(rows,)`` int16, ascending, read-only."""
        return _read_only(self._labels.eras)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32] | None:
        """``(rows,)`` float32, read-only; None unless ``era_weights = "eras"``."""
        training = cast(EstimatorTraining, self._task.training)
        if training.era_weights == "rows":
            return None
        return _read_only(balancing_weights(self._labels.eras))

    def batches(
        self, batch_rows: int, *, epoch: int | None = None, dtype: Dtype = "float32"
    ) -> Iterator[Batch]:
        """Give all rows once, in bounded memory; see ``PartRows``."""
        self._check_dtype(dtype)
        self._check_numbers(batch_rows, epoch)
        cutting: Any = {
            "batch_rows": batch_rows,
            "shuffle_seed": None if epoch is None else self._seed,
            "epoch": epoch or 0,
        }
        places = self._packed.cuts(**cutting)
        found = self._packed.batches(missing=self._missing, dtype=dtype, **cutting)
        title = f"{self._name} {self._task.plan.job.name}"
        try:
            with self._task.progress.task(title, self.n_rows, "rows") as advance:
                for rows, (x, y) in zip(places, found, strict=True):
                    weights = None if self.weights is None else self.weights[rows]
                    yield Batch(x, y, self.eras[rows], weights)
                    advance(len(rows))
        except GeneratorExit:  # the estimator wants no more
            raise
        except BaseException as error:
            self._errors.append(error)
            raise

    def read(self, dtype: Dtype = "float32") -> Batch:
        """Return all rows at once, in the order of ``y``; see ``PartRows``."""
        self._check_dtype(dtype)
        self._check_memory(dtype)
        x = np.empty((self.n_rows, len(self.features)), dtype)
        end = 0
        title = f"reading {self._name} rows of {self._task.plan.job.name}"
        with self._task.progress.task(title, self.n_rows, "rows") as advance:
            for block in self._task.plan.reader.blocks(
                self._part.split,
                eras=self._part.eras,
                features=self.features,
                targets=(self._target,),
            ):
                codes = block.x[~np.isnan(block.y[:, 0])]
                start, end = end, end + len(codes)
                x[start:end] = codes
                np.copyto(
                    x[start:end], self._missing, "unsafe", codes == columns.MISSING_CODE
                )
                advance(len(codes))
        weights = None if self.weights is None else self.weights.copy()
        return Batch(x, self.y.copy(), self.eras.copy(), weights)

    @cached_property
    def _packed(self) -> PackedRows:
        reader = self._task.plan.reader
        n_bytes = self.n_rows * len(self.features) // 3
        with self._task.progress.task(
            f"reading {self._name} rows of {self._task.plan.job.name}", None, "rows"
        ):
            return reader.load(
                self._part.split,
                features=self.features,
                target=self._target,
                eras=self._part.eras,
                memory_map=n_bytes > _PACKED_SHARE * self._allowed,
            )

    @property
    def _target(self) -> str:
        return self._task.model.targets[0]

    @property
    def _seed(self) -> int:
        return self._task.seed

    @property
    def _missing(self) -> float:
        return self._task.plan.checked.recipe.missing

    @property
    def _allowed(self) -> int:
        return allowed_bytes(self._task.plan.job.max_ram_bytes)

    def _check_numbers(self, batch_rows: object, epoch: object) -> None:
        for name, value, least in (
            ("batch_rows", batch_rows, 1),
            ("epoch", 0 if epoch is None else epoch, 0),
        ):
            if not isinstance(value, int | np.integer) or value < least:
                raise ConfigError(
                    f"'{self._task.plan.job.name}': batches with {name} = {value!r}. "
                    f"Give a whole number, at least {least}."
                )

    def _check_dtype(self, dtype: Dtype) -> None:
        if dtype not in get_args(Dtype):
            raise ConfigError(
                f"'{self._task.plan.job.name}' reads {dtype}. Read float32 or int8."
            )
        missing = self._missing
        if dtype == "int8" and not (missing.is_integer() and -128 <= missing < 128):
            raise ConfigError(
                f"'{self._task.plan.job.name}' reads int8, which cannot hold missing = "
                f"{missing}. Write a whole number into model.toml, such as missing = "
                "2.0, or read float32."
            )

    def _check_memory(self, dtype: Dtype) -> None:
        needed = self.n_rows * (len(self.features) * np.dtype(dtype).itemsize + 10)
        if needed > self._allowed:
            raise ConfigError(
                f"'{self._task.plan.job.name}': all {self.n_rows:,} {self._name} rows "
                f"of {len(self.features):,} features need {show_bytes(needed)} as "
                f"{dtype}, but {show_bytes(self._allowed)} are allowed. Raise "
                "--max-ram, read int8, learn block by block, or choose fewer eras "
                "('eras' in model.toml) or a smaller feature_set."
            )


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written to."""
    view = values.view()
    view.flags.writeable = False
    return view
