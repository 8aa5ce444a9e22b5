"""Members of an ensemble are scored as any other model."""

import numpy as np
import pytest

from numerai_pipeline.scoring import (
    contribution_per_era,
    corr_per_era,
    member_scores,
    similarity_per_era,
)


@pytest.fixture(scope="module")
def rows():
    """Predictions, targets, meta model and eras of 3 members; era 1 is not covered."""
    rng = np.random.default_rng(8)
    eras = np.repeat(np.arange(1, 6), 60)
    targets = rng.choice([0, 0.25, 0.5, 0.75, 1], 300)
    targets[::11] = np.nan
    predictions = np.nan_to_num(targets)[:, None] + rng.normal(size=(300, 3))
    # Ties, and a member that predicts nothing in era 2.
    predictions = predictions.round(1)
    predictions[eras == 2, 2] = 0.5
    meta_model = rng.normal(size=300)
    # A sixth of era 3 is missing, which is taken; a third of era 4 is too much.
    for era, n_missing in ((1, 60), (3, 10), (4, 20)):
        meta_model[np.flatnonzero(eras == era)[:n_missing]] = np.nan
    return predictions, targets, meta_model, eras


def test_members_are_scored_as_any_other_model(rows):
    predictions, targets, meta_model, eras = rows
    found = member_scores(*rows)
    assert found.eras.tolist() == [1, 2, 3, 4, 5]
    is_covered = np.isin(eras, [2, 3, 5])
    kept = ~np.isnan(targets)
    for place, member in enumerate(predictions.T):
        expected = corr_per_era(member, targets, eras).values
        np.testing.assert_array_equal(found.corr[:, place], expected)
        of_covered = [column[is_covered] for column in (member, meta_model, targets)]
        expected = contribution_per_era(*of_covered, eras[is_covered]).values
        np.testing.assert_array_equal(found.mmc[[1, 2, 4], place], expected)
        other = predictions[:, 0]
        expected = similarity_per_era(member[kept], other[kept], eras[kept]).values
        # A member that predicts nothing is like no other.
        expected = np.nan_to_num(expected)
        np.testing.assert_allclose(found.similarity[:, place, 0], expected, atol=1e-12)
    np.testing.assert_array_equal(np.diagonal(found.similarity, axis1=1, axis2=2), 1)
    assert np.isnan(found.mmc[[0, 3]]).all()
    assert np.isnan(member_scores(predictions, targets, None, eras).mmc).all()
