"""CORR, MMC and FNC against numerai-tools on the same data in the same run.

Run ``python benchmarks/scoring.py``; it prints what one takes of each and the ratio,
each the best of several repeats, and checks that both return the same numbers.
FNC over all features takes numerai-tools a quarter of a minute each time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from numerai_tools.scoring import (
    correlation_contribution,
    feature_neutral_corr,
    numerai_corr,
)

from numerai_pipeline.core import stopwatch
from numerai_pipeline.scoring import (
    EraFeatures,
    contribution_per_era,
    corr_per_era,
    fnc_of_era,
)

N_ERAS = 40
ROWS_PER_ERA = 5_000
N_MODELS = 10
REPEATS = 5
# Numerai's feature sets all and medium.
FEATURES = {2_748: 2, 780: REPEATS}

Values = npt.NDArray[np.float64]
Score = Callable[[], Values]


@dataclass(frozen=True)
class Eras:
    """Eras as arrays, and as numerai-tools takes them: a frame of each."""

    eras: npt.NDArray[np.int16]
    predictions: Values
    meta_model: Values
    targets: Values
    by_era: list[pd.DataFrame]


def main() -> None:
    """Make one set of eras and time both on it."""
    rng = np.random.default_rng(1)
    eras = make_eras(rng)
    print(f"{N_ERAS} eras of {ROWS_PER_ERA:,} rows")
    compare(
        "CORR",
        lambda: corr_per_era(eras.predictions, eras.targets, eras.eras).values,
        lambda: np.array(
            [numerai_corr(era[["p"]], era["t"])["p"] for era in eras.by_era]
        ),
    )
    compare(
        "MMC",
        lambda: (
            contribution_per_era(
                eras.predictions, eras.meta_model, eras.targets, eras.eras
            ).values
        ),
        lambda: np.array(
            [
                correlation_contribution(era[["p"]], era["m"], era["t"])["p"]
                for era in eras.by_era
            ]
        ),
    )
    print(f"one era of {ROWS_PER_ERA:,} rows, {N_MODELS} models")
    for n_features, repeats in FEATURES.items():
        compare_fnc(rng, n_features, repeats)


def make_eras(rng: np.random.Generator) -> Eras:
    """Draw eras of targets with Numerai's five bins and of unrelated predictions."""
    n_rows = N_ERAS * ROWS_PER_ERA
    eras = np.repeat(np.arange(1, N_ERAS + 1, dtype=np.int16), ROWS_PER_ERA)
    targets = draw_targets(rng, n_rows)
    predictions, meta_model = rng.normal(size=(2, n_rows))
    frame = pd.DataFrame(
        {"p": predictions, "m": meta_model, "t": targets, "era": eras},
        index=make_ids(n_rows),
    )
    by_era = [era for _, era in frame.groupby("era")]
    return Eras(eras, predictions, meta_model, targets, by_era)


def draw_targets(rng: np.random.Generator, n_rows: int) -> Values:
    """Draw targets as Numerai distributes them."""
    return rng.choice(
        [0.0, 0.25, 0.5, 0.75, 1.0], size=n_rows, p=[0.05, 0.2, 0.5, 0.2, 0.05]
    )


def make_ids(n_rows: int) -> pd.Index:
    """Name rows ascending: nothing to sort for numerai-tools, which checks it."""
    return pd.Index([f"n{row:015x}" for row in range(n_rows)])


def compare_fnc(rng: np.random.Generator, n_features: int, repeats: int) -> None:
    """Time the FNC of ten models, from the codes of one era to the scores.

    One column is constant, as features without values are in the oldest eras.
    """
    codes = rng.integers(0, 5, (ROWS_PER_ERA, n_features), dtype=np.uint8)
    codes[:, 0] = 2
    targets = draw_targets(rng, ROWS_PER_ERA)
    predictions = rng.normal(size=(ROWS_PER_ERA, N_MODELS))
    ids = make_ids(ROWS_PER_ERA)
    theirs = (
        pd.DataFrame(predictions, ids, [f"model_{at}" for at in range(N_MODELS)]),
        pd.DataFrame(
            codes.astype(np.float32), ids, [f"feature_{at}" for at in range(n_features)]
        ),
        pd.Series(targets, ids, name="target"),
    )
    compare(
        f"FNC over {n_features:,} features",
        lambda: fnc_of_era(predictions, targets, EraFeatures(codes).projection()),
        lambda: feature_neutral_corr(*theirs).to_numpy(),
        repeats=repeats,
    )


def compare(name: str, ours: Score, theirs: Score, *, repeats: int = REPEATS) -> None:
    """Time both in turn, so that a busy moment of the machine hits both."""
    seconds = {ours: float("inf"), theirs: float("inf")}
    found = {}
    for _ in range(repeats):
        for score in (ours, theirs):
            started = stopwatch()
            found[score] = score()
            seconds[score] = min(seconds[score], stopwatch() - started)
    difference = float(np.abs(found[ours] - found[theirs]).max())
    assert difference < 1e-9, f"{name} differs by {difference}"
    print(
        f"{name}: {1_000 * seconds[ours]:,.0f} ms, numerai-tools "
        f"{1_000 * seconds[theirs]:,.0f} ms, ratio "
        f"{seconds[theirs] / seconds[ours]:.1f}, largest difference {difference:.0e}, "
        f"best of {repeats}"
    )


if __name__ == "__main__":
    main()
