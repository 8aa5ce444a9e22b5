import math

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models.networks.transform import parse_transform

NAN = math.nan
TWELVE = list(range(12))


def apply(text: str, row: object) -> np.ndarray:
    batch = np.asarray([row, row], np.float32)
    found = np.asarray(parse_transform(text).apply(batch))
    assert found.shape[1:] == parse_transform(text).shape(batch.shape[1])
    np.testing.assert_array_equal(found[0], found[1])
    return found[0]


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("", [1, 2, 3], [1, 2, 3]),
        ("NaN,2.0,_", [0, NAN, 4, NAN], [0, 2, 4, 2]),
        ("NaN,0.5,-1", [NAN, 1, 0], [0.5, 1, 0]),
        ("NaN,-1,0.5", [NAN, 1, 0], [-1, 1, 0]),
        ("Mask", [0, NAN, 4], [0, 2, 4, 2, 4, 2]),
        ("Slice,1,3", [10, 11, 12, 13], [11, 12]),
        ("Slice,0,4", [10, 11, 12, 13], [10, 11, 12, 13]),
        ("Even,0,3", [10, 11, 12, 13, 14, 15], [10, 12, 14]),
        ("Even,1,3", [10, 11, 12, 13, 14, 15], [11, 13, 15]),
        ("Even,2,1", [10, 11, 12], [12]),
        ("Pad,3,5,0", [1, 2, 3], [1, 2, 3, 0, 0]),
        ("Pad,3,4,-1.5", [1, 2, 3], [1, 2, 3, -1.5]),
        ("Pad,3,3,9", [1, 2, 3], [1, 2, 3]),
        ("YX,2,3", [1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
        # 3 columns of 2: (1, 2), (3, 4), (5, 6).
        ("XY,2,3", [1, 2, 3, 4, 5, 6], [[1, 3, 5], [2, 4, 6]]),
        (
            "YXZ,2,3,2",
            TWELVE,
            [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]],
        ),
        # Channel 0 is 0..5 in 2 rows of 3, channel 1 is 6..11.
        (
            "ZYX,2,2,3",
            TWELVE,
            [[[0, 6], [1, 7], [2, 8]], [[3, 9], [4, 10], [5, 11]]],
        ),
        # Pieces (1, 2), (3, 4, 5), (6); each filled up to 4.
        (
            "ZP,3:4,0:2:5:6",
            [1, 2, 3, 4, 5, 6],
            [[1, 2, 0, 0], [3, 4, 5, 0], [6, 0, 0, 0]],
        ),
        # Without the last end the last piece ends with the features.
        ("ZP,2:4,0:2", [1, 2, 3, 4, 5, 6], [[1, 2, 0, 0], [3, 4, 5, 6]]),
        # Features before the first offset and after the last are left out.
        ("ZP,1:3,1:3", [1, 2, 3, 4], [[2, 3, 0]]),
        ("Sparse,5,_", [1, 2], [1, 2]),
        ("NaN,2.0,_|Pad,3,4,0|YX,2,2", [1, NAN, 3], [[1, 2], [3, 0]]),
        ("Slice,1,6|Even,0,3|Pad,3,4,7|XY,2,2", TWELVE[:6], [[1, 5], [3, 7]]),
        (" NaN , 2 , _ | YX,1,2 ", [NAN, 1], [[2, 1]]),
    ],
)
def test_a_hand_worked_example(text: str, row: object, expected: object) -> None:
    np.testing.assert_array_equal(apply(text, row), np.asarray(expected, np.float32))


