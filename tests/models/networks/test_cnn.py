import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import load_keras
from numerai_pipeline.models.networks.cnn import FAMILY


def network(n_features=12, **parameters):
    table = FAMILY.Parameters(filters=(4,), units=(3,), **parameters)
    return FAMILY.network(table, n_features)


def grid_of(model):
    """Return what the layer `grid` makes of the features 0, 1, 2 ..., uncentred."""
    part = load_keras().Model(model.input, model.get_layer("grid").output)
    codes = np.arange(model.input_shape[1], dtype=np.float32)
    return np.asarray(part(codes[None])[0]) * 2 + 2


def test_features_fill_the_grid_row_by_row_and_the_middle_bin_the_rest():
    assert grid_of(network(5, grid="2x3")).tolist() == [[0, 1, 2], [3, 4, 2]]


@pytest.mark.parametrize(
    ("n_features", "shape"), [(12, (4, 3)), (5, (3, 2)), (9, (3, 3)), (1, (1, 1))]
)
def test_without_a_grid_it_is_as_square_as_it_can_be(n_features, shape):
    assert grid_of(network(n_features)).shape == shape


@pytest.mark.parametrize("preset", ["22x108", "44x54", "88x27", "44x63"])
def test_the_grids_of_the_original_are_presets(preset):
    model = FAMILY.network(FAMILY.Parameters(**FAMILY.presets[preset]), 2_376)
    rows, columns = map(int, preset.split("x"))
    assert model.get_layer("grid").output.shape == (None, rows, columns)
    is_1d = preset == "22x108"
    name = "Conv1D" if is_1d else "Conv2D"
    assert type(model.get_layer("convolve_1")).__name__ == name


def test_a_grid_of_the_transform_is_taken():
    one = network(12, transform="XY,3,4", convolution="1d")
    assert one.get_layer("convolve_1").input.shape == (None, 3, 4)
    two = network(12, transform="ZYX,2,3,2")
    assert two.get_layer("convolve_1").input.shape == (None, 3, 2, 2)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"grid": "3x3"},
            "grid 3x3 has 9 places, but there are 12 features. Set grid to 3x4, or "
            "use fewer features.",
        ),
        (
            {"grid": "3x4", "transform": "YX,3,4"},
            "grid is 3x4, but the transform already makes a grid. Remove one of them.",
        ),
        (
            {"transform": "YXZ,3,2,2", "convolution": "1d"},
            "convolution is 1d, which takes a grid of y, x, but the transform makes "
            'one of y, x, z. Set convolution = "2d", or remove the channels.',
        ),
    ],
)
def test_a_grid_that_does_not_fit_is_told(parameters, sentence):
    with pytest.raises(ConfigError) as caught:
        network(12, **parameters)
    assert str(caught.value) == sentence
