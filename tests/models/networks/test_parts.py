import numpy as np
import pytest

from numerai_pipeline.models import KerasParameters, load_keras, network_input

ROW = np.array([[0, 1, 2, 3, 4, np.nan]], np.float32)


def begun(text, *, flat=False, **parameters):
    table = KerasParameters(transform=text, **parameters)
    inputs, x = network_input(table, 6, flat=flat)
    return load_keras().Model(inputs, x)


def test_codes_are_centred_after_the_transform():
    found = begun("NaN,2,_|YX,2,3").predict_on_batch(ROW)
    np.testing.assert_array_equal(found[0], [[-1, -0.5, 0], [0.5, 1, 0]])


def test_flags_of_a_mask_are_1_where_a_feature_is_missing():
    found = begun("Mask").predict_on_batch(ROW)
    np.testing.assert_array_equal(found[0], [-1, -0.5, 0, 0.5, 1, 0, 0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("text", ["YX,2,3", "", "YXZ,1,2,3"])
def test_a_grid_is_made_flat_for_those_who_need_a_row(text):
    assert begun(text, flat=True).output_shape == (None, 6)


def test_noise_is_there_in_training_alone():
    model = begun("", input_noise=0.5)
    x = np.full((400, 6), 2, np.float32)
    assert not np.any(model(x))
    assert np.std(model(x, training=True)) == pytest.approx(0.5, rel=0.1)
    assert "noise" not in [layer.name for layer in begun("").layers]
