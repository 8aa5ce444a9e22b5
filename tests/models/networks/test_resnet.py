import numpy as np

from numerai_pipeline.models import load_keras
from numerai_pipeline.models.networks.resnet import FAMILY


def test_a_block_adds_to_the_stream_and_normalizes_before():
    table = FAMILY.Parameters(width=4, blocks=2, hidden_factor=1.5)
    model = FAMILY.network(table, 3)
    assert model.get_layer("widen_2").units == 6
    assert model.get_layer("normalize_1").input is model.get_layer("stem").output
    # With nothing to add, the stream goes through as it is.
    for index in (1, 2):
        layer = model.get_layer(f"narrow_{index}")
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    ends = [model.get_layer(name).output for name in ("stem", "add_2")]
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    begin, end = load_keras().Model(model.input, ends).predict_on_batch(x)
    np.testing.assert_array_equal(begin, end)
