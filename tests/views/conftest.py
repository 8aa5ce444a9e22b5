from collections.abc import Callable

import pytest

from numerai_pipeline.training import Chart, Epoch

MakeChart = Callable[..., Chart]


@pytest.fixture
def make_chart() -> MakeChart:
    """A function that makes a chart of so many epochs, the best in the middle."""

    def make(n_rows: int = 3, *, title: str = "mlp", **columns: float) -> Chart:
        best = n_rows // 2
        rows = [
            Epoch(
                **{
                    "epoch": number + 1,
                    "loss": 0.25 - 0.001 * number,
                    "val_loss": 0.23 + 0.001 * abs(number - best),
                    "val_corr": 0.03 - 0.001 * abs(number - best),
                    "seconds": 1.5,
                    "is_best": number <= best,
                    **columns,
                }
            )
            for number in range(n_rows)
        ]
        return Chart(title, "epoch", rows, "val_loss")

    return make
