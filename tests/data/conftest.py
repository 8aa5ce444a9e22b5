"""Small releases as Parquet files, made here and nowhere else."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TARGETS = ("target", "target_ender_20", "target_victor_60")
TARGET_VALUES = np.array([0, 0.25, 0.5, 0.75, 1], np.float32)


@dataclass(frozen=True)
class Rows:
    """The rows of a file: codes ``(rows, F)`` 0..5, targets ``(rows, T)`` or NaN."""

    eras: npt.NDArray[np.int16]
    ids: npt.NDArray[np.bytes_]
    codes: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]

    @property
    def features(self) -> tuple[str, ...]:
        return feature_names(self.codes.shape[1])


def feature_names(count: int) -> tuple[str, ...]:
    return tuple(f"feature_{number:04d}" for number in range(count))


def make_rows(
    rows_per_era: dict[int, int],
    *,
    n_features: int = 7,
    n_targets: int = len(TARGETS),
    missing: float = 0.1,
    seed: int = 1,
) -> Rows:
    """Draw rows: ``missing`` is the share of features and auxiliary targets."""
    rng = np.random.default_rng(seed)
    eras = np.repeat(list(rows_per_era), list(rows_per_era.values())).astype(np.int16)
    n_rows = len(eras)
    codes = rng.integers(0, 5, (n_rows, n_features), np.uint8)
    codes[rng.random(codes.shape) < missing] = 5
    targets = rng.choice(TARGET_VALUES, (n_rows, n_targets))
    targets[:, 1:][rng.random((n_rows, n_targets - 1)) < missing] = np.nan
    first = 1_000_000 * seed
    ids = np.array([b"n%015x" % number for number in range(first, first + n_rows)])
    return Rows(eras, ids.astype("S16"), codes, targets)


def write_rows(
    path: Path,
    rows: Rows,
    *,
    feature_type: str = "int8",
    scale: float = 1.0,
    rows_per_group: int | None = None,
    id_is_index: bool = False,
    changed: Mapping[str, Any] | None = None,
) -> None:
    """Write rows as Numerai does; ``changed`` replaces columns, None drops one."""
    kind = pa.type_for_alias(feature_type)
    columns: dict[str, Any] = {
        "era": [f"{era:04d}" if era else "X" for era in rows.eras],
        "data_type": ["train"] * len(rows.eras),
    }
    for column, name in enumerate(rows.features):
        codes = rows.codes[:, column]
        values = codes * scale if pa.types.is_floating(kind) else codes
        columns[name] = pa.array(values, mask=codes == 5).cast(kind)
    for column, name in enumerate(TARGETS[: rows.targets.shape[1]]):
        columns[name] = pa.array(rows.targets[:, column])
    columns["id"] = [name.decode() for name in rows.ids]
    columns.update(changed or {})
    table = pa.table({name: kept for name, kept in columns.items() if kept is not None})
    if id_is_index:
        table = pa.Table.from_pandas(table.to_pandas().set_index("id"))
    pq.write_table(table, path, row_group_size=rows_per_group)


def write_catalog(
    folder: Path, features: Sequence[str], targets: Sequence[str] = TARGETS
) -> None:
    sets = {"small": list(features[:2]), "all": list(features)}
    content = {"feature_sets": sets, "targets": list(targets)}
    (folder / "features.json").write_text(json.dumps(content))


@pytest.fixture(name="make_rows")
def _make_rows() -> Callable[..., Rows]:
    return make_rows


@pytest.fixture(name="write_rows")
def _write_rows() -> Callable[..., None]:
    return write_rows


@pytest.fixture(name="write_catalog")
def _write_catalog() -> Callable[..., None]:
    return write_catalog


@dataclass(frozen=True)
class Release:
    """A folder with features.json, train.parquet and validation.parquet."""

    folder: Path
    train: Rows
    validation: Rows


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Eras 1-30 to train on, 31-40 to validate on; the last two are not resolved."""
    train = make_rows({era: 5 + era % 3 for era in range(1, 31)}, seed=1)
    validation = make_rows(dict.fromkeys(range(31, 41), 6), seed=2)
    validation.targets[validation.eras > 38] = np.nan
    folder = tmp_path / "v5.3"
    folder.mkdir()
    write_catalog(folder, train.features)
    write_rows(folder / "train.parquet", train, rows_per_group=50)
    write_rows(folder / "validation.parquet", validation)
    return Release(folder, train, validation)
