"""The heat map of a comparison."""

import numpy as np
import pytest

from numerai_pipeline.api import Compared
from numerai_pipeline.evaluation import Comparison


@pytest.mark.parametrize("n_models", [2, 12])
def test_the_heat_map_has_a_readable_cell_per_pair(n_models):
    names = tuple(f"mlp@20261124T120000-{place:08x}" for place in range(n_models))
    alike = np.full((n_models, n_models), 0.25)
    np.fill_diagonal(alike, 1)
    alike[0, 1] = alike[1, 0] = np.nan
    figure = Compared(Comparison(names, (), alike), ()).heat_map
    # Drawing it lays it out.
    assert figure._repr_png_().startswith(b"\x89PNG")
    [axes] = figure.axes
    assert [one.get_text() for one in axes.get_xticklabels()] == [*names]
    texts = {one.get_position(): one for one in axes.texts}
    assert len(texts) == n_models**2
    assert texts[0, 1].get_text() == texts[1, 0].get_text() == "–"
    assert (texts[0, 0].get_text(), texts[0, 0].get_color()) == ("1.00", "white")
    cell = axes.get_window_extent().width / n_models
    for text in axes.texts:
        assert text.get_window_extent().width < cell
    bounds = figure.get_window_extent()
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        extent = label.get_window_extent()
        assert bounds.x0 <= extent.x0
        assert bounds.y0 <= extent.y0
