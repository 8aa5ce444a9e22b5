"""Any pipeline of steps makes what the same steps make in numpy."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.models.networks.transform import parse_transform

# A drawn step: its text, and what numpy makes of the batch by it.
Drawn = tuple[str, np.ndarray]


def fill(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    value = draw(st.sampled_from([2.0, 0.5, -1.0]))
    return f"NaN,{value},_", np.where(np.isnan(x), value, x)


def mask(_draw: st.DrawFn, x: np.ndarray) -> Drawn:
    filled = np.where(np.isnan(x), 2, x)
    return "Mask", np.hstack([filled, np.where(np.isnan(x), 4, 2)])


def cut(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    start = draw(st.integers(0, x.shape[1] - 1))
    stop = draw(st.integers(start + 1, x.shape[1]))
    return f"Slice,{start},{stop}", x[:, start:stop]


def even(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    start = draw(st.integers(0, x.shape[1] - 1))
    count = draw(st.integers(1, (x.shape[1] - start + 1) // 2))
    taken = [x[:, start + 2 * number] for number in range(count)]
    return f"Even,{start},{count}", np.stack(taken, axis=1)


def pad(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    more, value = draw(st.integers(0, 5)), draw(st.sampled_from([0, -1, 2.5]))
    width = x.shape[1]
    padded = np.hstack([x, np.full((len(x), more), value)])
    return f"Pad,{width},{width + more},{value}", padded


def grid(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    y, columns, z = (draw(st.integers(1, 5)) for _ in range(3))
    kind = draw(st.sampled_from(["YX", "XY", "YXZ", "ZYX"]))
    size = y * columns * (z if "Z" in kind else 1)
    width = x.shape[1]
    fitted = np.hstack([x, np.zeros((len(x), size))])[:, :size]
    before = f"Pad,{width},{width + size},0|Slice,0,{size}|{kind}"
    if kind == "YX":
        return f"{before},{y},{columns}", fitted.reshape(-1, y, columns)
    if kind == "XY":
        turned = fitted.reshape(-1, columns, y).transpose(0, 2, 1)
        return f"{before},{y},{columns}", turned
    if kind == "YXZ":
        return f"{before},{y},{columns},{z}", fitted.reshape(-1, y, columns, z)
    turned = np.moveaxis(fitted.reshape(-1, z, y, columns), 1, 3)
    return f"{before},{z},{y},{columns}", turned


def pieces(draw: st.DrawFn, x: np.ndarray) -> Drawn:
    n_rows = draw(st.integers(1, x.shape[1]))
    inner = draw(st.permutations(range(1, x.shape[1])))[: n_rows - 1]
    cuts = [0, *sorted(inner), x.shape[1]]
    width = max(stop - start for start, stop in pairwise(cuts))
    filled = np.zeros((len(x), n_rows, width))
    for row, (start, stop) in enumerate(pairwise(cuts)):
        filled[:, row, : stop - start] = x[:, start:stop]
    return f"ZP,{n_rows}:{width},{':'.join(map(str, cuts))}", filled


STAGES: Mapping[str, tuple[Callable[[st.DrawFn, np.ndarray], Drawn], ...]] = {
    "first": (fill, mask),
    "middle": (cut, even, pad),
    "last": (grid, pieces),
}


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[np.ndarray, str, np.ndarray]:
    """Draw a batch, a transform, and what numpy makes of the batch by it."""
    random = np.random.default_rng(draw(st.integers(0, 1_000)))
    batch = random.integers(0, 5, (2, draw(st.integers(1, 30)))).astype(np.float32)
    batch[random.random(batch.shape) < 0.2] = np.nan
    stages = ["first", *["middle"] * draw(st.integers(0, 3))]
    stages += ["last"] * draw(st.integers(0, 1))
    words, now = [], batch
    for stage in stages:
        text, now = draw(st.sampled_from(STAGES[stage]))(draw, now)
        words.append(text)
    return batch, "|".join(words), now.astype(np.float32)


@given(drawn=pipelines())
@settings(max_examples=60, deadline=None)
def test_any_pipeline_is_what_numpy_makes(
    drawn: tuple[np.ndarray, str, np.ndarray],
) -> None:
    batch, text, expected = drawn
    transform = parse_transform(text)
    assert transform.shape(batch.shape[1]) == expected.shape[1:]
    np.testing.assert_array_equal(np.asarray(transform.apply(batch)), expected)
