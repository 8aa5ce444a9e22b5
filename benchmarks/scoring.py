"""CORR and contribution against numerai-tools on the same data in the same run.

Run ``python benchmarks/scoring.py``; it prints eras a second and the ratio, each
the best of several repeats, and checks that both return the same numbers.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from numerai_tools.scoring import correlation_contribution, numerai_corr

from numerai_pipeline.core import stopwatch
from numerai_pipeline.scoring import contribution_per_era, corr_per_era

N_ERAS = 40
ROWS_PER_ERA = 5_000
REPEATS = 5

Values = npt.NDArray[np.float64]


def main() -> None:
    """Make one set of eras and time both on it."""
    rng = np.random.default_rng(1)
    n_rows = N_ERAS * ROWS_PER_ERA
    eras = np.repeat(np.arange(1, N_ERAS + 1, dtype=np.int16), ROWS_PER_ERA)
    targets = rng.choice(
        [0.0, 0.25, 0.5, 0.75, 1.0], size=n_rows, p=[0.05, 0.2, 0.5, 0.2, 0.05]
    )
    predictions = rng.normal(size=n_rows)
    meta_model = rng.normal(size=n_rows)
    # Ids ascend, so numerai-tools has nothing to sort; it checks that all the same.
    ids = pd.Index([f"n{row:015x}" for row in range(n_rows)])
    frame = pd.DataFrame(
        {"p": predictions, "m": meta_model, "t": targets, "era": eras}, index=ids
    )
    by_era = [era for _, era in frame.groupby("era")]

    print(f"{N_ERAS} eras of {ROWS_PER_ERA:,} rows, best of {REPEATS}")
    compare(
        "CORR",
        lambda: corr_per_era(predictions, targets, eras).values,
        lambda: np.array([numerai_corr(era[["p"]], era["t"])["p"] for era in by_era]),
    )
    compare(
        "MMC",
        lambda: contribution_per_era(predictions, meta_model, targets, eras).values,
        lambda: np.array(
            [
                correlation_contribution(era[["p"]], era["m"], era["t"])["p"]
                for era in by_era
            ]
        ),
    )


def compare(
    name: str, ours: Callable[[], Values], theirs: Callable[[], Values]
) -> None:
    """Time both in turn, so that a busy moment of the machine hits both."""
    seconds = {ours: float("inf"), theirs: float("inf")}
    for _ in range(REPEATS):
        for score in (ours, theirs):
            started = stopwatch()
            score()
            seconds[score] = min(seconds[score], stopwatch() - started)
    difference = float(np.abs(ours() - theirs()).max())
    assert difference < 1e-12, f"{name} differs by {difference}"
    print(
        f"{name}: {N_ERAS / seconds[ours]:,.0f} eras/s, numerai-tools "
        f"{N_ERAS / seconds[theirs]:,.0f} eras/s, ratio "
        f"{seconds[theirs] / seconds[ours]:.0f}, largest difference {difference:.0e}"
    )


if __name__ == "__main__":
    main()
