import numpy as np
import pytest

from numerai_pipeline.models import MemberDense, load_keras
from numerai_pipeline.models.networks.tabm import FAMILY

keras = load_keras()


@pytest.mark.parametrize("has_members", [False, True])
def test_each_member_scales_what_goes_in_and_out(has_members):
    random = np.random.default_rng(1)
    batch, members, width, units = 4, 3, 5, 2
    shape = (batch, members, width) if has_members else (batch, width)
    x = random.normal(size=shape).astype(np.float32)
    layer = MemberDense(units, members)
    layer.build(shape)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    kernel, scale_in, scale_out, bias = layer.get_weights()
    found = np.asarray(layer(x))
    assert found.shape == layer.compute_output_shape(shape) == (batch, members, units)
    for member in range(members):
        seen = x[:, member] if has_members else x
        expected = (seen * scale_in[member]) @ kernel * scale_out[member] + bias[member]
        np.testing.assert_allclose(found[:, member], expected, rtol=1e-4, atol=1e-5)


def test_signs_make_the_members_differ_at_the_start():
    layer = MemberDense(2, 4, first_scales="signs")
    layer.build((None, 50))
    assert set(np.unique(layer.input_scale)) == {-1.0, 1.0}
    assert len(np.unique(np.asarray(layer.input_scale), axis=0)) == 4
    plain = MemberDense(2, 4)
    plain.build((None, 50))
    assert set(np.unique(plain.input_scale)) == {1.0}


def test_it_is_made_again_from_its_config():
    layer = MemberDense(2, 4, first_scales="signs", name="dense_1")
    again = MemberDense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_members_share_nearly_all_weights():
    def n_weights(members):
        table = FAMILY.Parameters(units=(64, 64), members=members)
        return FAMILY.network(table, 100).count_params()

    assert n_weights(16) < 2.2 * n_weights(1)


def test_the_prediction_is_the_mean_of_the_members():
    table = FAMILY.Parameters(units=(4,), members=3, also_targets=("b",))
    model = FAMILY.network(table, 5)
    head = model.get_layer("target")
    random = np.random.default_rng(2)
    head.set_weights([random.normal(size=w.shape) for w in head.get_weights()])
    x = random.integers(0, 5, (6, 5)).astype(np.float32)
    raw = model.predict_on_batch(x)
    assert raw.shape == (6, 2, 3)
    assert raw.std(axis=2).min() > 0
    found = FAMILY.predicting(model, table).predict_on_batch(x)
    np.testing.assert_allclose(found, raw.mean(axis=2), rtol=1e-5)
