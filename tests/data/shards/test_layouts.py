from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.data.shards.layouts import layout
from numerai_pipeline.data.shards.packing import pack
from numerai_pipeline.data.shards.records import BrokenRecord, PackedBlock

PALETTES = ((0.0, 0.25, 0.5, 0.75, 1.0), (-0.0, 0.0, 0.1), (0.5,))


@st.composite
def blocks(draw: st.DrawFn) -> tuple[PackedBlock, int, tuple[tuple[float, ...], ...]]:
    n_features, n_rows = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    palettes = PALETTES[: draw(st.integers(0, 3))]
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    y = np.empty((n_rows, len(palettes)), np.uint8)
    for target, palette in enumerate(palettes):
        y[:, target] = rng.choice([*range(len(palette)), 255], n_rows)
    names = draw(st.lists(st.binary(max_size=16), min_size=n_rows, max_size=n_rows))
    block = PackedBlock(
        era=draw(st.integers(0, 32_767)),
        x=pack(rng.integers(0, 6, (n_rows, n_features)).astype(np.uint8)),
        y=y,
        ids=np.array(names, "S16"),
    )
    return block, n_features, palettes


@pytest.mark.parametrize("name", ["packed", "rows"])
@given(found=blocks())
def test_any_block_comes_back_as_it_was(name: str, found: Any) -> None:
    block, n_features, palettes = found
    chosen = layout(name, n_features=n_features, palettes=palettes)
    content = chosen.encode(block)
    back = chosen.decode(content, era=block.era, rows=len(block.ids))
    for part in ("x", "y", "ids"):
        assert getattr(back, part).tobytes() == getattr(block, part).tobytes()
        assert getattr(back, part).shape == getattr(block, part).shape
    assert back.era == block.era
    assert (chosen.width, chosen.n_targets) == (block.x.shape[1], len(palettes))


def test_a_layout_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown layout 'columns'"):
        layout("columns", n_features=4, palettes=PALETTES)


@pytest.fixture(params=["packed", "rows"])
def small(request: pytest.FixtureRequest) -> tuple[Any, bytes]:
    chosen = layout(request.param, n_features=4, palettes=PALETTES[:1])
    block = PackedBlock(
        era=574,
        x=pack(np.array([[0, 1, 2, 5], [4, 4, 3, 0]], np.uint8)),
        y=np.array([[1], [255]], np.uint8),
        ids=np.array([b"n000000000000001", b"n2"], "S16"),
    )
    return chosen, chosen.encode(block)


def test_every_flipped_bit_is_noticed(small: tuple[Any, bytes]) -> None:
    chosen, content = small
    for position in range(len(content) * 8):
        broken = bytearray(content)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(BrokenRecord):
            chosen.decode(bytes(broken), era=574, rows=2)


def test_every_cut_is_noticed(small: tuple[Any, bytes]) -> None:
    chosen, content = small
    for length in range(len(content)):
        with pytest.raises(BrokenRecord):
            chosen.decode(content[:length], era=574, rows=2)


@pytest.mark.parametrize("shape", [{"rows": 1}, {"rows": 3}, {"era": 573}])
def test_another_block_is_noticed(small: tuple[Any, bytes], shape: Any) -> None:
    chosen, content = small
    with pytest.raises(BrokenRecord):
        chosen.decode(content, **{"era": 574, "rows": 2, **shape})


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"palettes": ((0.0, 0.3),)}, "a target has a value that its palette has not"),
        ({"n_features": 5}, "it is not a block of 2 rows"),
    ],
)
def test_rows_of_other_shards_are_noticed(other: Any, sentence: str) -> None:
    given = {"n_features": 4, "palettes": PALETTES[:1]}
    block = PackedBlock(
        era=1,
        x=pack(np.zeros((2, 4), np.uint8)),
        y=np.ones((2, 1), np.uint8),
        ids=np.array([b"a", b"b"], "S16"),
    )
    content = layout("rows", **given).encode(block)
    with pytest.raises(BrokenRecord, match=sentence):
        layout("rows", **{**given, **other}).decode(content, era=1, rows=2)


@pytest.mark.parametrize("value", [0.5, 5.0, -1.0, 256.0, 1e30, np.inf])
def test_a_feature_that_is_none_of_the_five_is_noticed(value: float) -> None:
    from numerai_pipeline.data.shards import rows_records

    with pytest.raises(BrokenRecord, match="none of the five values"):
        rows_records._codes(np.array([[value]], np.float32))
