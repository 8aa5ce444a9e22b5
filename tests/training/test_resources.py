import pytest

from numerai_pipeline.training import n_cores, n_parallel, planned_bytes

FULL_WIDTH = 100_000 * 2_748
MANY_GB = 10**14


def test_trees_take_a_fold_per_core_as_far_as_memory_goes():
    assert n_parallel("lightgbm", 99, FULL_WIDTH, MANY_GB) == n_cores()
    assert n_parallel("xgboost", 1, FULL_WIDTH, MANY_GB) == 1
    needed = planned_bytes("lightgbm", FULL_WIDTH)
    assert n_parallel("lightgbm", 99, FULL_WIDTH, 2 * needed - 1) == 1
    assert n_parallel("lightgbm", 99, FULL_WIDTH, needed - 1) == 1


@pytest.mark.parametrize(
    ("engine", "n_values"),
    [
        ("keras", FULL_WIDTH),
        ("catboost", FULL_WIDTH),
        ("ridge", FULL_WIDTH),
        ("lightgbm", 10_000),
    ],
)
def test_others_and_small_folds_come_one_after_the_other(engine, n_values):
    assert n_parallel(engine, 99, n_values, MANY_GB) == 1


def test_half_a_byte_per_value_of_lightgbm_and_two_of_xgboost():
    base = planned_bytes("lightgbm", 0)
    assert planned_bytes("lightgbm", FULL_WIDTH) - base == FULL_WIDTH // 2
    assert planned_bytes("xgboost", FULL_WIDTH) > 4 * (FULL_WIDTH // 2)
