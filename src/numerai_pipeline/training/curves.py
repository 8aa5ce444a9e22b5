"""The curves of a run: a picture for everyone, TensorBoard on request."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import atomic_path
from numerai_pipeline.models import load_keras
from numerai_pipeline.training.history import Epoch

_LOSS_COLOR = "#8c8c8c"
_VAL_LOSS_COLOR = "#1f5fa8"
_VAL_CORR_COLOR = "#b3541e"
_BEST_COLOR = "#2e7d32"


class Curves:
    """TensorBoard scalars of one run, written as it goes."""

    def __init__(self, folder: Path, rows: Sequence[Epoch]) -> None:
        """Begin with the epochs that are known; what stood there is replaced."""
        load_keras()  # lets TensorFlow in without its chatter
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._summary = tf.summary
        self._writer: Any = tf.summary.create_file_writer(str(folder))
        for row in rows:
            self.add(row)

    def add(self, row: Epoch) -> None:
        """Write an epoch's points, so that TensorBoard shows them at once."""
        with self._writer.as_default(step=row.epoch):
            for name in ("loss", "val_loss", "val_corr", "seconds"):
                self._summary.scalar(name, getattr(row, name))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def plot_training(
    rows: Sequence[Epoch], best: Epoch, path: Path, *, title: str, unit: str
) -> None:
    """Draw losses above and the mean CORR of the held-out eras below, as a PNG.

    Args:
        rows: the history, at least one epoch.
        best: the epoch to mark.
        path: the picture to write.
        title: which run it is.
        unit: what the horizontal axis counts, such as ``epoch``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 6), layout="constrained")
    losses, corr = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    epochs = [row.epoch for row in rows]
    # A dot an epoch as long as dots can be told apart.
    style: dict[str, Any] = {"marker": "o" if len(rows) <= 50 else "", "ms": 4}
    for axes, name, label, color in (
        (losses, "loss", "loss: training rows", _LOSS_COLOR),
        (losses, "val_loss", "val_loss: held-out eras", _VAL_LOSS_COLOR),
        (corr, "val_corr", "val_corr: mean of the held-out eras", _VAL_CORR_COLOR),
    ):
        values = [getattr(row, name) for row in rows]
        axes.plot(epochs, values, color=color, label=label, **style)
    for axes in (losses, corr):
        axes.axvline(best.epoch, color=_BEST_COLOR, linestyle="--", linewidth=1)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    losses.plot(
        [best.epoch],
        [best.val_loss],
        "*",
        color=_BEST_COLOR,
        markersize=13,
        label=f"best at {unit} {best.epoch}",
    )
    losses.set_ylim(*_limits(rows))
    corr.axhline(0.0, color="black", linewidth=0.6)
    losses.set_ylabel("loss")
    corr.set_ylabel("CORR")
    corr.set_xlabel(unit)
    corr.xaxis.set_major_locator(MaxNLocator(integer=True))
    losses.legend(frameon=False)
    corr.legend(frameon=False)
    figure.suptitle(
        f"{title}\nbest at {unit} {best.epoch}: val_loss {best.val_loss:.5f}, "
        f"val_corr {best.val_corr:.4f}",
        fontsize=11,
    )
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def _limits(rows: Sequence[Epoch]) -> tuple[float, float]:
    """Return the range of losses to show.

    The first epochs of a network can lose many times more than all others; they may
    leave the picture, so that the rest can be read.
    """
    late = rows[len(rows) // 4 :]
    low, late_high = _range(late)
    lowest, high = _range(rows)
    high = min(high, late_high + 2 * (late_high - low))
    margin = 0.06 * max(high - lowest, 1e-3 * high)
    return lowest - margin, high + margin


def _range(rows: Sequence[Epoch]) -> tuple[float, float]:
    values = [value for row in rows for value in (row.loss, row.val_loss)]
    return min(values), max(values)
