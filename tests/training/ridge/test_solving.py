import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from numerai_pipeline.training.ridge.products import Products
from numerai_pipeline.training.ridge.solving import solve

PENALTIES = (1e-3, 1.0, 1e4)


def rows(n_rows, n_features, seed=1, n_targets=1):
    random = np.random.default_rng(seed)
    x = random.integers(0, 5, (n_rows, n_features)).astype(np.float32)
    y = random.integers(0, 5, (n_rows, n_targets)) / np.float32(4)
    return x, y.astype(np.float32)


def summed(x, y, weights=None):
    products = Products(x.shape[1], y.shape[1], missing=2.0)
    for at, part in enumerate(np.array_split(np.arange(len(x)), 3)):
        products.add(x[part], y[part], 1.0 if weights is None else weights[at])
    products.settle()
    return products


def assert_same_as_scikit(x, y, penalties=PENALTIES):
    found = solve(summed(x, y), penalties)
    for at, penalty in enumerate(penalties):
        peer = Ridge(alpha=penalty).fit(x.astype(np.float64), y.astype(np.float64))
        expected = peer.coef_.reshape(y.shape[1], -1).T
        scale = np.abs(expected).max() or 1.0
        np.testing.assert_allclose(
            found.coefficients[:, at], expected, rtol=0, atol=1e-6 * scale
        )
        np.testing.assert_allclose(found.intercepts[at], peer.intercept_, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 9),
    st.sampled_from([2.0, -100.0, 0.0, 4000.0, 9999.0]),
    st.integers(0, 99),
)
def test_products_of_whole_numbers_are_exact(n_rows, n_features, missing, seed):
    x, y = rows(n_rows, n_features, seed)
    x[x == 1] = missing
    products = Products(n_features, 1, missing=missing)
    for part in np.array_split(np.arange(n_rows), 4):
        products.add(x[part], y[part])
    products.settle()
    whole = x.astype(np.int64)
    np.testing.assert_array_equal(
        np.triu(products.gram).astype(np.int64), np.triu(whole.T @ whole)
    )
    np.testing.assert_array_equal(products.cross[:, 0], whole.sum(axis=0))
    np.testing.assert_array_equal(products.cross[:, 1], whole.T @ (y[:, 0] * 4) / 4)


def test_more_rows_than_float32_holds_are_exact():
    x = np.full((5_000, 2), 4.0, np.float32)
    x[:, 1] = 3.0
    products = Products(2, 1, missing=2.0)
    for _ in range(400):
        products.add(x, x[:, :1])
    products.settle()
    n_rows = 400 * 5_000
    expected = [[16 * n_rows, 12 * n_rows], [0, 9 * n_rows]]
    np.testing.assert_array_equal(products.gram, expected)


def test_several_targets():
    assert_same_as_scikit(*rows(90, 6, n_targets=3))


def test_constant_and_repeated_features():
    x, y = rows(80, 7)
    x[:, 2], x[:, 5], x[:, 6] = 4.0, x[:, 1], x[:, 1]
    assert_same_as_scikit(x, y)
    found = solve(summed(x, y), PENALTIES).coefficients[..., 0]
    np.testing.assert_allclose(found[2], 0, atol=1e-15)
    np.testing.assert_allclose(found[[5, 6]], found[[1, 1]], rtol=1e-6)


def test_more_features_than_rows():
    assert_same_as_scikit(*rows(20, 45))


def test_without_a_penalty_it_is_the_solution_of_the_smallest_norm():
    x, y = rows(20, 45)
    x[:, 3] = 4.0
    found = solve(summed(x, y), [0.0])
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    expected = np.linalg.lstsq(centred, y - y.mean(dtype=float), rcond=1e-10)[0]
    np.testing.assert_allclose(found.coefficients[:, 0], expected, atol=1e-9)
    assert found.losses[0, 0] == pytest.approx(0, abs=1e-9)


def test_equal_targets_and_only_constant_features_say_nothing():
    x, y = rows(30, 4)
    same = solve(summed(x, np.full_like(y, 0.5)), [0.0, 1.0])
    assert (np.abs(same.coefficients) < 1e-15).all()
    np.testing.assert_allclose(same.intercepts, 0.5)
    constant = solve(summed(np.full_like(x, 3.0), y), [0.0, 1.0])
    assert (constant.coefficients == 0).all()
    np.testing.assert_allclose(constant.intercepts, y.mean())


def test_weights_and_losses():
    x, y = rows(60, 5)
    weights = [0.5, 3.0, 1.25]
    found = solve(summed(x, y, weights), PENALTIES)
    of_row = np.repeat(weights, 20)
    for at, penalty in enumerate(PENALTIES):
        peer = Ridge(alpha=penalty)
        peer.fit(x.astype(np.float64), y[:, 0].astype(np.float64), of_row)
        np.testing.assert_allclose(
            found.coefficients[:, at, 0], peer.coef_, rtol=1e-8, atol=1e-12
        )
        errors = (peer.predict(x) - y[:, 0]) ** 2
        assert found.losses[at, 0] == pytest.approx(np.average(errors, weights=of_row))
