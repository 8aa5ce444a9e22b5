"""A small release whose targets can be learned, and can be known to have been."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

FEATURES = [f"feature_{name}" for name in "abcdefgh"]
SETS = {"all": FEATURES, "medium": FEATURES, "small": FEATURES[2:6][::-1]}
TARGETS = ["target", "target_ender_20", "target_victor_20"]


def write_market(
    folder: Path,
    *,
    n_eras: int = 30,
    rows_per_era: int = 100,
    is_shuffled: bool = False,
    is_resolved: bool = True,
    seed: int = 1,
) -> None:
    """Write a release; the first three fifths of its eras are for training.

    `target` follows the first three features, `target_victor_20` the last three. A
    tenth of both is missing, and a few features are.

    Args:
        folder: is made.
        n_eras: of train.parquet and validation.parquet together.
        rows_per_era: the same in each.
        is_shuffled: nothing can be learned.
        is_resolved: if not, all of `target_victor_20` is missing in validation.parquet.
        seed: of all that is random.
    """
    random = np.random.default_rng(seed)
    rows = n_eras * rows_per_era
    codes = random.integers(0, 5, (rows, len(FEATURES)))
    columns = {}
    for target, followed in (("target", slice(3)), ("target_victor_20", slice(5, 8))):
        signal = (codes[:, followed] - 2).sum(axis=1) + random.normal(0, 2.5, rows)
        cuts = np.quantile(signal, [0.05, 0.25, 0.75, 0.95])
        values = np.digitize(signal, cuts) / 4
        if is_shuffled:
            random.shuffle(values)
        values[random.random(rows) < 0.1] = np.nan
        columns[target] = values.astype(np.float32)
    frame = pd.DataFrame(codes, columns=FEATURES).astype("Int8")
    frame = frame.mask(random.random(frame.shape) < 0.02)
    frame["target"] = columns["target"]
    frame["target_ender_20"] = columns["target"]
    frame["target_victor_20"] = columns["target_victor_20"]
    eras = np.repeat(np.arange(1, n_eras + 1), rows_per_era)
    is_train = eras <= n_eras * 3 // 5
    if not is_resolved:
        frame.loc[~is_train, "target_victor_20"] = np.nan
    frame.insert(0, "era", [f"{era:04d}" for era in eras])
    frame.insert(1, "data_type", np.where(is_train, "train", "validation"))
    frame.index = pd.Index([f"n{row:015x}" for row in range(rows)], name="id")
    folder.mkdir(parents=True)
    frame[is_train].to_parquet(folder / "train.parquet")
    frame[~is_train].to_parquet(folder / "validation.parquet")
    (folder / "features.json").write_text(
        json.dumps({"feature_sets": SETS, "targets": TARGETS})
    )
