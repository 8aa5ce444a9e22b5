"""A plot's paths go where its numbers are."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from numerai_pipeline.reports.drawing import draw
from numerai_pipeline.reports.plots import Plot, Series, Span
from numerai_pipeline.reports.scales import HEIGHT, WIDTH, Scale, line_path, pieces_of


def points_of(path: str) -> np.ndarray:
    """Follow a path of relative steps."""
    start, _, steps = path.removeprefix("M").partition("l")
    numbers = [list(map(int, re.findall(r"-?\d+", part))) for part in (start, steps)]
    return np.array([numbers[0], *np.reshape(numbers[1], (-1, 2)).tolist()]).cumsum(0)


@given(
    arrays(
        np.int64,
        st.tuples(st.integers(2, 40), st.just(2)),
        elements=st.integers(-999, 999),
    )
)
@settings(max_examples=40)
def test_a_path_passes_all_points(points: np.ndarray) -> None:
    path = line_path(points[:, 0], points[:, 1])
    np.testing.assert_array_equal(points_of(path), points)
    assert "--" not in path
    assert "  " not in path


@given(
    low=st.floats(-1e3, 1e3),
    length=st.floats(1e-4, 1e4),
    count=st.integers(2, 10),
)
@settings(max_examples=60)
def test_ticks_are_few_and_within_the_range(
    low: float, length: float, count: int
) -> None:
    scale = Scale(low, low + length)
    ticks = scale.ticks(count)
    assert len(ticks) <= count + 1
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[:1])
    margin = length * 1e-6
    assert all(low - margin <= tick <= low + length + margin for tick in ticks)


def test_a_range_of_one_number_or_none_can_be_drawn() -> None:
    for values in (np.array([3.0, 3.0]), np.array([0.0]), np.array([np.nan])):
        scale = Scale.over(values)
        assert scale.low < scale.high


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    x, y = np.arange(5.0), np.array([1, 2, np.nan, 3, 4])
    runs = [run.tolist() for run, _ in pieces_of(x, y)]
    assert runs == [[0, 1], [3, 4]]
    plot = Plot("a", "era", [Series("a", x, y, "m1")])
    [path] = re.findall(r'<path d="([^"]*)" class="line m1"', draw(plot))
    assert path.count("M") == 2


def test_numbers_are_where_the_axes_say() -> None:
    series = Series("a", np.array([0.0, 10.0]), np.array([0.0, 1.0]), "m1")
    plot = Plot("a", "era", [series])
    assert plot.up.low == 0.0
    [path] = re.findall(r'<path d="([^"]*)" class="line', draw(plot))
    (x0, y0), (x1, y1) = points_of(path)
    assert (x0, y0, x1) == (0, HEIGHT, WIDTH)
    assert y1 == round((1 - plot.up.share(1.0)) * HEIGHT)


@pytest.mark.parametrize("kind", ["bars", "area", "dots", "band", "line"])
@pytest.mark.parametrize("n", [1, 3])
def test_every_kind_draws_any_number_of_points(kind: str, n: int) -> None:
    x = np.arange(n, dtype=float)
    series = Series("a", x, -x, "m1", kind, high=x)  # type: ignore[arg-type]
    drawn = draw(Plot("a", "era", [series], [Span(0, n, "fold", "1")]))
    [path] = re.findall(rf'<path d="([^"]*)" class="{kind} m1"', drawn)
    assert path.startswith("M")
    assert "nan" not in drawn


def test_a_bar_reaches_from_zero_to_its_value() -> None:
    x, y = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    plot = Plot("a", "era", [Series("a", x, y, "m1", "bars")])
    [path] = re.findall(r'<path d="([^"]*)" class="bars', draw(plot))
    zero, *_ = re.findall(r"^M0 (\d+)", path)
    tops = [int(top) for top in re.findall(r"V(\d+)H\d+V", path)]
    assert tops[0] < int(zero) < tops[1]
    assert (tops[0] + tops[1]) // 2 == pytest.approx(int(zero), abs=1)
