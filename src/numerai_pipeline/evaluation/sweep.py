"""What neutralizing a model would do to its scores, by proportion."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import DataError
from numerai_pipeline.evaluation.plots import save_figure
from numerai_pipeline.evaluation.result import Evaluation, sweep_path
from numerai_pipeline.evaluation.rows import SweepPoint
from numerai_pipeline.scoring import Difference, Scores, Summary, difference

_CHOICE = (
    "A proportion that is chosen on these eras makes them validation eras; confirm it "
    "on the lockbox (--open-lockbox)."
)
_TEST = "Choose it with --on validation or --on backtest."
_RAW = "The sweep is of what the model gives, before its own [prediction] neutralize."


@dataclass(frozen=True)
class SweepRow:
    """The scores at a proportion, and how they differ from those without any.

    Attributes:
        proportion: share of what the features explain that is taken out.
        corr: summary of CORR.
        mmc: summary of MMC; None without a meta model.
        payout: summary of the payout; None without a meta model.
        exposure: the largest exposure to a feature, mean of the eras.
        corr_difference: CORR minus that of proportion 0, era by era; None of 0 itself.
        payout_difference: the same of the payout.
    """

    proportion: float
    corr: Summary
    mmc: Summary | None
    payout: Summary | None
    exposure: float
    corr_difference: Difference | None = None
    payout_difference: Difference | None = None


@dataclass(frozen=True)
class Sweep:
    """A model's scores by proportion of neutralization to a feature set.

    Attributes:
        feature_set: the set.
        rows: by proportion, ascending from 0.
        notes: what to know before a proportion is chosen, one sentence each.
        plot: the picture.
    """

    feature_set: str
    rows: tuple[SweepRow, ...]
    notes: tuple[str, ...]
    plot: Path


def sweep_of(evaluation: Evaluation) -> Sweep:
    """Return the sweep that an evaluation measured.

    Raises:
        DataError: if it was made without features.
    """
    features = evaluation.features
    if features is None:
        raise DataError(
            f"'{evaluation.model}' was scored without features, so there is no sweep. "
            "Name a set: `--fnc medium`."
        )
    notes = [_RAW] if evaluation.neutralized else []
    if evaluation.on != "validation":
        notes.append(f"{_CHOICE} {_TEST}" if evaluation.on == "test" else _CHOICE)
    return Sweep(
        feature_set=features.feature_set,
        rows=tuple(_rows(features.sweep, evaluation.rows[0].horizon)),
        notes=tuple(notes),
        plot=sweep_path(evaluation.folder, evaluation.on),
    )


def _rows(points: tuple[SweepPoint, ...], horizon: int) -> Iterator[SweepRow]:
    first = points[0]

    def summary(scores: Scores | None) -> Summary | None:
        return None if scores is None else scores.summary(horizon=horizon)

    def against_first(scores: Scores | None, other: Scores | None) -> Difference | None:
        if scores is None or other is None or scores is other:
            return None
        return difference(scores, other, horizon=horizon)

    for point in points:
        yield SweepRow(
            proportion=point.proportion,
            corr=point.corr.summary(horizon=horizon),
            mmc=summary(point.mmc),
            payout=summary(point.payout),
            exposure=point.exposure,
            corr_difference=against_first(point.corr, first.corr),
            payout_difference=against_first(point.payout, first.payout),
        )


def plot_sweep(evaluation: Evaluation) -> None:
    """Write the plot of ``draw_sweep`` into the folder of the run or backtest.

    Raises:
        DataError: if the scores were made without features.
    """
    from matplotlib.figure import Figure

    figure, found = Figure(), sweep_of(evaluation)
    draw_sweep(figure, found, evaluation.model)
    save_figure(figure, found.plot)


def draw_sweep(figure: Any, found: Sweep, name: str) -> None:
    """Draw CORR, MMC, payout and the largest exposure by proportion.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        found: what to draw.
        name: of the model.
    """
    panels = {"CORR": [row.corr for row in found.rows]}
    for label, each in (
        ("MMC", [row.mmc for row in found.rows]),
        ("payout", [row.payout for row in found.rows]),
    ):
        known = [one for one in each if one is not None]
        if len(known) == len(found.rows):
            panels[label] = known
    proportions = [row.proportion for row in found.rows]
    figure.set_size_inches(9, 1.8 * (len(panels) + 1))
    axes = figure.subplots(len(panels) + 1, 1, sharex=True)
    for axis, (label, summaries) in zip(axes, panels.items(), strict=False):
        means, low, high = (
            np.array([getattr(one, end) for one in summaries])
            for end in ("mean", "low", "high")
        )
        axis.plot(proportions, means, marker="o")
        axis.fill_between(proportions, low, high, alpha=0.2, linewidth=0)
        axis.axhline(0.0, color="black", linewidth=0.6)
        axis.set_ylabel(label)
    axes[-1].plot(proportions, [row.exposure for row in found.rows], marker="o")
    axes[-1].set_ylabel("largest exposure")
    axes[-1].set_xlabel(f"proportion neutralized to {found.feature_set}")
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{name}: means with 95 % intervals", fontsize=11)
