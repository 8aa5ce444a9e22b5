"""Draws docs/images/market.png. Run it as: python docs/plot_market.py."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from numerai_pipeline.scoring import corr_per_era
from numerai_simulator.market.catalog import catalog_of
from numerai_simulator.market.eras import Eras
from numerai_simulator.market.spec import era_day, preset
from numerai_simulator.market.stocks import Payoffs

PICTURE = Path(__file__).parent / "images" / "market.png"
FORECASTS = {"meta": "meta model", "lgbm_ender20": "benchmark", "example": "example"}


def main() -> None:
    """Draw payoffs, cumulative scores and the overlap of a full-size market."""
    spec = preset("full", n_features=100, n_train_eras=200, n_validation_eras=200)
    eras = Eras(spec, catalog_of(spec.n_features))
    numbers = np.arange(1, spec.n_eras + 1)
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(9, 10))

    payoffs = Payoffs(spec.seed, 40, spec.signal)
    expected = np.array([payoffs.expected(era_day(era)) for era in numbers])
    top.plot(numbers, 20 * expected[:, :6], linewidth=1.5)
    top.axhline(0, color="0.6", linewidth=0.8)
    top.set(title="Expected 20-day payoffs of six factors: they drift, and some flip")

    columns: dict[str, list[float]] = {name: [] for name in [*FORECASTS, "feature"]}
    for era in numbers:
        at = eras.day(era_day(int(era)))
        target = eras.truth(at, n_days=20)
        forecasts = {name: eras.forecast(at, name) for name in FORECASTS}
        forecasts["feature"] = eras.features(at)[0].astype(float)
        for name, forecast in forecasts.items():
            scores = corr_per_era(forecast, target, np.ones(len(target), np.int16))
            columns[name].append(float(scores.values[0]))
    for name, label in {**FORECASTS, "feature": "one feature alone"}.items():
        mean, std = np.nanmean(columns[name]), np.nanstd(columns[name])
        text = f"{label}: mean {mean:.4f}, std {std:.4f}"
        middle.plot(numbers, np.nancumsum(columns[name]), label=text)
    middle.legend(frameon=False)
    middle.set(title="Cumulative CORR per era")

    first = eras.day(era_day(100))
    gaps = np.arange(15)
    for horizon in (20, 60):
        start = eras.raw_returns(first, horizon)
        shared = [
            np.corrcoef(start, eras.raw_returns(eras.day(era_day(100 + gap)), horizon))[
                0, 1
            ]
            for gap in gaps.tolist()
        ]
        bottom.plot(gaps, shared, "o-", label=f"{horizon}-day returns")
    bottom.axhline(0, color="0.6", linewidth=0.8)
    bottom.legend(frameon=False)
    bottom.set(
        title="Correlation of the same stocks' returns, by distance",
        xlabel="eras apart",
    )
    for axes in (top, middle):
        axes.set(xlabel="era")
    for axes in (top, middle, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)


if __name__ == "__main__":
    main()
