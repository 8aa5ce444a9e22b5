"""Feature importance of a model of trees, as a table and a plot."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import atomic_path
from numerai_pipeline.training.job import Plan
from numerai_pipeline.training.trees.backend import Importance, Values

TABLE = "importance.csv"
PLOT = Path("plots") / "importance.png"

# More bars could not be read on a page.
_N_BARS = 25

_COLOR = "#1f5fa8"

# In inches: the picture, the bars with what is around them, a letter of a name.
_HEIGHT, _BARS, _LETTER = 7.0, 4.0, 0.06


def write_importance(folder: Path, importance: Importance, plan: Plan) -> None:
    """Write ``importance.csv`` and ``plots/importance.png`` into a run folder.

    Args:
        folder: the run.
        importance: of the run's features.
        plan: names of the features, and their groups if the job knows them.
    """
    order = np.argsort(-importance.gain, kind="stable")
    with (
        atomic_path(folder / TABLE) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["feature", "gain", "split"])
        for place in order:
            table.writerow(
                [
                    plan.features[place],
                    float(importance.gain[place]),
                    float(importance.split[place]),
                ]
            )
    _draw(folder / PLOT, importance, plan)


def gain_of_groups(
    gain: Values, features: tuple[str, ...], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, float]:
    """Return the share of the gain that each group has, the largest first.

    A feature of several groups counts in each; the shares need not add up to one.

    >>> gain_of_groups(
    ...     np.array([3.0, 1.0]), ("a", "b"), {"x": ("a",), "y": ("a", "b")}
    ... )
    {'y': 1.0, 'x': 0.75}
    """
    of_feature = dict(zip(features, gain.tolist(), strict=True))
    total = float(gain.sum()) or 1.0
    shares = {
        name: sum(of_feature.get(feature, 0.0) for feature in members) / total
        for name, members in groups.items()
        if not of_feature.keys().isdisjoint(members)
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _draw(path: Path, importance: Importance, plan: Plan) -> None:
    from matplotlib.figure import Figure

    groups = gain_of_groups(importance.gain, plan.features, plan.job.groups)
    order = np.argsort(-importance.gain, kind="stable")[:_N_BARS]
    total = float(importance.gain.sum()) or 1.0
    bars = {plan.features[place]: importance.gain[place] / total for place in order}
    panels = {f"the first {len(bars)} of {len(plan.features):,} features": bars}
    if groups:
        panels["groups"] = groups
    # A layout engine would measure all texts, for half of the time.
    widths = [_LETTER * max(map(len, names)) + _BARS for names in panels.values()]
    figure = Figure(figsize=(sum(widths), _HEIGHT))
    for place, (title, shares) in enumerate(panels.items()):
        right = sum(widths[: place + 1])
        axes = figure.add_axes(
            (
                (right - _BARS + 0.2) / sum(widths),
                0.6 / _HEIGHT,
                (_BARS - 0.5) / sum(widths),
                1 - 1.4 / _HEIGHT,
            )
        )
        _draw_bars(axes, shares)
        axes.set_title(title, fontsize=10)
    figure.suptitle(f"{plan.job.name}: feature importance", fontsize=11)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def _draw_bars(axes: Any, shares: Mapping[str, float]) -> None:
    names = list(shares)[::-1]
    axes.barh(names, [100 * shares[name] for name in names], color=_COLOR)
    axes.set_xlabel("share of the gain, %")
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