def test_six_channels_by_hand() -> None:
    # Features are their own numbers, 0..1049. Filled up they are 0..1049 and three
    # times 1000..1049, in channels of 200: 0.., 200.., 400.., 600.., 800.., and the
    # last fifty four times.
    found = apply("C6,10,20", np.arange(1_050))
    assert found.shape == (10, 20, 6)
    assert found[0, 0].tolist() == [0, 200, 400, 600, 800, 1000]
    assert found[0, 19].tolist() == [19, 219, 419, 619, 819, 1019]
    assert found[1, 0].tolist() == [20, 220, 420, 620, 820, 1020]
    # Place 50 of the last channel is the second time that the 50 begin.
    assert found[2, 9].tolist() == [49, 249, 449, 649, 849, 1049]
    assert found[2, 10].tolist() == [50, 250, 450, 650, 850, 1000]
    assert found[9, 19].tolist() == [199, 399, 599, 799, 999, 1049]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Nan,2,_",
            "transform step 'Nan,2,_': there is no step 'Nan'. Did you mean 'NaN'?",
        ),
        (
            "Flip",
            "transform step 'Flip': there is no step 'Flip'. There are NaN,f,t, Mask, "
            "Slice,from,to, Even,from,n, Pad,from,to,v, YX,y,x, XY,y,x, YXZ,y,x,z, "
            "ZYX,z,y,x, ZP,y:x,o0:o1:..., C6,y,x, Sparse,n,_.",
        ),
        (
            "YX,44",
            "transform step 'YX,44' takes 2 arguments, YX,y,x, but has 1.",
        ),
        (
            "YX,44,b",
            "transform step 'YX,44,b': 'x' is 'b', but must be a whole number "
            "from 1 (YX,y,x).",
        ),
        (
            "YX,0,4",
            "transform step 'YX,0,4': 'y' is '0', but must be a whole number "
            "from 1 (YX,y,x).",
        ),
        (
            "Slice,-1,4",
            "transform step 'Slice,-1,4': 'from' is '-1', but must be a whole "
            "number from 0 (Slice,from,to).",
        ),
        (
            "NaN,_,_",
            "transform step 'NaN,_,_': 'f' is '_', but must be a number (NaN,f,t).",
        ),
        (
            "Pad,1,2,nan",
            "transform step 'Pad,1,2,nan': 'v' is 'nan', but must be a number "
            "(Pad,from,to,v).",
        ),
        (
            "ZP,3,0:1",
            "transform step 'ZP,3,0:1': 'y:x' is '3', but must be two whole "
            "numbers from 1 with a colon between (ZP,y:x,o0:o1:...).",
        ),
        (
            "Slice,0,2|NaN,2,_",
            "transform 'Slice,0,2|NaN,2,_': NaN fills missing features, so it must be "
            "the first step.",
        ),
        (
            "NaN,2,_||YX,1,2",
            "transform step '': there is no step ''. There are NaN,f,t,",
        ),
    ],
)
def test_a_transform_that_cannot_be_read_is_told(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_transform(text)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "n_features", "sentence"),
    [
        (
            "YX,44,55",
            2_376,
            "transform step 'YX,44,55' expects 2,420 features (44 x 55), but finds "
            "2,376.",
        ),
        (
            "XY,2,3",
            7,
            "transform step 'XY,2,3' expects 6 features (3 x 2), but finds 7.",
        ),
        (
            "Slice,2,9",
            8,
            "transform step 'Slice,2,9' finds 8 features, so from < to <= 8 is "
            "expected.",
        ),
        (
            "Even,1,4",
            7,
            "transform step 'Even,1,4' takes features up to number 7 (counted from "
            "0), but finds 7 features.",
        ),
        (
            "Pad,2376,2420,0",
            2_748,
            "transform step 'Pad,2376,2420,0' expects 2,376 features, but finds "
            "2,748. Write Pad,2748,2748,0.",
        ),
        (
            "Pad,4,2,0",
            4,
            "transform step 'Pad,4,2,0' expects from <= to: it only appends.",
        ),
        (
            "C6,10,20",
            1_191,
            "transform step 'C6,10,20' expects 1,050 features, but finds 1,191.",
        ),
        (
            "C6,10,21",
            1_050,
            "transform step 'C6,10,21' expects y * x = 200, but finds 10 x 21 = 210.",
        ),
        (
            "ZP,3:4,0:1",
            4,
            "transform step 'ZP,3:4,0:1' expects 3 or 4 offsets for 3 rows, but "
            "finds 2.",
        ),
        (
            "ZP,2:4,0:3:3",
            4,
            "transform step 'ZP,2:4,0:3:3' cuts a piece from 3 to 3, but expects "
            "offsets that rise and end within the 4 features.",
        ),
        (
            "ZP,1:2,0:3",
            4,
            "transform step 'ZP,1:2,0:3' expects pieces of at most x = 2 features, "
            "but finds 3 from 0 to 3.",
        ),
        (
            "YX,2,2|Slice,0,2",
            4,
            "transform step 'Slice,0,2' expects a row of features, but finds a grid "
            "of 2 x 2. Put it before the step that makes the grid.",
        ),
    ],
)
def test_a_step_that_does_not_fit_names_both_sizes(
    text: str, n_features: int, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_transform(text).apply(np.zeros((1, n_features), np.float32))
    assert str(caught.value) == sentence


def test_a_missing_target_is_never_filled() -> None:
    with_fill, without = parse_transform("NaN,2,-1"), parse_transform("NaN,2,_")
    row = np.array([[NAN, -1, 0]], np.float32)
    assert np.asarray(with_fill.apply(row)).tolist() == [[2, -1, 0]]
    assert np.asarray(without.apply(row)).tolist() == [[2, -1, 0]]
