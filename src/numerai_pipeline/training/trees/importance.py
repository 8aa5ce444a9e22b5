"""Feature importance of a model of trees, as a table and a plot."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from numerai_pipeline.core import atomic_path
from numerai_pipeline.training.job import Plan
from numerai_pipeline.training.trees.backend import Importance, Values

TABLE = "importance.csv"
PLOT = Path("plots") / "importance.png"

# More bars could not be read on a page.
_N_BARS = 25

_COLOR = "#1f5fa8"


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
    n_panels = 2 if groups else 1
    figure = Figure(figsize=(6 * n_panels, 7), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, n_panels))
    order = np.argsort(-importance.gain, kind="stable")[:_N_BARS]
    total = float(importance.gain.sum()) or 1.0
    bars = {plan.features[place]: importance.gain[place] / total for place in order}
    titles = (f"the first {len(bars)} of {len(plan.features):,} features", "groups")
    for axes, shares, title in zip(panels, (bars, groups), titles, strict=False):
        names = list(shares)[::-1]
        axes.barh(names, [100 * shares[name] for name in names], color=_COLOR)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("share of the gain, %")
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{plan.job.name}: feature importance", fontsize=11)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)
